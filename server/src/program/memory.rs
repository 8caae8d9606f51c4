//! Gives memory back to the system after a flood.
//!
//! The server frees what a connection or subscription took the moment it leaves, but the C library
//! keeps freed pages that lie between others: of the 39 MiB that 200,000 subscriptions took, 33 were
//! still held after they had left, and 4 after the call made here (glibc 2.36, 2026-11). mimalloc was
//! tried in its place: 10 MiB before the first connection instead of 4,
//! and nothing given back within three seconds.
//!
//! The call leaves the end of each heap but the first one: free pages there go back when a piece of
//! memory next to them is freed, which must not be set aside for quick use, and only beyond a
//! threshold that the C library raises by itself, up to 64 MiB. Hence the settings made here at the
//! start. Held after a million subscriptions had left, beside a million that stayed: 159 MiB before
//! the flood, 178 after it without the settings, 160 with them (twice each, 2026-11).

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
/// How many looks wait for the end of a flood before a call is made all the same: clients may come
/// and go all day.
const LOOKS_LEAVING_MAX: u32 = 10;
/// How many looks must find that nothing moves before what has grown is tried: no call is made while
/// a flood comes or goes.
const LOOKS_MIN: u32 = 2;
/// The same after many calls that gave little back: what is in use is looked for every four minutes.
const LOOKS_MAX: u32 = 256;

/// Looks after the memory of `server` for as long as it is polled.
pub(crate) async fn tend(server: &Server) -> Infallible {
    let (mut left_before, mut wait_for) = (0, LEFT_MIN);
    let mut leaving = Leaving::default();
    let mut growth = Growth::from(resident_bytes());
    loop {
        tokio::time::sleep(INTERVAL).await;
        let (connections, subscriptions) = server.departures();
        let left = connections * CONNECTION_WEIGHT + subscriptions;
        let before = resident_bytes();
        let have_left = leaving.are_over(left) && left - left_before >= wait_for;
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

/// Those who leave, from look to look.
#[derive(Default)]
struct Leaving {
    last: u64,
    /// How many looks in a row have found that they go on leaving.
    looks: u32,
}

impl Leaving {
    /// Whether nobody has left since the last look, when `left` have by now; or many looks have
    /// waited for that. A call in the midst of a flood's end finds little, and everybody who needs
    /// memory waits for it.
    fn are_over(&mut self, left: u64) -> bool {
        let are_leaving = left - self.last >= LEFT_MIN;
        self.last = left;
        self.looks = if are_leaving { self.looks + 1 } else { 0 };
        self.looks.is_multiple_of(LOOKS_LEAVING_MAX)
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

/// The largest piece of memory that lies on a heap, in bytes; what is larger has pages of its own,
/// which go back when it does. Above the largest payload by default, so that messages need no call
/// of the system for each.
const ON_HEAP_MAX: i32 = 4 * 1024 * 1024;
/// Free bytes at the end of a heap from which on they are given back.
const END_FREE_MAX: i32 = 2 * 1024 * 1024;

/// Makes the C library give back what it can, where it knows how to. To be called before there are
/// threads.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)] // The reason and the figures stand at the head of this file.
pub(crate) fn prepare() {
    for (setting, value) in [
        (libc::M_MXFAST, 0),
        (libc::M_TRIM_THRESHOLD, END_FREE_MAX),
        (libc::M_MMAP_THRESHOLD, ON_HEAP_MAX),
    ] {
        // SAFETY: takes two numbers and touches only the allocator's own state, under its own locks
        // (mallopt(3): not to be called while another thread sets the same up for the first time,
        // and there is none yet). A setting that is not known leaves everything as it was.
        unsafe {
            libc::mallopt(setting, value);
        }
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn prepare() {}

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
    fn nobody_calls_while_a_flood_leaves() {
        let mut leaving = Leaving::default();
        for look in 1..LOOKS_LEAVING_MAX {
            assert!(!leaving.are_over(u64::from(look) * LEFT_MIN), "look {look}");
        }
        let left = u64::from(LOOKS_LEAVING_MAX) * LEFT_MIN;
        assert!(leaving.are_over(left), "it goes on for long");
        assert!(!leaving.are_over(left + LEFT_MIN));
        assert!(leaving.are_over(left + 2 * LEFT_MIN - 1), "a few");
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
