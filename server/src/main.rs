//! The program `dunlin-server`: flags in, exit code out.

mod holder;
mod memory;

use std::convert::Infallible;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::task::Poll;

use anyhow::Context;
use clap::{ArgAction, Parser};
use dunlin_server::{Server, StartError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::level_filters::LevelFilter;

/// A small, fast pub-sub server that speaks core NATS.
///
/// Runs without flags and without files: every NATS client may connect to port 4222, and so may
/// you, with `nc localhost 4222`.
#[derive(Debug, Parser)]
#[command(
    name = "dunlin-server",
    version,
    disable_version_flag = true,
    after_help = "EXIT CODES\n  0  stopped by SIGINT or SIGTERM, everything accepted was sent\n  \
                  1  could not start, for the reason printed\n  2  the flags were wrong"
)]
struct Flags {
    /// Listen on this address [0.0.0.0: every address of the machine]
    #[arg(
        short,
        long,
        visible_alias = "net",
        value_name = "HOST",
        default_value = "0.0.0.0",
        hide_default_value = true
    )]
    addr: String,

    /// Listen on this port; 0 takes a free one and prints it
    #[arg(short, long, value_name = "PORT", default_value_t = 4222)]
    port: u16,

    /// Name the server towards its clients
    #[arg(short = 'n', long, visible_alias = "server_name", value_name = "NAME")]
    name: Option<String>,

    /// Log what happens to connections
    #[arg(short = 'D', long)]
    debug: bool,

    /// Log everything there is to log
    #[arg(short = 'V', long)]
    trace: bool,

    /// Print the version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    log_to_stderr(&flags);
    match run(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(serve(flags))
}

/// Serves until a signal asks to stop.
async fn serve(flags: &Flags) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let mut builder = Server::builder().host(&flags.addr).port(flags.port);
    if let Some(name) = &flags.name {
        builder = builder.name(name);
    }
    let server = builder
        .start()
        .await
        .map_err(|error| explain(error, flags.port))?;
    let trapped = signals.first(memory::tend(&server)).await;
    tracing::info!("Trapped \"{trapped}\" signal");
    tracing::info!("Initiating Shutdown...");
    server.shutdown().await;
    tracing::info!("Server Exiting..");
    Ok(())
}

/// The signals that stop the program.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
        })
    }

    /// The name of the first signal that comes; until then `meanwhile`, which never ends, goes on.
    async fn first(&mut self, meanwhile: impl Future<Output = Infallible>) -> &'static str {
        let mut meanwhile = std::pin::pin!(meanwhile);
        std::future::poll_fn(|cx| {
            let _ = meanwhile.as_mut().poll(cx);
            if self.interrupt.poll_recv(cx).is_ready() {
                return Poll::Ready("interrupt");
            }
            self.terminate.poll_recv(cx).map(|_| "terminated")
        })
        .await
    }
}

/// Adds who holds the port, where the system tells.
fn explain(error: StartError, port: u16) -> anyhow::Error {
    let holder = if error.is_in_use() {
        holder::of_port(port)
    } else {
        None
    };
    match holder {
        Some(holder) => anyhow::anyhow!("{error}; the port is held by {holder}"),
        None => anyhow::anyhow!("{error}"), // Its text has the system's words already.
    }
}

fn log_to_stderr(flags: &Flags) {
    let level = match (flags.trace, flags.debug) {
        (true, _) => LevelFilter::TRACE,
        (_, true) => LevelFilter::DEBUG,
        _ => LevelFilter::INFO,
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_max_level(level)
        .init();
}
