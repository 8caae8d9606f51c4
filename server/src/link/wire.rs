//! The side of a socket that can be written from any thread without waiting.

use std::io::{self, IoSlice};

pub(crate) trait Wire: Send + Sync {
    /// Takes what fits now; `WouldBlock` if nothing does.
    fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Sends what the wire has taken and still holds; `WouldBlock` while some of it is left.
    fn try_drain(&self) -> io::Result<()> {
        Ok(())
    }
}
