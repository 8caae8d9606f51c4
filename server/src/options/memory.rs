//! How much memory there is for a server, as far as the system tells.
//!
//! In: what the kernel says of the machine, of the process's groups and of its limits. Out: the
//! bound of all outboxes together, where nobody chose one. Elsewhere than on Linux nothing is known.

use std::fs;
use std::path::Path;

/// The bound where nothing is known: a guess.
const UNKNOWN: usize = 1024 * 1024 * 1024;

/// Half of what this process may use, in bytes: the rest is for what comes in, for connections and
/// subscriptions, and for the program around an embedded server.
pub(super) fn half() -> usize {
    let known = [machine(), address_space(), group()];
    known
        .into_iter()
        .flatten()
        .min()
        .map_or(UNKNOWN, |bytes| bytes / 2)
}

fn machine() -> Option<usize> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: usize = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// What `ulimit -v` allows.
fn address_space() -> Option<usize> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok() // Or it says `unlimited`.
}

/// What the control groups of this process allow, which is how containers are bounded.
fn group() -> Option<usize> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mut least = None;
    for line in text.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|it| it == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        // Every group above bounds it too; inside a container the path may be one of outside.
        for folder in Path::new(path).ancestors() {
            let below = folder.strip_prefix("/").unwrap_or(folder);
            let limit = fs::read_to_string(Path::new(root).join(below).join(file));
            let limit = limit.ok().and_then(|text| text.trim().parse().ok());
            least = least.into_iter().chain(limit).min();
        }
    }
    least
}

#[cfg(test)]
mod tests {
    #[test]
    fn half_of_something_is_known() {
        assert!(super::half() > 1024 * 1024);
    }
}
