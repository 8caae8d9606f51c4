//! What a message carries, so that what arrives can be accounted for.
//!
//! ```text
//! payload = publisher (2 bytes) number (6 bytes) time (8 bytes) filling
//! ```
//! All little-endian; the number counts from 0, the time is in nanoseconds of the run's clock.

use anyhow::{Context, Result};

/// How long it is, in bytes: the smallest payload.
pub(crate) const STAMP: usize = 16;

/// The front of a payload, read.
pub(crate) struct Stamp {
    pub(crate) publisher: usize,
    pub(crate) number: u64,
    pub(crate) nanos: u64,
}

impl Stamp {
    pub(crate) fn write(&self, payload: &mut [u8]) {
        let name = (self.publisher as u64) | (self.number << 16);
        payload[..8].copy_from_slice(&name.to_le_bytes());
        payload[8..STAMP].copy_from_slice(&self.nanos.to_le_bytes());
    }

    pub(crate) fn read(payload: &[u8]) -> Result<Self> {
        let (name, rest) = payload
            .split_first_chunk()
            .context("message is too short")?;
        let nanos = rest.first_chunk().context("message is too short")?;
        let name = u64::from_le_bytes(*name);
        Ok(Self {
            publisher: (name & 0xffff) as usize,
            number: name >> 16,
            nanos: u64::from_le_bytes(*nanos),
        })
    }
}

/// A payload without a stamp yet; no two neighbours in its filling are alike.
pub(crate) fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|at| b'!' + (at % 90) as u8).collect()
}
