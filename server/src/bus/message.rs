//! A message on its way through the bus: borrowed, but for what large payloads share.

use std::cell::OnceCell;
use std::time::Instant;

use bytes::Bytes;

use crate::link::Wakes;

/// From this size on, in bytes, a message is shared by its readers instead of copied for each.
/// Measured 2026-11: below it a copy is cheaper than a reference that crosses threads.
const SHARE_MIN: usize = 16 * 1024;

/// One message, as the publishing door hands it in.
pub(crate) struct Message<'a> {
    pub(crate) subject: &'a [u8],
    pub(crate) reply: Option<&'a [u8]>,
    /// The header block; empty for a message without.
    pub(crate) headers: &'a [u8],
    pub(crate) payload: &'a [u8],
    /// The same once more, in the form the publishing door received it: what a door of its own
    /// kind may pass on without looking. Opaque to the bus.
    pub(crate) verbatim: &'a [u8],
    /// Owns `verbatim`, if it may be kept without copying.
    pub(crate) owner: Option<&'a Bytes>,
    /// When it was published.
    pub(crate) at: Instant,
    /// Who published; a sink may decline what comes from itself.
    pub(crate) origin: u64,
    /// `verbatim` for keeping, made when the first reader wants it.
    pub(crate) kept: OnceCell<Bytes>,
}

#[cfg(any(test, feature = "bench"))]
impl<'a> Message<'a> {
    /// A message that says nothing, for those who only ask where it goes.
    pub(crate) fn empty(subject: &'a [u8]) -> Self {
        Self {
            subject,
            reply: None,
            headers: b"",
            payload: b"",
            verbatim: b"",
            owner: None,
            at: Instant::now(),
            origin: 0,
            kept: OnceCell::new(),
        }
    }
}

impl Message<'_> {
    /// Header block and payload together, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.headers.len() + self.payload.len()
    }

    /// `verbatim` to be kept, where that is cheaper than a copy for each reader.
    pub(crate) fn shared(&self, wakes: &mut Wakes) -> Option<&Bytes> {
        if self.verbatim.len() < SHARE_MIN {
            return None;
        }
        let kept = self.kept.get_or_init(|| {
            wakes.hold(match self.owner {
                Some(owner) => owner.slice_ref(self.verbatim),
                None => Bytes::copy_from_slice(self.verbatim),
            })
        });
        Some(kept)
    }
}
