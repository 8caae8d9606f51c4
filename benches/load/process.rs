//! What a process has used, as the kernel tells it: CPU time and memory.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// A tick of `/proc/<pid>/stat`: a hundredth of a second on every Linux that is about.
const TICK: Duration = Duration::from_millis(10);

/// The CPU time of a process at one moment.
#[derive(Default)]
pub(crate) struct CpuTime {
    /// By thread, in nanoseconds; empty where the kernel does not tell.
    by_thread: HashMap<u32, u64>,
    ticks: u64,
}

impl CpuTime {
    pub(crate) fn of(pid: u32) -> Result<Self> {
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

/// Resident memory of a process, in bytes.
pub(crate) fn memory(pid: u32) -> Result<u64> {
    let told = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
        .with_context(|| format!("cannot see the memory of process {pid}"))?;
    let rss = told.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kib = rss.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Ok(kib.context("smaps_rollup makes no sense")? * 1024)
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
