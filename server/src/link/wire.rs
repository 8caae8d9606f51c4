//! The side of a socket that can be written from any thread without waiting.

use std::io::{self, IoSlice};

pub(crate) trait Wire: Send + Sync {
    /// Writes what fits now; `WouldBlock` if nothing does.
    fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;
}
