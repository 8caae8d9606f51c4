//! The server under load: started here or found running, and the CPU time that it has used.

use std::collections::HashMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::wire::PATIENCE;

/// A tick of `/proc/<pid>/stat`: a hundredth of a second on every Linux that is about.
const TICK: Duration = Duration::from_millis(10);

/// A server that listens; one started here ends when this is dropped.
pub(crate) struct Server {
    pub(crate) address: String,
    pid: Option<u32>,
    child: Option<Child>,
}

/// The CPU time of a process at one moment.
#[derive(Default)]
pub(crate) struct CpuTime {
    /// By thread, in nanoseconds; empty where the kernel does not tell.
    by_thread: HashMap<u32, u64>,
    ticks: u64,
}

impl Server {
    /// The server that listens at `address` already.
    pub(crate) fn at(address: &str, pid: Option<u32>) -> Self {
        Self {
            address: address.to_owned(),
            pid,
            child: None,
        }
    }

    /// Starts `command` with a free port in the place of `{port}`, and waits until it listens.
    ///
    /// The command is split at blanks; there are no quotes.
    pub(crate) fn start(command: &str) -> Result<Self> {
        ensure!(
            command.contains("{port}"),
            "command has no {{port}}: {command:?}"
        );
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let command = command.replace("{port}", &port.to_string());
        let mut words = command.split_whitespace();
        let program = words.next().context("command is empty")?;
        let child = Command::new(program)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let mut server = Self {
            address: format!("127.0.0.1:{port}"),
            pid: Some(child.id()),
            child: Some(child),
        };
        server.wait_until_up(&command)?;
        Ok(server)
    }

    fn wait_until_up(&mut self, command: &str) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(&self.address).is_err() {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok()?) {
                bail!("server ended before it listened ({status}): {command}");
            }
            ensure!(
                start.elapsed() < PATIENCE,
                "server does not listen: {command}"
            );
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The CPU time used so far; none where the process is not known.
    pub(crate) fn cpu_time(&self) -> Result<Option<CpuTime>> {
        self.pid.map(CpuTime::of).transpose()
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

impl CpuTime {
    fn of(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
            .with_context(|| format!("cannot see the CPU time of process {pid}"))?;
        let mut by_thread = HashMap::new();
        for task in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
            let Ok(thread) = task.file_name().to_string_lossy().parse() else {
                continue;
            };
            // A thread may end meanwhile.
            let told = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            if let Some(Ok(nanos)) = told.split(' ').next().map(str::parse) {
                by_thread.insert(thread, nanos);
            }
        }
        let ticks = ticks(&stat).with_context(|| format!("/proc/{pid}/stat makes no sense"))?;
        Ok(Self { by_thread, ticks })
    }

    /// The time used from `earlier` to this moment. Threads that ended in between are missing
    /// where the kernel tells nanoseconds; where it does not, ticks must do.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let nanos = self.by_thread.iter().map(|(thread, nanos)| {
            nanos.saturating_sub(earlier.by_thread.get(thread).copied().unwrap_or(0))
        });
        match nanos.sum() {
            0 => TICK * (self.ticks - earlier.ticks) as u32,
            nanos => Duration::from_nanos(nanos),
        }
    }
}

/// User and system time of a line like `4711 (a name) S …`: the 14th and 15th field.
fn ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_name_of_a_process_may_hold_anything() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0";
        assert_eq!(super::ticks(stat), Some(42));
    }
}
