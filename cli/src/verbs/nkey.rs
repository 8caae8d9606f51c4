//! `dunlin nkey`: key pairs with which a client shows who it is without a password.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use nkeys::KeyPair;

use super::Common;
use crate::failure::Failure;
use crate::json::Object;
use crate::output::say;

/// Make and look at nkeys
#[derive(Debug, Args)]
pub(crate) struct Nkey {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key pair: the seed is the secret, the public key goes into the configuration
    #[command(after_help = "\
EXAMPLES
  dunlin nkey new user
  dunlin nkey new user --out ada.nk       prints the public key only")]
    New {
        /// Whose key it is
        #[arg(value_enum)]
        kind: Kind,

        /// Write the seed to this file, which must not be there yet; only you may read it
        #[arg(short, long, value_name = "PATH")]
        out: Option<PathBuf>,
    },
    /// Print the public key of a seed
    Public {
        /// A file with the seed, or a credentials file; `-` reads stdin
        path: PathBuf,
    },
}

/// The kinds of keys that people handle.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    User,
    Account,
    Operator,
    Server,
    Cluster,
}

impl Nkey {
    pub(crate) fn run(self, common: &Common) -> Result<(), Failure> {
        match self.action {
            Action::New { kind, out } => make(kind, out.as_deref(), common),
            Action::Public { path } => {
                let public = seed_of(&path)?.public_key();
                match common.style.is_json {
                    true => say(&Object::new().text("public", &public).end()),
                    false => say(&public),
                }
            }
        }
    }
}

fn make(kind: Kind, out: Option<&Path>, common: &Common) -> Result<(), Failure> {
    let pair = match kind {
        Kind::User => KeyPair::new_user(),
        Kind::Account => KeyPair::new_account(),
        Kind::Operator => KeyPair::new_operator(),
        Kind::Server => KeyPair::new_server(),
        Kind::Cluster => KeyPair::new_cluster(),
    };
    let seed = pair.seed();
    let seed = seed.map_err(|error| Failure::because("cannot make a key", error))?;
    if let Some(path) = out {
        write_secret(path, &seed).map_err(|error| Failure::because(path.display(), error))?;
    }
    let shown = out.is_none().then_some(&*seed);
    if common.style.is_json {
        let object = Object::new().text_if("seed", shown);
        return say(&object.text("public", &pair.public_key()).end());
    }
    shown.map_or(Ok(()), say)?;
    say(&pair.public_key())
}

/// Writes a new file that its owner alone may read.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{text}")
}

/// The key pair whose seed stands in the file, alone or in a credentials file.
fn seed_of(path: &Path) -> Result<KeyPair, Failure> {
    let failed = |error| Failure::because(path.display(), error);
    let mut text = String::new();
    match path.to_str() {
        Some("-") => std::io::stdin().take(FILE_MAX).read_to_string(&mut text),
        _ => {
            let file = std::fs::File::open(path).map_err(failed)?;
            file.take(FILE_MAX).read_to_string(&mut text)
        }
    }
    .map_err(failed)?;
    // Lines that are no seed are armour, or a JWT.
    let pair = text
        .lines()
        .find_map(|line| KeyPair::from_seed(line.trim()).ok());
    pair.ok_or_else(|| Failure::because(path.display(), "holds no seed"))
}

/// Far more than a credentials file has.
const FILE_MAX: u64 = 1024 * 1024;
