//! Reference: a real nats-server, as a process; and our program, in just the same way.
//!
//! In: the binary and options. Out: an address, read from its log. The options go through a config
//! file in a folder of its own; both are gone when this is dropped.
//!
//! Our program is the calling test's own binary, run again: it has the library, and with it all of
//! the program but its `main`.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitCode, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::options::Options;
use crate::websocket::Websocket;

/// The test that is our program, where [`CONFIG`] says so.
const PROGRAM: &str = "the_program";
/// Names the config file of our program, in its environment.
const CONFIG: &str = "DUNLIN_TEST_PROGRAM";

/// Is our program, if somebody started this process as that: the whole of the test `the_program`
/// in each binary that has [`Running::program`](crate::Running::program) on trial.
pub fn the_program() {
    if let Some(path) = std::env::var_os(CONFIG) {
        let words = ["dunlin-server".into(), "--config".into(), path];
        let code = dunlin_server::program::main(&words, 1);
        std::process::exit(i32::from(code != ExitCode::SUCCESS));
    }
}

/// A server in a process of its own that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Reference {
    process: Child,
    addresses: Addresses,
    folder: TempDir,
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
        Self::run(options, |path| {
            let mut command = Command::new(binary);
            command.arg("--config").arg(path);
            command
        })
    }

    /// Starts our program; the calling binary has a test [`PROGRAM`] that calls [`program`].
    pub(crate) fn start_ours(options: &Options) -> Result<Self, String> {
        let binary = std::env::current_exe().map_err(|error| error.to_string())?;
        Self::run(options, |path| {
            let mut command = Command::new(&binary);
            command
                .args([PROGRAM, "--exact", "--nocapture", "--test-threads=1"])
                .env(CONFIG, path)
                // It takes and returns memory as it does where it is installed.
                .env_remove("GLIBC_TUNABLES")
                .stdout(Stdio::null());
            command
        })
    }

    fn run(options: &Options, command: impl FnOnce(&Path) -> Command) -> Result<Self, String> {
        let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
        let folder = TempDir::new().map_err(|error| failed("temporary folder", error))?;
        let path = folder.path().join("nats.conf");
        std::fs::write(&path, config(options)).map_err(|error| failed("config file", error))?;
        let mut command = command(&path);
        let mut process = command
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&command.get_program().to_string_lossy(), error))?;
        let log = process.stderr.take().ok_or("the server has no log")?;
        let mut log = BufReader::new(log).lines();
        match wait_until_ready(&mut log) {
            Ok(addresses) => {
                // Read on, or a full pipe would stop the server.
                std::thread::spawn(move || log.for_each(drop));
                Ok(Self {
                    process,
                    addresses,
                    folder,
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
        self.process.wait().expect("a process can be waited for");
    }

    /// Has the server read its configuration again, where `options` stand now.
    pub(crate) fn reload(&self, options: &Options) {
        let path = self.folder.path().join("nats.conf");
        std::fs::write(path, config(options)).expect("its folder is there");
        let told = Command::new("kill")
            .args(["-HUP", &self.process.id().to_string()])
            .status();
        assert!(told.expect("kill can be run").success());
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
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
        let line = line.map_err(|error| format!("the server's log: {error}"))?;
        if let Some((_, text)) = line.split_once("Listening for client connections on ") {
            address = text.trim().parse().ok().or(address); // Or it is a path.
        }
        if let Some((_, text)) = line.split_once("Starting http monitor on ") {
            monitor = text.trim().parse().ok();
        }
        if let Some((_, text)) = line.split_once("Listening for websocket clients on ws://") {
            websocket = text.trim().parse().ok();
        }
        if line.contains("Server is ready") {
            let clients = address.ok_or(format!("no address in the log: {seen}"))?;
            return Ok(Addresses {
                clients,
                monitor,
                websocket,
            });
        }
        seen.push_str(&line);
        seen.push('\n');
    }
    Err(format!("the server did not start:\n{seen}"))
}

/// Both servers read it; what only ours is told, only ours may be asked for.
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
        number("max_pending_total", options.max_pending_total),
        number("max_closed_clients", options.max_closed_clients),
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
        Some(options.config.clone()),
    ];
    lines
        .into_iter()
        .flatten()
        .collect::<Vec<String>>()
        .join("\n")
}
