//! Credentials for a configuration file: hashes of passwords and keys, made where they are needed.
//!
//! `dunlin-server passwd` and `dunlin-server nkey`, and what `dunlin passwd` shares with them. What
//! belongs into the file goes to stdout, what is for whoever sits there to stderr.

use std::io::{self, BufRead, ErrorKind, IsTerminal, Read, Write};

use anyhow::{Context, bail};
use bcrypt::Version;
use nkeys::KeyPair;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};

/// How long hashing takes, and checking: about a tenth of a second, as nats-server's tools have it;
/// each step doubles it.
pub const COST: u32 = 11;
/// How many letters and digits a password has that is made up: 22 of 62 are 130 bits.
const MADE_UP_LEN: usize = 22;
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// The longest password, in bytes: bcrypt looks at no more.
const PASSWORD_MAX: usize = 72;
/// The longest line that is read, in bytes.
const LINE_MAX: u64 = 4096;

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
    hash(&password, COST)
}

/// The bcrypt hash of `password`, in the spelling that every implementation knows.
///
/// # Errors
///
/// The password has more than 72 bytes: others would be let in by their beginning.
pub fn hash(password: &str, cost: u32) -> anyhow::Result<String> {
    if password.len() > PASSWORD_MAX {
        bail!("a password has at most {PASSWORD_MAX} bytes");
    }
    let parts = bcrypt::hash_with_result(password, cost).context("cannot hash the password")?;
    Ok(parts.format_for_version(Version::TwoA))
}

/// A new key of a user: both halves, the public one for the file.
pub(crate) fn nkey() -> anyhow::Result<String> {
    let pair = KeyPair::new_user();
    let seed = pair.seed().context("cannot make a key")?;
    eprintln!("seed, for the client alone: {seed}");
    Ok(pair.public_key())
}

/// One line of stdin; what is typed is not shown.
fn line(prompt: &str) -> io::Result<String> {
    if io::stdin().is_terminal() {
        return unseen(prompt);
    }
    let mut text = String::new();
    io::stdin().lock().take(LINE_MAX).read_line(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// A line that is typed at the terminal and not shown. What is typed ahead is not shown either.
///
/// # Errors
///
/// Stdin is no terminal, or cannot be read; `Interrupted` at Ctrl-C.
pub fn unseen(prompt: &str) -> io::Result<String> {
    let stdin = io::stdin();
    let shown = tcgetattr(&stdin)?;
    let mut hidden = shown.clone();
    hidden
        .local_modes
        .remove(LocalModes::ECHO | LocalModes::ISIG);
    hidden.local_modes.insert(LocalModes::ECHONL);
    // Ctrl-C ends the line and not the program, which would leave the terminal without its echo.
    let interrupt = shown.special_codes[SpecialCodeIndex::VINTR];
    hidden.special_codes[SpecialCodeIndex::VEOL] = interrupt;
    tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
    eprint!("{prompt}");
    io::stderr().flush()?;
    let mut line = [0; LINE_MAX as usize];
    let read = stdin.lock().read(&mut line); // A terminal gives a line at a time.
    tcsetattr(&stdin, OptionalActions::Now, &shown)?;
    let line = &line[..read?];
    if interrupt != 0 && line.last() == Some(&interrupt) {
        eprintln!();
        return Err(ErrorKind::Interrupted.into());
    }
    let text =
        str::from_utf8(line).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// A password that nobody can guess.
///
/// # Errors
///
/// The system has no random bytes.
pub fn made_up() -> anyhow::Result<String> {
    let mut letters = String::new();
    while letters.len() < MADE_UP_LEN {
        let mut bytes = [0; 64];
        getrandom::fill(&mut bytes).context("the system has no random bytes")?;
        // What would favour some letters is thrown away.
        let fair = bytes
            .iter()
            .filter(|&&byte| usize::from(byte) < 4 * ALPHABET.len());
        let letter = |byte: &u8| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]);
        letters.extend(fair.map(letter).take(MADE_UP_LEN - letters.len()));
    }
    Ok(letters)
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
    fn a_long_password_is_refused_and_not_cut() {
        let (longest, longer) = ("x".repeat(72), "x".repeat(73));
        assert!(hash(&longest, 4).is_ok_and(|hash| hash.starts_with("$2a$04$")));
        assert!(hash(&longer, 4).is_err());
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
