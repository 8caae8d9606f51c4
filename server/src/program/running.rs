//! A server that runs: started, told by signals what to do, and stopped.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use crate::http::{Request, Wish};
use crate::server::{Batching, Server, StartError};
use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::program::ports::PortsFile;
use crate::program::reload::Reload;
use crate::program::setup::Plan;
use crate::program::{holder, memory, name};

/// Over how long a lame duck closes its connections, and how long it waits first, where nothing
/// else is asked for: as nats-server.
const LAME_DUCK: (Duration, Duration) = (Duration::from_secs(120), Duration::from_secs(10));

/// What is said of a reload that comes too late.
const NO_RELOAD: &str = "a lame duck does not reload its configuration";

/// Serves until a signal asks to stop.
pub(crate) async fn serve(
    plan: Plan,
    reload: Reload<'_>,
    batching: &Batching,
) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    greet(&plan);
    plan.write_pid()?;
    let server = plan
        .builder()
        .start()
        .await
        .map_err(|error| explain(error, plan.port()))?;
    server.batch_writes(batching);
    let mut running = Running {
        ports: PortsFile::of(&plan.settings, &server),
        plan,
        server: &server,
        reload,
    };
    running.until_stopped(&mut signals).await;
    drop(running);
    tracing::info!("Initiating Shutdown...");
    server.shutdown().await;
    tracing::info!("Server Exiting..");
    Ok(())
}

/// What signals act on.
struct Running<'r> {
    server: &'r Server,
    /// What holds now.
    plan: Plan,
    ports: Option<PortsFile>,
    reload: Reload<'r>,
}

impl Running<'_> {
    /// Serves on, and does what signals ask for, until one asks to stop, or nobody is left of a
    /// lame duck.
    async fn until_stopped(&mut self, signals: &mut Signals) {
        let server = self.server;
        let mut tended = pin!(memory::tend(server));
        let mut leaving: Option<Pin<Box<dyn Future<Output = ()> + '_>>> = None;
        loop {
            let asked = pin!(server.asked());
            let first = signals.first(tended.as_mut(), asked, &mut leaving).await;
            let trapped = match first {
                First::Trapped(name) => name,
                First::Asked(request) => {
                    self.grant(request, &mut leaving);
                    continue;
                }
                First::Left => return,
            };
            tracing::info!("Trapped \"{trapped}\" signal");
            match trapped {
                "user defined signal 1" => self.reload.log.reopen(),
                "user defined signal 2" if leaving.is_none() => leaving = Some(self.lame_duck()),
                "user defined signal 2" => {}
                "hangup" if leaving.is_none() => _ = self.read_again(),
                "hangup" => tracing::warn!("{NO_RELOAD}"),
                // Whoever sent the first signal waits for the clients to go.
                "terminated" if leaving.is_some() => {}
                _ => return,
            }
        }
    }

    /// Does what a visitor of the monitoring port asks for.
    fn grant<'s>(
        &mut self,
        request: Request,
        leaving: &mut Option<Pin<Box<dyn Future<Output = ()> + 's>>>,
    ) where
        Self: 's,
    {
        tracing::info!("Asked over HTTP for {:?}", request.wish());
        let result = match (request.wish(), &leaving) {
            (Wish::Reload, None) => self.read_again(),
            (Wish::Reload, Some(_)) => Err(NO_RELOAD.to_owned()),
            (Wish::LameDuck, None) => {
                *leaving = Some(self.lame_duck());
                Ok("the clients are told to go, and the server stops when they have".to_owned())
            }
            (Wish::LameDuck, Some(_)) => Err("the clients are going already".to_owned()),
        };
        request.answer(result);
    }

    fn lame_duck<'s>(&self) -> Pin<Box<dyn Future<Output = ()> + 's>>
    where
        Self: 's,
    {
        let settings = &self.plan.settings;
        let duration = settings.lame_duck_duration.unwrap_or(LAME_DUCK.0);
        let grace = settings.lame_duck_grace_period.unwrap_or(LAME_DUCK.1);
        Box::pin(self.server.lame_duck(duration, grace))
    }

    /// Reads the configuration again; tells what came of it.
    fn read_again(&mut self) -> Result<String, String> {
        self.reload
            .now(&mut self.plan, &mut self.ports, self.server)
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

/// What happens first to a server that runs.
enum First {
    /// A signal of that name.
    Trapped(&'static str),
    /// A visitor of the monitoring port wishes for something.
    Asked(Request),
    /// Nobody is left of a lame duck.
    Left,
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

    /// The first signal or wish that comes; until then `meanwhile`, which never ends, goes on, and
    /// `leaving`, behind whose end there is nothing to wait for.
    async fn first(
        &mut self,
        mut meanwhile: Pin<&mut impl Future<Output = Infallible>>,
        mut asked: Pin<&mut impl Future<Output = Request>>,
        leaving: &mut Option<Pin<Box<dyn Future<Output = ()> + '_>>>,
    ) -> First {
        std::future::poll_fn(|cx| {
            let _ = meanwhile.as_mut().poll(cx);
            for (name, signal) in &mut self.0 {
                if signal.poll_recv(cx).is_ready() {
                    return Poll::Ready(First::Trapped(name));
                }
            }
            if let Poll::Ready(request) = asked.as_mut().poll(cx) {
                return Poll::Ready(First::Asked(request));
            }
            match leaving {
                Some(leaving) => leaving.as_mut().poll(cx).map(|()| First::Left),
                None => Poll::Pending,
            }
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
