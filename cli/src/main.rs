//! The program `dunlin`: one command line for everything that has to do with messages.
//!
//! In: arguments, environment, stdin. Out: results on stdout, what a person should know on stderr,
//! and an exit code.

mod body;
mod connect;
mod context;
mod failure;
mod gather;
mod http;
mod jobs;
mod json;
mod output;
mod pace;
mod process;
mod publish;
mod script;
mod stop;
mod template;
mod text;
mod verbs;
mod view;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use verbs::{Common, Verb};

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    if let Some(code) = verbs::serve(&words) {
        return code;
    }
    let CommandLine { verb, common } = CommandLine::parse_from(words);
    match verb.run(&common, CommandLine::command) {
        Ok(code) => code,
        Err(failure) => failure.report(common.style.is_json),
    }
}

/// One command line for NATS and dunlin: publish, subscribe, ask, answer, measure, watch.
#[derive(Debug, Parser)]
#[command(name = "dunlin", version, max_term_width = 100, after_help = AFTER_HELP)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: Common,
}

const AFTER_HELP: &str = "\
Where a server is, and who to be there, is taken from the flags, else from the environment, else \
from the selected context of the official CLI.

EXIT CODES
  0    done
  1    failed, for the reason printed
  2    the arguments make no sense
  3    not connected: no server, or the connection was lost for good
  4    denied: wrong credentials, or the subject is not allowed
  5    nobody takes requests on this subject
  6    no answer in time
  7    messages were lost, or the service answered with an error
  130  stopped by a signal before the work was done";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }
}
