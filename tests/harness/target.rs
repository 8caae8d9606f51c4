//! Target: who is on trial.
//!
//! In: options. Out: a running server and its address; dropping it ends it. Ours runs inside the
//! test or, like nats-server, as a process of its own.

use std::net::SocketAddr;

use crate::alone::Process;
use crate::options::Options;
use crate::ours::Ours;
use crate::reference::Reference;

/// A kind of server that a test can be run against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// The server of this workspace, embedded.
    Ours,
    /// The real nats-server, named by `DUNLIN_NATS_SERVER`.
    Reference,
}

/// A server that listens until it is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    server: Server,
}

#[derive(Debug)]
enum Server {
    Ours(Ours),
    Reference(Reference),
}

impl Target {
    /// Whether this target can be started here.
    ///
    /// # Panics
    /// In CI without a nats-server: there nothing is skipped.
    pub fn is_here(self) -> bool {
        if self == Self::Ours || std::env::var_os(BINARY).is_some() {
            return true;
        }
        let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!is_ci, "{BINARY} must name a nats-server binary in CI");
        false
    }

    /// Starts a server on a free port of the loopback interface.
    pub async fn start(self, options: &Options) -> Result<Running, String> {
        let (address, server) = match self {
            Self::Ours => {
                let ours = Ours::start(options).await?;
                (ours.address(), Server::Ours(ours))
            }
            Self::Reference => return Running::reference(options),
        };
        Ok(Running { address, server })
    }

    /// As a report names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "dunlin",
            Self::Reference => "nats-server",
        }
    }
}

impl Running {
    /// Starts the program that people run, in a process of its own; only where the test binary has a
    /// test `the_program`.
    pub fn program(options: &Options) -> Result<Self, String> {
        let program = Reference::start_ours(options)?;
        Ok(Self {
            address: program.address(),
            server: Server::Reference(program),
        })
    }

    /// Starts a nats-server.
    pub fn reference(options: &Options) -> Result<Self, String> {
        let binary = std::env::var_os(BINARY).ok_or(format!("{BINARY} is not set"))?;
        let reference = Reference::start(&binary, options)?;
        Ok(Self {
            address: reference.address(),
            server: Server::Reference(reference),
        })
    }

    /// Asks the server to stop in good order, and waits until it has.
    pub async fn stop(self) {
        match self.server {
            Server::Ours(ours) => ours.stop().await,
            Server::Reference(reference) => reference.stop(),
        }
    }

    /// Has a process read its configuration again, where `options` stand now.
    ///
    /// # Panics
    /// When it is embedded.
    pub fn reload(&self, options: &Options) {
        match &self.server {
            Server::Ours(_) => panic!("an embedded server has no file"),
            Server::Reference(reference) => reference.reload(options),
        }
    }

    /// Where it can be watched.
    ///
    /// # Panics
    /// When it was not started with a monitoring port.
    pub fn monitor(&self) -> SocketAddr {
        let address = match &self.server {
            Server::Ours(ours) => ours.monitor(),
            Server::Reference(reference) => reference.monitor(),
        };
        address.expect("a server that is monitored")
    }

    /// Where it listens for WebSockets.
    ///
    /// # Panics
    /// When it does not.
    pub fn websocket(&self) -> SocketAddr {
        let address = match &self.server {
            Server::Ours(ours) => ours.websocket(),
            Server::Reference(reference) => reference.websocket(),
        };
        address.expect("it was started with a WebSocket listener")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process that it is, or is in.
    pub fn process(&self) -> Process {
        match &self.server {
            Server::Ours(_) => Process::this(),
            Server::Reference(reference) => Process::numbered(reference.id()),
        }
    }
}

/// The environment variable that holds the path of a nats-server binary.
const BINARY: &str = "DUNLIN_NATS_SERVER";
