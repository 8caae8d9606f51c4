//! The side of a socket that can be written from any thread without waiting.

use std::io::{self, IoSlice};

pub(crate) trait Wire: Send + Sync {
    /// Takes what fits now; `WouldBlock` if nothing does.
    fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Whether it holds bytes that nobody may be about to send: what it says of its own accord.
    fn is_behind(&self) -> bool {
        false
    }

    /// Sends what the wire has taken and still holds; `WouldBlock` while some of it is left.
    fn try_drain(&self) -> io::Result<()> {
        Ok(())
    }
}
