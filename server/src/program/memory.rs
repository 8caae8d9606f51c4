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
/// How many calls in a row may find that what has grown is in use, and how many looks are between
/// them: memory that was lent comes back within some seconds.
const TRIES: u32 = 8;
const LOOKS_BETWEEN: u32 = 2;

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
    /// What is known to be in use, in bytes.
    floor: u64,
    /// What the last call left: tries count while that stays as it is.
    last: u64,
    tries: u32,
    looks: u32,
}

impl Growth {
    fn from(resident: u64) -> Self {
        Self {
            least: resident,
            floor: resident,
            last: resident,
            tries: 0,
            looks: 0,
        }
    }

    /// Whether `resident` bytes are so many that a call may be worth it, and it is time for one.
    fn is_due(&mut self, resident: u64) -> bool {
        self.least = self.least.min(resident);
        self.floor = self.floor.min(resident);
        if resident <= self.floor + GROWN_MIN.max(self.floor / GROWN_PART) {
            return false;
        }
        self.looks += 1;
        self.looks.is_multiple_of(LOOKS_BETWEEN)
    }

    /// A call has given so much back, and left `resident`.
    fn tried(&mut self, given_back: u64, resident: u64) {
        let is_still = resident.abs_diff(self.last) < GROWN_MIN;
        self.last = resident;
        self.tries = match given_back < GROWN_MIN && is_still {
            true => self.tries + 1,
            false => 0, // A flood comes or goes.
        };
        if self.tries >= TRIES {
            (self.floor, self.tries) = (resident, 0);
        }
    }

    /// Somebody has left: what was in use may be so no more.
    fn begin_anew(&mut self) {
        (self.floor, self.tries) = (self.least, 0);
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

    #[test]
    fn what_has_grown_is_tried_until_it_is_known_to_be_in_use() {
        let mut growth = Growth::from(10 * MB);
        assert!(!growth.is_due(11 * MB), "that little is nothing");
        let mut tries = 0;
        for _ in 0..100 {
            if growth.is_due(20 * MB) {
                tries += 1;
                growth.tried(0, 20 * MB);
            }
        }
        assert_eq!(tries, TRIES + 1, "the first finds that it has grown");
        let due = (0..10).filter(|_| growth.is_due(30 * MB)).count();
        assert_eq!(due, 5, "it has grown again");
        for resident in 30..100 {
            growth.tried(0, 2 * resident * MB);
        }
        assert!((0..2).any(|_| growth.is_due(50 * MB)), "the flood is over");
        growth.begin_anew();
        assert!((0..2).any(|_| growth.is_due(20 * MB)), "somebody has left");
    }

    #[test]
    fn what_is_given_back_is_worth_another_call() {
        let mut growth = Growth::from(10 * MB);
        for _ in 0..100 {
            if growth.is_due(20 * MB) {
                growth.tried(2 * MB, 18 * MB);
            }
        }
        assert!((0..2).any(|_| growth.is_due(20 * MB)));
        assert!(!growth.is_due(8 * MB));
        assert!(
            (0..2).any(|_| growth.is_due(10 * MB)),
            "from the new floor on"
        );
    }
}
