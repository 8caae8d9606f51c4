//! Drives a NATS server over real sockets, checks every delivery, and says what each one cost.
//!
//! ```text
//! work ─▶ flood ─┬▶ publisher threads ─▶ server ─▶ reader thread ─┬▶ report
//!  (plan)        └── the clock, the server's CPU ─────────────────┘
//! ```
//!
//! It speaks through the protocol crate only and knows nothing of any server, so what it says of
//! one it can say of another: `compare` gives several the same work in turn.

#![allow(clippy::print_stdout)] // The figures are what this program is for.

mod compare;
mod flood;
mod flow;
mod machine;
mod publisher;
mod reader;
mod report;
mod requests;
mod server;
mod tracks;
mod wire;
mod work;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;

use compare::Compare;
use report::Outcome;
use server::Server;
use work::{Plan, Scenario};

/// Drive a NATS server over real sockets and say what each delivery cost it.
///
/// Every delivery is checked and accounted for; a loss, a repetition or a wrong order is an error.
#[derive(Parser)]
#[command(name = "load", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
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
    #[arg(long, global = true, value_name = "COMMAND", conflicts_with_all = ["addr", "pid"])]
    start: Option<String>,
    /// Print JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    #[command(flatten)]
    Run(Scenario),
    /// Give several servers the same work in turn, and print the ratio of what it cost them.
    Compare(Compare),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match obey(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn obey(cli: &Cli) -> Result<()> {
    match &cli.command {
        Command::Compare(compare) => {
            if cli.start.is_some() || cli.pid.is_some() {
                bail!("compare starts its servers itself: name them with --server");
            }
            compare.run(cli.json)
        }
        Command::Run(scenario) => {
            let plan = scenario.plan()?;
            let server = match &cli.start {
                Some(command) => Server::start(command)?,
                None => Server::at(&cli.addr, cli.pid),
            };
            let outcome = run(&plan, &server)?;
            match cli.json {
                true => println!("{}", outcome.json()),
                false => println!("{}\n{}", Outcome::HEAD, outcome.row()),
            }
            Ok(())
        }
    }
}

fn run(plan: &Plan, server: &Server) -> Result<Outcome> {
    match plan.is_request() {
        true => requests::run(plan, server),
        false => flood::run(plan, server),
    }
}
