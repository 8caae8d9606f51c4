//! Gives memory back to the system after a flood.
//!
//! The server frees what a connection or subscription took the moment it leaves, but the C library
//! keeps freed pages that lie between others: of the 39 MiB that 200,000 subscriptions took, 33 were
//! still held after they had left, and 4 after the call made here (glibc 2.36, 2026-11). mimalloc was
//! tried in its place: 10 MiB before the first connection instead of 4,
//! and nothing given back within three seconds.

use std::convert::Infallible;
use std::time::Duration;

use crate::server::Server;

/// How often the program looks whether a flood has passed.
const INTERVAL: Duration = Duration::from_secs(1);
/// What must have left since the last call, in subscriptions' worth of memory, for another: half a
/// megabyte's worth.
const LEFT_MIN: u64 = 2_000;
/// The same after many calls that were not worth it: where clients come and go all day, the call is
/// made once for so many of them.
const LEFT_MAX: u64 = 1_000_000;
/// A connection takes about as much memory as this many subscriptions.
const CONNECTION_WEIGHT: u64 = 8;
/// A call that gave back less than this, in bytes, was not worth it: the next one waits for twice
/// as many to leave.
const WORTH_MIN: u64 = 2 * 1024 * 1024;
/// Growth by more than this, in bytes and as a part of what was held, is worth a call although
/// nobody has left: large messages of a few clients take as much.
const GROWN_MIN: u64 = 1024 * 1024;
const GROWN_PART: u64 = 25;
/// How many looks must find that nothing moves before what has grown is tried: no call is made while
/// a flood comes or goes.
const LOOKS_MIN: u32 = 2;
/// The same after many calls that gave little back: what is in use is looked for every four minutes.
const LOOKS_MAX: u32 = 256;

/// Looks after the memory of `server` for as long as it is polled.
pub(crate) async fn tend(server: &Server) -> Infallible {
    let (mut left_before, mut wait_for) = (0, LEFT_MIN);
    let mut growth = Growth::from(resident_bytes());
    loop {
        tokio::time::sleep(INTERVAL).await;
        let (connections, subscriptions) = server.departures();
        let left = connections * CONNECTION_WEIGHT + subscriptions;
        let before = resident_bytes();
        let have_left = left - left_before >= wait_for;
        if !growth.is_due(before) && !have_left {
            continue;
        }
        give_back();
        let now = resident_bytes();
        let given_back = before.saturating_sub(now);
        growth.tried(given_back, now);
        if have_left {
            growth.begin_anew();
            left_before = left;
            wait_for = match given_back >= WORTH_MIN {
                true => LEFT_MIN,
                false => (wait_for * 2).min(LEFT_MAX),
            };
        }
    }
}

/// What is held, beside the least that was.
struct Growth {
    /// The least that was ever held, in bytes.
    least: u64,
    /// What was held when it last moved, or was given back, in bytes.
    last: u64,
    /// How many looks since then, or since the last call.
    looks: u32,
    /// How many are needed for a call.
    wait_for: u32,
}

impl Growth {
    fn from(resident: u64) -> Self {
        Self {
            least: resident,
            last: resident,
            looks: 0,
            wait_for: LOOKS_MIN,
        }
    }

    /// Whether `resident` bytes are so many that a call may be worth it, and it is time for one.
    fn is_due(&mut self, resident: u64) -> bool {
        self.least = self.least.min(resident);
        if resident.abs_diff(self.last) >= GROWN_MIN {
            self.last = resident;
            self.begin_anew();
            return false;
        }
        if resident <= self.least + GROWN_MIN.max(self.least / GROWN_PART) {
            return false;
        }
        self.looks += 1;
        self.looks >= self.wait_for
    }

    /// A call has given so much back, and left `resident`.
    fn tried(&mut self, given_back: u64, resident: u64) {
        (self.last, self.looks) = (resident, 0);
        self.wait_for = match given_back >= GROWN_MIN {
            true => LOOKS_MIN,
            false => (self.wait_for * 2).min(LOOKS_MAX),
        };
    }

    /// What was in use may be so no more.
    fn begin_anew(&mut self) {
        (self.looks, self.wait_for) = (0, LOOKS_MIN);
    }
}

/// The memory that the process holds, in bytes, to a page's precision; 0 where nobody tells.
fn resident_bytes() -> u64 {
    const PAGE: u64 = 4096; // Larger pages only make smaller steps of what is compared here.
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages
        .as_deref()
        .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE
}

/// Returns free pages of the heap to the system, where the C library knows how to.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)] // The reason and the figures stand at the head of this file.
fn give_back() {
    // SAFETY: takes a number and touches only the allocator's own state, under its own locks; any
    // thread may call it at any time (malloc_trim(3): MT-Safe).
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1024 * 1024;

    /// How many of `looks` at `resident` bytes led to a call, which gave `given_back`.
    fn calls(growth: &mut Growth, looks: u32, resident: u64, given_back: u64) -> u32 {
        let mut calls = 0;
        for _ in 0..looks {
            if growth.is_due(resident) {
                calls += 1;
                growth.tried(given_back, resident);
            }
        }
        calls
    }

    #[test]
    fn what_has_grown_and_is_in_use_is_tried_ever_less_often() {
        let mut growth = Growth::from(10 * MB);
        assert_eq!(calls(&mut growth, 100, 11 * MB - 1, 0), 0, "nothing");
        // After 2, 4, 8 … looks; the first one sees it move.
        assert_eq!(calls(&mut growth, 1 + 254, 20 * MB, 0), 7);
        assert_eq!(calls(&mut growth, 3 * LOOKS_MAX, 20 * MB, 0), 3);
        assert_eq!(calls(&mut growth, 1 + LOOKS_MIN, 30 * MB, 0), 1, "more");
        growth.begin_anew();
        assert_eq!(calls(&mut growth, LOOKS_MIN, 30 * MB, 0), 1, "a leaver");
    }

    #[test]
    fn nothing_is_tried_while_a_flood_comes_or_goes() {
        let mut growth = Growth::from(10 * MB);
        for resident in (20..200).chain((20..200).rev()) {
            assert!(!growth.is_due(resident * MB), "{resident} MB");
        }
        assert_eq!(calls(&mut growth, LOOKS_MIN, 20 * MB, 0), 1, "it is over");
    }

    #[test]
    fn what_is_given_back_is_worth_another_call() {
        let mut growth = Growth::from(10 * MB);
        assert_eq!(calls(&mut growth, 1, 20 * MB, 0), 0);
        assert_eq!(calls(&mut growth, 10 * LOOKS_MIN, 20 * MB, 2 * MB), 10);
        assert_eq!(calls(&mut growth, 10, 8 * MB, 0), 0, "the new least");
        assert_eq!(calls(&mut growth, 1 + LOOKS_MIN, 10 * MB, 0), 1);
    }
}
