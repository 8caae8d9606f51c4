//! Reference: a real nats-server, as a process.
//!
//! In: the binary and options. Out: an address, read from its log. The options go through a config
//! file in a folder of its own; both are gone when this is dropped.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::options::Options;
use crate::websocket::Websocket;

/// A nats-server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Reference {
    process: Child,
    addresses: Addresses,
    _folder: TempDir,
}

/// Where it listens.
#[derive(Debug)]
struct Addresses {
    clients: SocketAddr,
    monitor: Option<SocketAddr>,
    websocket: Option<SocketAddr>,
}

impl Reference {
    pub(crate) fn start(binary: &OsStr, options: &Options) -> Result<Self, String> {
        let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
        let folder = TempDir::new().map_err(|error| failed("temporary folder", error))?;
        let path = folder.path().join("nats.conf");
        std::fs::write(&path, config(options)).map_err(|error| failed("config file", error))?;
        let mut process = Command::new(binary)
            .arg("--config")
            .arg(&path)
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&binary.to_string_lossy(), error))?;
        let log = process.stderr.take().ok_or("nats-server has no log")?;
        let mut log = BufReader::new(log).lines();
        match wait_until_ready(&mut log) {
            Ok(addresses) => {
                // Read on, or a full pipe would stop the server.
                std::thread::spawn(move || log.for_each(drop));
                Ok(Self {
                    process,
                    addresses,
                    _folder: folder,
                })
            }
            Err(error) => {
                let _ = process.kill();
                let _ = process.wait();
                Err(error)
            }
        }
    }

    pub(crate) fn stop(mut self) {
        // SIGTERM, so that it stops in good order; the standard library can only send SIGKILL.
        let terminate = Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        terminate.expect("kill can be run");
        self.process.wait().expect("nats-server can be waited for");
    }

    pub(crate) fn monitor(&self) -> Option<SocketAddr> {
        self.addresses.monitor
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses.clients
    }

    pub(crate) fn websocket(&self) -> Option<SocketAddr> {
        self.addresses.websocket
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads the log up to the line that says it is ready.
fn wait_until_ready(log: &mut Lines<BufReader<ChildStderr>>) -> Result<Addresses, String> {
    let mut seen = String::new();
    let mut address = None;
    let (mut monitor, mut websocket) = (None, None);
    for line in log {
        let line = line.map_err(|error| format!("nats-server's log: {error}"))?;
        if let Some((_, text)) = line.split_once("Listening for client connections on ") {
            address = text.trim().parse().ok();
        }
        if let Some((_, text)) = line.split_once("Starting http monitor on ") {
            monitor = text.trim().parse().ok();
        }
        if let Some((_, text)) = line.split_once("Listening for websocket clients on ws://") {
            websocket = text.trim().parse().ok();
        }
        if line.contains("Server is ready") {
            let clients = address.ok_or(format!("no address in the log of nats-server: {seen}"))?;
            return Ok(Addresses {
                clients,
                monitor,
                websocket,
            });
        }
        seen.push_str(&line);
        seen.push('\n');
    }
    Err(format!("nats-server did not start:\n{seen}"))
}

fn config(options: &Options) -> String {
    let number = |key: &str, value: Option<usize>| value.map(|value| format!("{key}: {value}"));
    let time = |key: &str, value: Option<Duration>| {
        value.map(|value| format!("{key}: \"{}ms\"", value.as_millis()))
    };
    let lines = [
        Some("listen: \"127.0.0.1:-1\"".to_owned()),
        number("max_payload", options.max_payload),
        number("max_control_line", options.max_control_line),
        number("max_connections", options.max_connections),
        number("max_subscriptions", options.max_subscriptions),
        number("max_pending", options.max_pending),
        time("write_deadline", options.write_deadline),
        time("ping_interval", options.ping_interval),
        number("ping_max", options.ping_max.map(|count| count as usize)),
        options
            .is_monitored
            .then(|| "http: \"127.0.0.1:-1\"".to_owned()),
        options
            .no_headers
            .then(|| "no_header_support: true".to_owned()),
        options.auth.map(|auth| auth.config().to_owned()),
        options.websocket.as_ref().map(Websocket::config),
    ];
    lines
        .into_iter()
        .flatten()
        .collect::<Vec<String>>()
        .join("\n")
}
