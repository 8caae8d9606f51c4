//! How files stood when they were looked at.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::options::{Source, TlsOptions};

/// What tells a file from the same one before: when it was written, and how long it is. None if it
/// is not there.
type Stamp = Option<(SystemTime, u64)>;

/// How the files of some options stood.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stamps(Vec<Stamp>);

impl Stamps {
    /// How they stand now.
    pub(super) fn of(options: &TlsOptions) -> Self {
        Self(paths(options).iter().map(|path| stamp(path)).collect())
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn paths(options: &TlsOptions) -> Vec<PathBuf> {
    let pairs = options.certificates.iter();
    pairs
        .flat_map(|(cert, key)| [cert, key])
        .chain(&options.roots)
        .filter_map(Source::path)
        .map(Path::to_owned)
        .collect()
}
