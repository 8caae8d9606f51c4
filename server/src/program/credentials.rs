//! Credentials for a configuration file: hashes of passwords and keys, made where they are needed.
//!
//! `dunlin-server passwd` and `dunlin-server nkey`. What belongs into the file goes to stdout, what is
//! for whoever sits there to stderr.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, bail};
use nkeys::KeyPair;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// The cost of a hash: about a tenth of a second to check, as nats-server's tools have it.
const COST: u32 = 11;
/// The most bytes of a password that bcrypt looks at; more would be let in by their beginning.
const PASSWORD_MAX: usize = 72;
/// The letters of a password that is made up: 22 of 64 are 132 bits.
const MADE_UP_LEN: usize = 22;
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The bcrypt hash of a password: of the first line of stdin, or of one made up where that is empty.
pub(crate) fn passwd() -> anyhow::Result<String> {
    let given = line("password (empty to have one made up): ")?;
    let password = match given.as_str() {
        "" => {
            let made_up = made_up()?;
            eprintln!("password: {made_up}");
            made_up
        }
        _ if io::stdin().is_terminal() && line("again: ")? != given => {
            bail!("the passwords differ");
        }
        _ => given,
    };
    if password.len() > PASSWORD_MAX {
        bail!("bcrypt takes passwords of up to {PASSWORD_MAX} bytes");
    }
    bcrypt::hash(password, COST).context("cannot hash the password")
}

/// A new key of a user: both halves, the public one for the file.
pub(crate) fn nkey() -> anyhow::Result<String> {
    let pair = KeyPair::new_user();
    let seed = pair.seed().context("cannot make a key")?;
    eprintln!("seed, for the client alone: {seed}");
    Ok(pair.public_key())
}

/// One line of stdin; what is typed is not shown.
fn line(prompt: &str) -> anyhow::Result<String> {
    let stdin = io::stdin();
    let mut text = String::new();
    if !stdin.is_terminal() {
        stdin.lock().read_line(&mut text)?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    eprint!("{prompt}");
    io::stderr().flush()?;
    let shown = tcgetattr(&stdin)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Now, &hidden)?;
    let read = stdin.lock().read_line(&mut text);
    tcsetattr(&stdin, OptionalActions::Now, &shown)?;
    eprintln!();
    read?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// A password of the system's random bytes, taken by way of a fresh key.
fn made_up() -> anyhow::Result<String> {
    let seed = KeyPair::new_user()
        .seed()
        .context("the system has no random bytes")?;
    let hash = <sha2::Sha256 as sha2::Digest>::digest(seed.as_bytes());
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 64)]);
    Ok(hash.iter().take(MADE_UP_LEN).map(letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_passwords_are_long_and_differ() {
        let (one, two) = (made_up().unwrap(), made_up().unwrap());
        assert_eq!(one.len(), MADE_UP_LEN);
        assert_ne!(one, two);
    }

    #[test]
    fn a_key_is_one_of_a_user() {
        let key = nkey().unwrap();
        assert!(
            key.starts_with('U') && KeyPair::from_public_key(&key).is_ok(),
            "{key}"
        );
    }
}
