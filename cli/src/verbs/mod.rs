//! What the program can do: one file, or one room, for each verb.

mod bench;
mod discover;
mod health;
mod nkey;
mod pages;
mod passwd;
mod publish;
mod reply;
mod request;
mod serve;
mod shell;
mod subscribe;
mod top;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::{Args, Command, Subcommand};

use crate::connect::Connection;
use crate::failure::Failure;
use crate::output::Style;

/// What every verb may be told.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) style: Style,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Serve(serve::Serve),
    #[command(visible_alias = "publish")]
    Pub(publish::Publish),
    #[command(visible_alias = "subscribe")]
    Sub(subscribe::Subscribe),
    #[command(visible_alias = "req")]
    Request(request::Ask),
    Reply(reply::Reply),
    Bench(bench::Bench),
    Top(top::Top),
    Shell(shell::Shell),
    Discover(discover::Discover),
    Check(serve::Check),
    Health(health::Health),
    Passwd(passwd::Passwd),
    Nkey(nkey::Nkey),
    Completions(pages::Completions),
    Man(pages::Man),
}

pub(crate) use serve::serve;

/// The command of a verb whose runs are short, if this is its name.
pub(crate) fn alone(word: &OsStr) -> Option<Command> {
    let verb = |name| Command::new(name);
    Some(match word.to_str()? {
        "pub" | "publish" => publish::Publish::augment_args(verb("pub").visible_alias("publish")),
        "request" | "req" => request::Ask::augment_args(verb("request").visible_alias("req")),
        "health" => health::Health::augment_args(verb("health")),
        _ => return None,
    })
}

impl Verb {
    /// Does it; `command` is the whole command line, for those who write about it.
    pub(crate) fn run(
        self,
        common: &Common,
        command: fn() -> Command,
    ) -> Result<ExitCode, Failure> {
        let done = match self {
            Self::Serve(serve) => return Ok(serve.run()),
            Self::Check(check) => return check.run(common),
            Self::Pub(publish) => light(publish.run(common)),
            Self::Sub(subscribe) => parallel(subscribe.run(common)),
            Self::Request(ask) => light(ask.run(common)),
            Self::Reply(reply) => parallel(reply.run(common)),
            Self::Bench(bench) => wide(bench.run(common)),
            Self::Shell(shell) => parallel(shell.run(common)),
            Self::Top(top) => light(top.run(common)),
            Self::Discover(discover) => light(discover.run(common)),
            Self::Health(health) => light(health.run(common)),
            Self::Passwd(passwd) => passwd.run(common),
            Self::Nkey(nkey) => nkey.run(common),
            Self::Completions(completions) => completions.run(command()),
            Self::Man(man) => man.run(command()),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

/// Runs on this thread alone: what starts fast and ends soon.
fn light(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    run(&mut tokio::runtime::Builder::new_current_thread(), work)
}

/// Runs with the connection on a thread of its own, so that a reader of stdout that stalls does not
/// stop it: what finds no room then is dropped and counted here, where it can be told.
fn parallel(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    run(builder.worker_threads(1), work)
}

/// Runs on as many threads as the machine has cores.
fn wide(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    run(&mut tokio::runtime::Builder::new_multi_thread(), work)
}

fn run(
    builder: &mut tokio::runtime::Builder,
    work: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let runtime = builder.enable_all().build();
    let runtime = runtime.map_err(|error| Failure::because("cannot start the runtime", error))?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background(); // A thread that waits for stdin would never come back.
    outcome
}
