//! `dunlin serve` and `dunlin check`: the server itself, in this process, and its configuration.
//!
//! Both are the program `dunlin-server` under another name: the same flags, the same file, the same
//! log, the same answers to signals.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

/// Be the server
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    after_help = "\
EXAMPLES
  dunlin serve                     on port 4222, for everybody
  dunlin serve -a 127.0.0.1 -p 4333 -m 8222
  dunlin serve -c nats.conf        with the configuration file of a nats-server"
)]
pub(crate) struct Serve {
    /// The flags of dunlin-server, which are those of nats-server; --help lists them
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "FLAGS"
    )]
    flags: Vec<OsString>,
}

/// Say what is wrong with a configuration file, and exit
#[derive(Debug, Args)]
#[command(after_help = "\
As `dunlin-server -t -c FILE`: every mistake with its place, what was expected and what was perhaps \
meant; and whether the port and the files that it names can be used here.")]
pub(crate) struct Check {
    /// The file
    file: PathBuf,

    /// Take warnings for errors
    #[arg(long = "strict")]
    is_strict: bool,
}

/// Serves where the second of `words` is `serve`: what stands behind it is for the server alone, so
/// that `-s` and `-v` mean there what they mean to it.
pub(crate) fn serve(words: &[OsString]) -> Option<ExitCode> {
    let is_serve = words.get(1).is_some_and(|word| word == "serve");
    is_serve.then(|| dunlin_server::program::main(words, 2))
}

impl Serve {
    /// Serves where other flags stand in front of the verb.
    pub(crate) fn run(self) -> ExitCode {
        let mut words = vec![OsString::from("dunlin"), OsString::from("serve")];
        words.extend(self.flags);
        dunlin_server::program::main(&words, 2)
    }
}

impl Check {
    pub(crate) fn run(self) -> ExitCode {
        let mut words: Vec<OsString> = vec!["dunlin".into(), "-t".into(), "-c".into()];
        words.push(self.file.into());
        if self.is_strict {
            words.push("--strict".into());
        }
        dunlin_server::program::main(&words, 1)
    }
}
