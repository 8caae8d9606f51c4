//! `dunlin serve` and `dunlin check`: the server itself, in this process, and its configuration.
//!
//! Both are the program `dunlin-server` under another name: the same flags, the same file, the same
//! log, the same answers to signals.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dunlin_server::conf::Severity;
use dunlin_server::program;

use super::Common;
use crate::failure::Failure;
use crate::json::{Object, quoted};
use crate::output::Output;

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
meant; and whether the port and the files that it names can be used here. With --json a line for \
each mistake, and one for the file.")]
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
    is_serve.then(|| program::main(words, 2))
}

impl Serve {
    /// Serves where other flags stand in front of the verb.
    pub(crate) fn run(self) -> ExitCode {
        let mut words = vec![OsString::from("dunlin"), OsString::from("serve")];
        words.extend(self.flags);
        program::main(&words, 2)
    }
}

impl Check {
    pub(crate) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        if common.style.is_json {
            return self.tell();
        }
        let mut words: Vec<OsString> = vec!["dunlin".into(), "-t".into(), "-c".into()];
        words.push(self.file.into());
        if self.is_strict {
            words.push("--strict".into());
        }
        Ok(program::main(&words, 1))
    }

    /// The same as JSON lines.
    fn tell(&self) -> Result<ExitCode, Failure> {
        let checked = program::check(&self.file, self.is_strict);
        let mut output = Output::new();
        for finding in &checked.findings {
            let severity = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Notice => "notice",
            };
            let mut object = Object::new().text("severity", severity);
            if let Some((file, line, column)) = &finding.place {
                object = object.text("file", file);
                object = object.number("line", line).number("column", column);
            }
            let help = finding.help.iter().map(|line| quoted(line));
            output.line(&object.text("text", &finding.text).list("help", help).end())?;
        }
        let object = Object::new().text("file", &self.file.display().to_string());
        let object = object.number("valid", checked.is_valid);
        output.line(&object.text_if("sha256", checked.digest.as_deref()).end())?;
        output.flush()?;
        let is_refused = !checked.is_valid;
        Ok(ExitCode::from(u8::from(is_refused)))
    }
}
