//! Certificates that are renewed under a running server: read again when their files change.
//!
//! Files are looked at once a second. What changes is left alone until it has been the same for two
//! looks, since a certificate and its key are seldom written at once; what cannot be used then is
//! said once, and the old one stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::encryption::{Current, Encryption};
use super::options::{Source, TlsOptions};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

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

/// Reads the files of `encryption` again whenever they have changed; never ends.
pub(crate) async fn keep_fresh(encryption: Arc<Encryption>) {
    let mut last = Stamps::default();
    let mut bad = Stamps::default();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let Some(current) = encryption.current() else {
            continue;
        };
        let looked_at = Arc::clone(&current);
        let look = move || Stamps::of(&looked_at.options);
        let Ok(now) = tokio::task::spawn_blocking(look).await else {
            return; // The runtime ends.
        };
        let is_settled = now == last;
        last = now;
        if !is_settled || last == current.stamps || last == bad {
            continue;
        }
        let options = current.options.clone();
        match tokio::task::spawn_blocking(move || Current::new(options)).await {
            Ok(Ok(fresh)) => {
                if encryption.renew(&current, fresh) {
                    tracing::info!("Reloaded: TLS certificates, since their files have changed");
                }
            }
            Ok(Err(error)) => {
                tracing::warn!("the TLS certificates before stay in force: {error}");
                bad = std::mem::take(&mut last);
            }
            Err(_) => return,
        }
    }
}
