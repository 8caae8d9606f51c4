//! A server under test: `DUNLIN_SERVER_BIN` on a free port, started, stopped and started again.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use async_nats::{Client, ConnectOptions};
use rustix::process::{Pid, kill_process};
use tempfile::NamedTempFile;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::{DEADLINE, Result, within};

pub use rustix::process::Signal;

/// A running server; dropping it kills the process.
pub struct Server {
    port: u16,
    config: Option<NamedTempFile>,
    process: Child,
}

impl Server {
    /// Starts a server on a port of its own; it accepts connections when this returns.
    pub async fn start() -> Result<Self> {
        Self::start_with(None).await
    }

    /// The same, with the text of a configuration file.
    pub async fn configured(config: &str) -> Result<Self> {
        let mut file = NamedTempFile::new()?;
        file.write_all(config.as_bytes())?;
        Self::start_with(Some(file)).await
    }

    async fn start_with(config: Option<NamedTempFile>) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let mut server = Self {
            port,
            process: spawn(port, config.as_ref())?,
            config,
        };
        server.listening().await?;
        Ok(server)
    }

    /// Stops the process, waits until it is gone, and starts it again on the same port.
    pub async fn restart(&mut self, how: Signal) -> Result<()> {
        let id = self.process.id().ok_or("the server is gone already")?;
        let pid = Pid::from_raw(id.try_into()?).ok_or("a process has a number")?;
        kill_process(pid, how)?;
        within(self.process.wait()).await??;
        self.process = spawn(self.port, self.config.as_ref())?;
        self.listening().await
    }

    pub async fn connect(&self, options: ConnectOptions) -> Result<Client> {
        Ok(options.connect(format!("127.0.0.1:{}", self.port)).await?)
    }

    async fn listening(&mut self) -> Result<()> {
        let give_up = tokio::time::Instant::now() + DEADLINE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
            .await
            .is_err()
        {
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("the server ended before it listened: {status}").into());
            }
            if tokio::time::Instant::now() > give_up {
                return Err("the server does not accept connections".into());
            }
            // A port that opens sends no event: ask again, a little later.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

fn spawn(port: u16, config: Option<&NamedTempFile>) -> Result<Child> {
    let binary = std::env::var_os("DUNLIN_SERVER_BIN").ok_or("DUNLIN_SERVER_BIN is not set")?;
    let mut command = Command::new(binary);
    command
        .args(["-a", "127.0.0.1", "-p", &port.to_string()])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if let Some(config) = config {
        command.arg("-c").arg(config.path());
    }
    match std::env::var_os("DUNLIN_SERVER_LOG") {
        Some(path) => {
            let log = OpenOptions::new().create(true).append(true).open(path)?;
            command.stdout(log.try_clone()?).stderr(log);
        }
        None => {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
    }
    Ok(command.spawn()?)
}
