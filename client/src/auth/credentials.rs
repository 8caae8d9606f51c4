//! Credentials files: a JWT and the seed that signs for it, each between two lines of dashes.
//!
//! ```text
//! -----BEGIN NATS USER JWT-----
//! eyJ0eXAi…
//! ------END NATS USER JWT------
//! …
//! -----BEGIN USER NKEY SEED-----
//! SUAO…
//! ------END USER NKEY SEED------
//! ```

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use super::key::UserKey;

#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) jwt: String,
    pub(super) key: UserKey,
}

impl Credentials {
    /// Reads the file at `path`; the error is a text that goes behind its name.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut text = Zeroizing::new(String::new());
        let read = file.take(FILE_MAX + 1).read_to_string(&mut text);
        match read.map_err(|error| error.to_string())? as u64 {
            len if len > FILE_MAX => Err("no credentials file: too large".to_owned()),
            _ => Self::parse(&text),
        }
    }

    /// The first block is the JWT, the second one the seed, whatever their lines of dashes say:
    /// so do all clients.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut blocks = blocks(text);
        let jwt = blocks.next().ok_or("no JWT between lines of dashes")?;
        let seed = blocks.next().ok_or("no seed behind the JWT")?;
        let key = UserKey::from_seed(seed).map_err(|error| error.to_string())?;
        Ok(Self {
            jwt: jwt.to_owned(),
            key,
        })
    }
}

/// The lines that stand alone between two lines of dashes.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let is_rule = |line: &str| line.starts_with("---") && line.ends_with("---");
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    std::iter::from_fn(move || {
        loop {
            if !is_rule(lines.next()?) {
                continue;
            }
            let block = lines.next()?;
            if !is_rule(block) && is_rule(lines.next()?) {
                return Some(block);
            }
        }
    })
}

/// In bytes: a JWT with many permissions is a few KiB.
const FILE_MAX: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn file(jwt: &str, seed: &str) -> String {
        format!(
            "-----BEGIN NATS USER JWT-----\r\n{jwt}\r\n------END NATS USER JWT------\r\n\r\n\
             ************ IMPORTANT ************\r\nkeep it secret\r\n\r\n\
             -----BEGIN USER NKEY SEED-----\r\n{seed}\r\n------END USER NKEY SEED------\r\n\r\n\
             ***********\r\n"
        )
    }

    #[test]
    fn both_parts_are_found_between_their_dashes() {
        let pair = nkeys::KeyPair::new_user();
        let credentials = Credentials::parse(&file("e.y.J", &pair.seed().unwrap())).unwrap();
        assert_eq!(credentials.jwt, "e.y.J");
        assert_eq!(credentials.key.public_key(), pair.public_key());
    }

    #[test]
    fn what_is_missing_is_said() {
        let error = |text: &str| Credentials::parse(text).map(|_| ()).unwrap_err();
        assert_eq!(error("SUA"), "no JWT between lines of dashes");
        let whole = file("e.y.J", "SUA");
        let half = whole.split("*****").next().unwrap();
        assert_eq!(error(half), "no seed behind the JWT");
        assert_eq!(error(&whole), "seed is not 58 letters of base32");
        assert!(Credentials::read(Path::new("/nowhere.creds")).is_err());
    }
}
