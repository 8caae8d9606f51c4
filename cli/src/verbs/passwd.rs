//! `dunlin passwd`: a password as configuration files may hold it.

use std::io::{self, BufRead, IsTerminal, Read};

use clap::Args;
use dunlin_server::program::credentials::{self, unseen};

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
            true => made_up()?,
            false => self.read()?,
        };
        if let Some(hash) = &self.check {
            let is_right = bcrypt::non_truncating_verify(&password, hash);
            return match is_right.map_err(|error| Failure::because("cannot check", error))? {
                true => Ok(()),
                false => Err(Failure::new(Code::Failed, "the password is another one")),
            };
        }
        let hash = credentials::hash(&password, self.cost);
        let hash = hash.map_err(|error| Failure::new(Code::Failed, format_args!("{error:#}")))?;
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
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::Interrupted => Failure::silent(Code::Interrupted),
            _ => Failure::because("cannot read the password", error),
        };
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

fn made_up() -> Result<String, Failure> {
    credentials::made_up().map_err(|error| Failure::new(Code::Failed, format_args!("{error:#}")))
}

/// bcrypt takes 72 bytes; more is an error there, not here.
const LINE_MAX: u64 = 4096;
