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

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory, FromArgMatches, Parser};

use verbs::{Common, Verb};

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    if let Some(code) = verbs::serve(&words) {
        return code;
    }
    let CommandLine { verb, common } = read(words);
    match verb.run(&common, CommandLine::command) {
        Ok(code) => code,
        Err(failure) => failure.report(common.style.is_json),
    }
}

/// The arguments. Where the first one is the verb, what the other verbs take is not even listed:
/// listing it takes most of the time and memory of a short run.
fn read(words: Vec<OsString>) -> CommandLine {
    let verb = words.get(1).and_then(|word| verbs::alone(word));
    let command = verb.map_or_else(CommandLine::command, alone);
    let matches = command.get_matches_from(words);
    CommandLine::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The command line with this verb alone.
fn alone(verb: Command) -> Command {
    let command = Common::augment_args(Command::new("dunlin"));
    let command = command.version(env!("CARGO_PKG_VERSION"));
    command.max_term_width(100).subcommand(verb)
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

    #[test]
    fn a_verb_alone_takes_what_it_takes_among_all() {
        for words in [
            "dunlin pub --help",
            "dunlin publish -h",
            "dunlin pub",
            "dunlin pub a --lines --count 3",
            "dunlin pub a b --servr x",
            "dunlin request --help",
            "dunlin req a --timeout soon",
            "dunlin health --help",
        ] {
            let words = || words.split(' ');
            let verb = words().nth(1).and_then(|word| verbs::alone(word.as_ref()));
            let alone = alone(verb.unwrap()).try_get_matches_from(words());
            let among_all = CommandLine::command().try_get_matches_from(words());
            let told = |read: Result<_, clap::Error>| read.err().unwrap().render().to_string();
            assert_eq!(told(alone), told(among_all));
        }
    }
}
