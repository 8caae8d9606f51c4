//! The program `dunlin-server`: flags and a file in, exit code out.

mod arguments;
mod check;
mod descriptors;
mod flags;
mod hidden;
mod holder;
mod log;
mod memory;
mod name;
mod ports;
mod setup;
mod signals;

use std::convert::Infallible;
use std::ffi::OsString;
use std::process::ExitCode;
use std::task::Poll;

use anyhow::{Context, bail};
use dunlin_server::conf::Severity;
use dunlin_server::{Server, StartError};
use tokio::signal::unix::{Signal, SignalKind, signal};

use flags::{Flags, Remark};
use log::Log;
use ports::PortsFile;
use setup::Plan;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let (mut flags, mut remarks) = flags::parse(words.iter().cloned());
    if let Err(error) = hidden::hide(&mut flags, &words) {
        let text = format!("everybody on this machine can read the password of the flags: {error}");
        remarks.push(Remark::warning(text));
    }
    match run(&flags, &remarks) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Silent) => ExitCode::FAILURE,
        Err(Failure::Plain(error)) => {
            complain(&[format!("{error:#}")]);
            ExitCode::FAILURE
        }
        Err(Failure::Logged(error)) => {
            tracing::error!(target: log::FATAL, "{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Why the program ends with 1.
enum Failure {
    /// Everything is said.
    Silent,
    /// To be said without a log.
    Plain(anyhow::Error),
    /// To be said in the log.
    Logged(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Plain(error)
    }
}

fn run(flags: &Flags, remarks: &[Remark]) -> Result<(), Failure> {
    if let Some(word) = flags.words.first() {
        return Ok(obey(word)?);
    }
    if flags.is_version {
        return Ok(obey("version")?);
    }
    if let Some(request) = &flags.signal {
        return Ok(signals::send(request)?);
    }
    if flags.is_test && flags.config.is_none() {
        let text = "must specify [-c, --config] option to check configuration file syntax";
        return Err(anyhow::anyhow!(text).into());
    }
    let plan = setup::plan(flags, remarks).map_err(|errors| {
        complain(&errors);
        Failure::Silent
    })?;
    if flags.is_test {
        return test(plan, flags.is_strict);
    }
    complain(&plan.warnings);
    let log = Log::start(&plan.log_options()).map_err(|error| {
        let path = plan.settings.log_file.clone().unwrap_or_default();
        anyhow::anyhow!("error opening log file {}: {error}", path.display())
    })?;
    descriptors::allow_all();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
        .map_err(Failure::Logged)?;
    runtime
        .block_on(serve(&plan, &log))
        .map_err(Failure::Logged)
}

/// The words `version` and `help`.
#[expect(clippy::print_stdout, reason = "somebody asked for it")]
fn obey(word: &str) -> anyhow::Result<()> {
    match word.to_lowercase().as_str() {
        "version" => println!("{}: {}", name::started(), name::version()),
        "help" => print!("{}", flags::help()),
        _ => bail!("unrecognized command: \"{word}\""),
    }
    Ok(())
}

/// Says whether the configuration is good, and what is not.
fn test(mut plan: Plan, is_strict: bool) -> Result<(), Failure> {
    let mut errors = Vec::new();
    let found = check::check(&plan);
    let Some(file) = plan.file.take() else {
        return Err(Failure::Silent);
    };
    for diagnostic in &found {
        plan.note(diagnostic, &file.sources, &mut errors);
    }
    let is_doubtful = file.has_warnings || found.iter().any(|it| it.severity == Severity::Warning);
    let is_refused = is_doubtful || (is_strict && !plan.warnings.is_empty());
    complain(&errors);
    complain(&plan.warnings);
    if is_refused || !errors.is_empty() {
        return Err(Failure::Silent);
    }
    let (path, digest) = (file.path.display(), &file.digest);
    complain(&[format!(
        "configuration file {path} is valid (sha256:{digest})"
    )]);
    Ok(())
}

/// Lines on stderr, each with the name of the program.
fn complain(texts: &[String]) {
    let name = name::started();
    for text in texts {
        eprintln!("{name}: {text}");
    }
}

/// Serves until a signal asks to stop.
async fn serve(plan: &Plan, log: &Log) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    greet(plan);
    plan.write_pid()?;
    let server = plan
        .builder()
        .start()
        .await
        .map_err(|error| explain(error, plan.port()))?;
    let ports = write_ports(plan, &server);
    until_stopped(&server, &mut signals, log).await;
    drop(ports);
    tracing::info!("Initiating Shutdown...");
    server.shutdown().await;
    tracing::info!("Server Exiting..");
    Ok(())
}

/// The ports file, where one is asked for; a server without it is of use all the same.
fn write_ports(plan: &Plan, server: &Server) -> Option<PortsFile> {
    let folder = plan.settings.ports_file_dir.as_ref()?;
    let listening = [("nats", "nats", server.addr())];
    match PortsFile::write(folder, &name::started(), &listening) {
        Ok(file) => Some(file),
        Err(error) => {
            tracing::error!("{error}");
            None
        }
    }
}

/// Serves on, and does what signals ask for, until one asks to stop.
async fn until_stopped(server: &Server, signals: &mut Signals, log: &Log) {
    let mut tended = std::pin::pin!(memory::tend(server));
    loop {
        let trapped = signals.first(tended.as_mut()).await;
        tracing::info!("Trapped \"{trapped}\" signal");
        match trapped {
            "user defined signal 1" => log.reopen(),
            "user defined signal 2" => {
                tracing::warn!("There is no lame duck mode yet; SIGTERM stops in good order");
            }
            "hangup" => tracing::warn!("The configuration cannot be reloaded yet"),
            _ => return,
        }
    }
}

/// The first lines of the log, which others wait for.
fn greet(plan: &Plan) {
    tracing::info!("Starting {}", name::started());
    tracing::info!("  Version:  {}", name::version().trim_start_matches('v'));
    tracing::info!(
        "  Git:      [{}]",
        option_env!("DUNLIN_COMMIT").unwrap_or("not set")
    );
    if plan.has_plain_passwords() {
        tracing::warn!("Plaintext passwords detected, use nkeys or bcrypt");
    }
    if let Some(file) = &plan.file {
        let (path, digest) = (file.path.display(), &file.digest);
        tracing::info!("Using configuration file: {path} (sha256:{digest})");
    }
    if plan.settings.log_file.is_some() {
        for line in &plan.warning_lines {
            tracing::warn!("{line}"); // Those on stderr may be gone.
        }
    }
}

/// The signals that are heard, by the names that the log gives them.
struct Signals([(&'static str, Signal); 5]);

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self([
            ("interrupt", listen(SignalKind::interrupt())?),
            ("terminated", listen(SignalKind::terminate())?),
            (
                "user defined signal 1",
                listen(SignalKind::user_defined1())?,
            ),
            (
                "user defined signal 2",
                listen(SignalKind::user_defined2())?,
            ),
            ("hangup", listen(SignalKind::hangup())?),
        ]))
    }

    /// The name of the first signal that comes; until then `meanwhile`, which never ends, goes on.
    async fn first(
        &mut self,
        mut meanwhile: std::pin::Pin<&mut impl Future<Output = Infallible>>,
    ) -> &'static str {
        std::future::poll_fn(|cx| {
            let _ = meanwhile.as_mut().poll(cx);
            for (name, signal) in &mut self.0 {
                if signal.poll_recv(cx).is_ready() {
                    return Poll::Ready(*name);
                }
            }
            Poll::Pending
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
