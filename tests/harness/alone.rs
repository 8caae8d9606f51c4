//! Alone: tests that count what the whole process holds.
//!
//! In: a test's name and body. Out: the body run in a process of its own, where no other test opens
//! sockets or takes memory; and what such a test counts.

use std::process::Command;

/// Runs `body` in a fresh process; `name` is the full name of the calling test.
///
/// # Panics
/// When the body does, with all it has printed.
pub fn alone(name: &str, body: impl FnOnce()) {
    if std::env::var(ALONE).is_ok_and(|value| value == name) {
        return body();
    }
    let program = std::env::current_exe().expect("a test knows its own program");
    let run = Command::new(program)
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(ALONE, name)
        .env("GLIBC_TUNABLES", ONE_HEAP)
        .output()
        .expect("a test can start itself");
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(
        printed.contains("1 passed") || !run.status.success(),
        "no test is called {name}"
    );
    let complaint = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.success(),
        "{name}, alone:\n{printed}\n{complaint}"
    );
}

/// How many descriptors this process holds.
pub fn descriptors() -> usize {
    Process::this().descriptors()
}

/// How many descriptors this process may hold, as far as anyone says.
pub fn descriptors_max() -> usize {
    Process::this().descriptors_max()
}

/// How much memory this process has in use, in bytes.
pub fn resident_bytes() -> usize {
    Process::this().resident_bytes()
}

/// A process that runs, seen from outside.
#[derive(Clone, Debug)]
pub struct Process(String);

impl Process {
    /// The one that asks.
    pub fn this() -> Self {
        Self("self".to_owned())
    }

    pub(crate) fn numbered(id: u32) -> Self {
        Self(id.to_string())
    }

    /// How many descriptors it holds.
    pub fn descriptors(&self) -> usize {
        let folder = std::fs::read_dir(format!("/proc/{}/fd", self.0));
        folder.expect("/proc is there").count()
    }

    /// How many descriptors it may hold, as far as anyone says.
    pub fn descriptors_max(&self) -> usize {
        let limits = self.read("limits");
        let line = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max open files"));
        let soft = line
            .and_then(|line| line.split_whitespace().next())
            .expect("a limit is named");
        soft.parse().unwrap_or(usize::MAX) // It says `unlimited` where there is none.
    }

    /// How much memory it has in use, in bytes.
    pub fn resident_bytes(&self) -> usize {
        let status = self.read("status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("VmRSS is there");
        let kilobytes = line
            .trim()
            .trim_end_matches(" kB")
            .parse::<usize>()
            .expect("a number");
        kilobytes * 1024
    }

    fn read(&self, name: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/{}/{name}", self.0));
        text.expect("/proc is there")
    }
}

/// One heap for all threads: memory that one thread frees then serves the next that asks, whichever
/// it is, and what a process has in use shows what it holds. Other allocators ignore this.
const ONE_HEAP: &str = "glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0";

/// Set to a test's name in the process that runs its body.
const ALONE: &str = "DUNLIN_TEST_ALONE";
