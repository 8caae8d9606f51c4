//! `dunlin passwd`: a password as configuration files may hold it.

use std::io::{self, BufRead, IsTerminal, Read};

use bcrypt::Version;
use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::Common;
use crate::failure::{Code, Failure};
use crate::json::Object;
use crate::output::say;

/// Make the bcrypt hash of a password, for a configuration file
#[derive(Debug, Args)]
#[command(after_help = "\
Asks twice for the password at a terminal, else reads one line from stdin.

EXAMPLES
  dunlin passwd
  dunlin passwd --generate
  dunlin passwd --check '$2a$11$…' < password")]
pub(crate) struct Passwd {
    /// Invent a password, and print it in front of its hash
    #[arg(short, long = "generate")]
    is_generated: bool,

    /// How long hashing takes: each step doubles it [default: 11]
    #[arg(long, value_name = "4-31", default_value = "11", hide_default_value = true,
          value_parser = clap::value_parser!(u32).range(4..=31))]
    cost: u32,

    /// Say whether the password belongs to this hash: 0 or 1
    #[arg(long, value_name = "HASH", conflicts_with = "is_generated")]
    check: Option<String>,
}

impl Passwd {
    pub(crate) fn run(self, common: &Common) -> Result<(), Failure> {
        let password = match self.is_generated {
            true => invented()?,
            false => self.read()?,
        };
        if let Some(hash) = &self.check {
            let is_right = bcrypt::non_truncating_verify(&password, hash);
            return match is_right.map_err(|error| Failure::because("cannot check", error))? {
                true => Ok(()),
                false => Err(Failure::new(Code::Failed, "the password is another one")),
            };
        }
        let parts = bcrypt::non_truncating_hash_with_result(&password, self.cost);
        let parts = parts.map_err(|error| Failure::because("cannot hash the password", error))?;
        // The spelling that every implementation knows; the algorithm is the same.
        let hash = parts.format_for_version(Version::TwoA);
        let shown = self.is_generated.then_some(&*password);
        if common.style.is_json {
            return say(&Object::new()
                .text_if("password", shown)
                .text("hash", &hash)
                .end());
        }
        shown.map_or(Ok(()), say)?;
        say(&hash)
    }

    fn read(&self) -> Result<String, Failure> {
        let failed = |error| Failure::because("cannot read the password", error);
        if !io::stdin().is_terminal() {
            let mut line = String::new();
            let mut input = io::stdin().lock().take(LINE_MAX);
            input.read_line(&mut line).map_err(failed)?;
            let password = line.trim_end_matches(['\n', '\r']);
            return match password.is_empty() {
                true => Err(Failure::usage("no password on stdin")),
                false => Ok(password.to_owned()),
            };
        }
        let password = unseen("Password: ").map_err(failed)?;
        let is_new = self.check.is_none();
        if password.is_empty() {
            return Err(Failure::usage("an empty password"));
        }
        if is_new && unseen("Again: ").map_err(failed)? != password {
            return Err(Failure::new(Code::Failed, "the two were not the same"));
        }
        Ok(password)
    }
}

/// A line that is typed and not shown. What is typed ahead is not shown either.
fn unseen(prompt: &str) -> io::Result<String> {
    let before = tcgetattr(io::stdin())?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    hidden.local_modes.insert(LocalModes::ECHONL);
    tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
    eprint!("{prompt}");
    let mut line = String::new();
    let read = io::stdin().lock().take(LINE_MAX).read_line(&mut line);
    tcsetattr(io::stdin(), OptionalActions::Now, &before)?;
    read?;
    line.truncate(line.trim_end_matches(['\n', '\r']).len());
    Ok(line)
}

/// Twenty-two letters and digits that nobody can guess: 128 bits and a little.
fn invented() -> Result<String, Failure> {
    let mut letters = String::new();
    while letters.len() < LETTERS {
        let mut bytes = [0; 64];
        let filled = getrandom::fill(&mut bytes);
        filled.map_err(|error| Failure::because("the system has no random bytes", error))?;
        // What would favour some letters is thrown away.
        let fair = bytes
            .iter()
            .filter(|&&byte| usize::from(byte) < 4 * ALPHABET.len());
        let letter = |byte: &u8| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]);
        letters.extend(fair.map(letter).take(LETTERS - letters.len()));
    }
    Ok(letters)
}

const LETTERS: usize = 22;
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// bcrypt takes 72 bytes; more is an error there, not here.
const LINE_MAX: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_passwords_differ() {
        let (one, two) = (invented().unwrap(), invented().unwrap());
        assert!(one != two && one.len() == LETTERS, "{one} {two}");
    }
}
