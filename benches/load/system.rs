//! What only the system can do: wake up on time, choose cores, allow many sockets.

use std::io;
use std::time::Duration;

use anyhow::Result;
use mio::{Events, Poll, Registry, Token};

/// Waits for events and the end of a time that may be much less than a millisecond.
pub(crate) struct Timer {
    #[cfg(target_os = "linux")]
    clock: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::AsRawFd;

    use mio::Interest;
    use mio::unix::SourceFd;
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    use super::*;

    impl Timer {
        pub(crate) fn new(registry: &Registry, token: Token) -> Result<Self> {
            let clock = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
            let mut source = SourceFd(&clock.as_raw_fd());
            registry.register(&mut source, token, Interest::READABLE)?;
            Ok(Self { clock })
        }

        pub(super) fn set(&self, wait: Duration) -> Result<()> {
            let time = |wait: Duration| Timespec {
                tv_sec: wait.as_secs() as _,
                tv_nsec: wait.subsec_nanos().into(),
            };
            let once = Itimerspec {
                it_interval: time(Duration::ZERO),
                it_value: time(wait),
            };
            timerfd_settime(&self.clock, TimerfdTimerFlags::empty(), &once)?;
            Ok(())
        }
    }

    /// Runs `start` on `cores` only, and what it starts; all of them for none.
    pub(crate) fn on_cores<T>(cores: Option<&[usize]>, start: impl FnOnce() -> T) -> Result<T> {
        let Some(cores) = cores else {
            return Ok(start());
        };
        let before = sched_getaffinity(None)?;
        let mut chosen = CpuSet::new();
        cores.iter().for_each(|&core| chosen.set(core));
        sched_setaffinity(None, &chosen)?;
        let started = start();
        sched_setaffinity(None, &before)?;
        Ok(started)
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::*;

    impl Timer {
        pub(crate) fn new(_registry: &Registry, _token: Token) -> Result<Self> {
            Ok(Self {})
        }

        /// The wait is rounded up to whole milliseconds.
        pub(super) fn set(&self, _wait: Duration) -> Result<()> {
            Ok(())
        }
    }

    /// Runs `start`; cores cannot be chosen here.
    pub(crate) fn on_cores<T>(cores: Option<&[usize]>, start: impl FnOnce() -> T) -> Result<T> {
        anyhow::ensure!(cores.is_none(), "cores can be chosen on Linux only");
        Ok(start())
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::on_cores;
#[cfg(target_os = "linux")]
pub(crate) use linux::on_cores;

impl Timer {
    /// Waits at most so long for events.
    pub(crate) fn poll(&self, poll: &mut Poll, events: &mut Events, wait: Duration) -> Result<()> {
        const COARSE: Duration = Duration::from_millis(20); // From here on a millisecond is nothing.
        if !wait.is_zero() && wait < COARSE {
            self.set(wait)?;
        }
        match poll.poll(events, Some(wait)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Allows as many open files as this program may have; servers started by it inherit that.
pub(crate) fn allow_sockets() -> Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(())
}
