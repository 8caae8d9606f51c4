//! The files and the environment of this process, and what identifies the files that were read.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::Path;

use crate::conf::{Sources, Surroundings};
use sha2::{Digest, Sha256};

/// The largest file that is read as configuration, in bytes; a guess far above any real one.
const FILE_MAX: u64 = 64 * 1024 * 1024;

/// SHA-256 of all files, in hexadecimal digits.
pub(super) fn digest(sources: &Sources) -> String {
    let mut hash = Sha256::new();
    for source in sources.iter() {
        hash.update(&source.bytes);
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The files and the environment of this process.
pub(super) struct System;

impl Surroundings for System {
    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path)?;
        file.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_MAX {
            return Err(io::Error::other(format!(
                "the file is larger than {FILE_MAX} bytes"
            )));
        }
        Ok(bytes)
    }

    fn variable(&self, name: &str) -> Option<String> {
        if name.is_empty() || name.contains(['=', '\0']) {
            return None; // No such variable can be; asking for one may panic.
        }
        std::env::var(name).ok()
    }
}
