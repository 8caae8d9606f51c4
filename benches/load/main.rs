//! Drives servers over real sockets, checks every delivery, and says what each one cost.
//!
//! ```text
//! compare, scale ─▶ work ─▶ flow, requests, crowd … ─▶ hub ─▶ wire ─▶ dialect ─▶ server
//!      │                      └─ the server's CPU time and memory ◀─ process ───────┘
//!      └─▶ table, plot, curves ─▶ pages
//! ```
//!
//! It knows nothing of any server but what it speaks (NATS, MQTT, Redis), so what it says of one it
//! can say of another: `compare` gives several the same work in turn, `scale` ever more of it.

#![allow(clippy::print_stdout)] // The figures are what this program is for.

mod amount;
mod compare;
mod crowd;
mod curves;
mod dialect;
mod figures;
mod flow;
mod hub;
mod machine;
mod outcome;
mod pages;
mod plot;
mod process;
mod requests;
mod scale;
mod server;
mod sets;
mod start;
mod subscriptions;
mod svg;
mod system;
mod timing;
mod wire;
mod work;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use compare::Compare;
use dialect::Dialect;
use scale::Scale;
use server::{Contender, Server};
use timing::Times;
use work::Work;

/// Drive a server over real sockets and say what each delivery cost it.
///
/// Every delivery is checked and accounted for; a loss, a repetition or a wrong order is an error.
#[derive(Parser)]
#[command(name = "load", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    times: Times,
    /// Print JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    /// One work with one server.
    Run(Run),
    /// Give several servers the same work in turn: a table, a plot, JSON.
    Compare(Compare),
    /// Give them ever more of it: how what it costs grows.
    Scale(Scale),
}

/// One work with one server.
#[derive(Debug, clap::Args)]
struct Run {
    #[command(subcommand)]
    work: Work,
    /// Where the server listens.
    #[arg(
        long,
        global = true,
        default_value = "127.0.0.1:4222",
        value_name = "HOST:PORT"
    )]
    addr: String,
    /// The server's process, whose CPU time is counted (Linux).
    #[arg(long, global = true)]
    pid: Option<u32>,
    /// Start this server, on a free port that takes the place of {port}, and count its CPU time.
    /// `redis:resp=redis-server --port {port}` says what it speaks.
    #[arg(long, global = true, value_name = "NAME=COMMAND", conflicts_with_all = ["addr", "pid"])]
    start: Option<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match obey(&cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn obey(cli: &Cli) -> Result<ExitCode> {
    system::allow_sockets()?;
    let timing = cli.times.timing()?;
    match &cli.command {
        Command::Run(run) => {
            let results = match &run.start {
                Some(command) => run.work.run(&Contender::named(command)?, None, &timing)?,
                None => {
                    let server = Server::at(&run.addr, Dialect::Nats, run.pid)?;
                    run.work.run_with(&server, &timing)?
                }
            };
            for figures in results {
                match cli.json {
                    true => println!("{}", figures.json()),
                    false => println!("{figures}"),
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Compare(compare) => compare.run(&timing, cli.json),
        Command::Scale(scale) => scale.run(&timing),
    }
}
