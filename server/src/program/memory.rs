//! Gives memory back to the system after a flood.
//!
//! The server frees what a connection or subscription took the moment it leaves, but the C library
//! keeps freed pages that lie between others: of the 39 MiB that 200,000 subscriptions took, 33 were
//! still held after they had left, and 4 after the call made here (glibc 2.36, 2026-11). mimalloc was tried in its place: 10 MiB before the first connection instead of 4,
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

/// Looks after the memory of `server` for as long as it is polled.
pub(crate) async fn tend(server: &Server) -> Infallible {
    let (mut left_before, mut wait_for) = (0, LEFT_MIN);
    loop {
        tokio::time::sleep(INTERVAL).await;
        let (connections, subscriptions) = server.departures();
        let left = connections * CONNECTION_WEIGHT + subscriptions;
        if left - left_before < wait_for {
            continue;
        }
        left_before = left;
        let before = resident_bytes();
        give_back();
        let given_back = before.saturating_sub(resident_bytes());
        wait_for = match given_back >= WORTH_MIN {
            true => LEFT_MIN,
            false => (wait_for * 2).min(LEFT_MAX),
        };
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
