//! Ctrl-C: the first time asks to end in order, the second time ends at once.

use std::io::{self, IsTerminal};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::failure::{Code, Failure};

/// Knows whether a signal has asked to stop.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens for SIGINT and SIGTERM from now on.
    pub(crate) fn listen() -> Result<Self, Failure> {
        Self::on(Some(heard(SignalKind::interrupt())?))
    }

    /// Listens for SIGTERM alone: where lines are edited, Ctrl-C is a key like others.
    pub(crate) fn listen_but_for_keys() -> Result<Self, Failure> {
        Self::on(None)
    }

    fn on(mut interrupt: Option<Signal>) -> Result<Self, Failure> {
        let mut terminate = heard(SignalKind::terminate())?;
        let (asked, receiver) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = next(&mut interrupt) => end_line(),
                    _ = terminate.recv() => {}
                }
                if asked.send_replace(true) {
                    std::process::exit(Code::Interrupted as i32);
                }
            }
        });
        Ok(Self(receiver))
    }

    /// Whether a signal has come.
    pub(crate) fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for a signal.
    ///
    /// # Cancel safety
    ///
    /// A dropped future misses nothing.
    pub(crate) async fn asked(&mut self) {
        if self.0.wait_for(|is_asked| *is_asked).await.is_err() {
            std::future::pending::<()>().await; // The listening task has gone with the runtime.
        }
    }
}

fn heard(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::because("cannot listen for signals", error))
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// What is said from now on begins behind the `^C` that the terminal shows.
fn end_line() {
    if io::stderr().is_terminal() {
        eprintln!();
    }
}
