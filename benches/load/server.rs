//! The server under load: how it is started, and what it has used.

use std::env;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::dialect::Dialect;
use crate::hub::PATIENCE;
use crate::process::{self, CpuTime};
use crate::system;

/// How long a server that listens is left alone, to finish starting.
const SETTLE: Duration = Duration::from_millis(50);

/// A server that can be started.
#[derive(Debug, Clone)]
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) dialect: Dialect,
    words: Vec<String>, // One of them holds `{port}`.
}

/// A server that listens; one started here ends when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) dialect: Dialect,
    pid: Option<u32>,
    child: Option<Child>,
}

impl Contender {
    /// `NAME=COMMAND`, or `NAME:mqtt=COMMAND`; the command is split at blanks, there are no quotes.
    pub(crate) fn named(text: &str) -> Result<Self> {
        let (name, command) = text.split_once('=').context("a server is NAME=COMMAND")?;
        let (name, dialect) = match name.split_once(':') {
            None => (name, Dialect::Nats),
            Some((name, "nats")) => (name, Dialect::Nats),
            Some((name, "mqtt")) => (name, Dialect::Mqtt),
            Some((name, "resp")) => (name, Dialect::Resp),
            Some((_, other)) => bail!("no such protocol: {other} (nats, mqtt, resp)"),
        };
        let words: Vec<&str> = command.split_whitespace().collect();
        Self::new(name, dialect, &words)
    }

    fn new(name: &str, dialect: Dialect, words: &[&str]) -> Result<Self> {
        ensure!(
            words.iter().any(|word| word.contains("{port}")),
            "no {{port}} in the command of {name}"
        );
        Ok(Self {
            name: name.to_owned(),
            dialect,
            words: words.iter().map(|word| (*word).to_owned()).collect(),
        })
    }

    /// Those that `servers` name, or else the usual ones.
    pub(crate) fn chosen(servers: &[String]) -> Result<Vec<Self>> {
        match servers {
            [] => Self::usual(),
            _ => servers.iter().map(|server| Self::named(server)).collect(),
        }
    }

    /// dunlin, built now, and of its peers those that are on the path.
    fn usual() -> Result<Vec<Self>> {
        let dunlin = build()?;
        let dunlin = dunlin.to_str().context("a path that is no text")?;
        let mut all = vec![Self::new(
            "dunlin",
            Dialect::Nats,
            &[dunlin, "-a", "127.0.0.1", "-p", "{port}"],
        )?];
        let peers: [(&str, Dialect, &[&str]); 3] = [
            (
                "nats-server",
                Dialect::Nats,
                &["-a", "127.0.0.1", "-p", "{port}"],
            ),
            (
                "redis-server",
                Dialect::Resp,
                &[
                    "--port",
                    "{port}",
                    "--bind",
                    "127.0.0.1",
                    "--save",
                    "",
                    "--appendonly",
                    "no",
                ],
            ),
            ("mosquitto", Dialect::Mqtt, &["-p", "{port}"]),
        ];
        for (name, dialect, arguments) in peers {
            if let Some(program) = on_path(name) {
                let program = program.to_str().context("a path that is no text")?;
                all.push(Self::new(
                    name,
                    dialect,
                    &[&[program][..], arguments].concat(),
                )?);
            }
        }
        Ok(all)
    }

    /// What the server says of its own version, in one line.
    pub(crate) fn version(&self) -> String {
        let flag = if self.dialect == Dialect::Mqtt {
            "-h"
        } else {
            "--version"
        };
        let said = Command::new(&self.words[0]).arg(flag).output();
        let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let line = said
            .unwrap_or_default()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        let number = line
            .split([' ', '='])
            .map(|word| word.trim_start_matches('v'));
        let number = number.filter(|word| word.starts_with(|byte: char| byte.is_ascii_digit()));
        let number = number.map(str::to_owned).next();
        format!("{} {}", self.name, number.unwrap_or(line))
            .trim()
            .to_owned()
    }

    /// Starts it on a free port of its own; only on `cores` if there are any.
    pub(crate) fn spawn(&self, cores: Option<&[usize]>) -> Result<Server> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let words = self
            .words
            .iter()
            .map(|word| word.replace("{port}", &port.to_string()));
        let words: Vec<String> = words.collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = system::on_cores(cores, || command.spawn())?
            .with_context(|| format!("cannot start {}", words[0]))?;
        Ok(Server {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            dialect: self.dialect,
            pid: Some(child.id()),
            child: Some(child),
        })
    }

    /// The same, and waits until it listens.
    pub(crate) fn start(&self, cores: Option<&[usize]>) -> Result<Server> {
        let mut server = self.spawn(cores)?;
        persist(|| server.connect())?;
        thread::sleep(SETTLE);
        Ok(server)
    }
}

impl Server {
    /// The server that listens at `address` already.
    pub(crate) fn at(address: &str, dialect: Dialect, pid: Option<u32>) -> Result<Self> {
        let address = address
            .to_socket_addrs()?
            .next()
            .context("no such address")?;
        Ok(Self {
            address,
            dialect,
            pid,
            child: None,
        })
    }

    /// A connection, unless it does not listen yet.
    pub(crate) fn connect(&mut self) -> Result<Option<TcpStream>> {
        if let Ok(stream) = TcpStream::connect(self.address) {
            return Ok(Some(stream));
        }
        if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok()?) {
            bail!("the server ended before it listened ({status})");
        }
        Ok(None)
    }

    /// The CPU time used so far; none where the process is not known.
    pub(crate) fn cpu_time(&self) -> Result<Option<CpuTime>> {
        self.pid.map(CpuTime::of).transpose()
    }

    /// Resident memory in bytes; none where the process is not known.
    pub(crate) fn memory(&self) -> Result<Option<f64>> {
        let memory = self.pid.map(process::memory).transpose()?;
        Ok(memory.map(|bytes| bytes as f64))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It has nothing to lose, and may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// dunlin's program, built by cargo as users build it.
fn build() -> Result<PathBuf> {
    let here = env::current_exe()?;
    let program = here.with_file_name("dunlin-server");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
    let status = Command::new(cargo)
        .args([
            "build",
            "--release",
            "--quiet",
            "--package",
            "dunlin-server",
            "--manifest-path",
        ])
        .arg(manifest)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "dunlin-server does not build");
    ensure!(
        program.exists(),
        "there is no {}: run this with `cargo run --release`",
        program.display()
    );
    Ok(program)
}

/// The program of that name on the path; servers like to live in sbin.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut programs = folders.map(|folder| folder.join(name));
    programs.find(|program| program.is_file())
}

/// Waits until an attempt has given something.
pub(crate) fn persist<T>(mut attempt: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(done) = attempt()? {
            return Ok(done);
        }
        ensure!(Instant::now() < until, "the server does not listen");
        thread::sleep(Duration::from_micros(100));
    }
}
