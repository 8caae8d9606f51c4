//! The subscriptions of those who have left, packed: there may be twenty thousand of them, and
//! hardly anybody ever asks.
//!
//! ```text
//! [filter len 4][queue len 4][sid len 4][delivered 8][max 8][filter][queue][sid]  for each
//! ```

use std::sync::Arc;

use crate::bus::Subscription;

/// A subscription as it stood when its connection left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended<'a> {
    pub(crate) filter: &'a [u8],
    pub(crate) queue: Option<&'a [u8]>,
    pub(crate) sid: &'a [u8],
    pub(crate) delivered: u64,
    pub(crate) max: u64,
}

/// Some subscriptions of one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Packed(Box<[u8]>);

impl Packed {
    pub(super) fn new(subscriptions: &[Arc<Subscription>]) -> Self {
        let mut bytes = Vec::new();
        for subscription in subscriptions {
            let queue = subscription.queue().unwrap_or_default();
            let texts = [subscription.filter(), queue, subscription.sid()];
            for text in texts {
                bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            }
            bytes.extend_from_slice(&subscription.delivered().to_le_bytes());
            bytes.extend_from_slice(&subscription.max().to_le_bytes());
            texts.iter().for_each(|text| bytes.extend_from_slice(text));
        }
        Self(bytes.into_boxed_slice())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Ended<'_>> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || next(&mut rest))
    }
}

/// Takes one subscription off the front.
fn next<'a>(rest: &mut &'a [u8]) -> Option<Ended<'a>> {
    let mut lens = [0; 3];
    for len in &mut lens {
        *len = u32::from_le_bytes(*rest.split_off(..4)?.first_chunk()?) as usize;
    }
    let mut counts = [0; 2];
    for count in &mut counts {
        *count = u64::from_le_bytes(*rest.split_off(..8)?.first_chunk()?);
    }
    let filter = rest.split_off(..lens[0])?;
    let queue = rest.split_off(..lens[1])?;
    Some(Ended {
        filter,
        queue: (!queue.is_empty()).then_some(queue),
        sid: rest.split_off(..lens[2])?,
        delivered: counts[0],
        max: counts[1],
    })
}
