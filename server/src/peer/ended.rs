//! The subscriptions of those who have left, packed: there may be twenty thousand of them, and
//! hardly anybody ever asks.
//!
//! ```text
//! [filter len 4][queue len 4][sid len 4][delivered 8][max 8][lost messages 8][lost bytes 8]
//! [filter][queue][sid]  for each
//! ```

use std::cmp::Reverse;
use std::sync::Arc;

use super::Party;
use crate::bus::Subscription;
use crate::link::{Queued, Waiting};

/// A subscription as it stood when its connection left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended<'a> {
    /// Empty where it was over before, and something still waited for it.
    pub(crate) filter: &'a [u8],
    pub(crate) queue: Option<&'a [u8]>,
    pub(crate) sid: &'a [u8],
    pub(crate) delivered: u64,
    pub(crate) max: u64,
    /// What waited for it when its reader was cut.
    pub(crate) lost_messages: u64,
    /// On the wire.
    pub(crate) lost_bytes: u64,
}

/// Some subscriptions of one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Packed(Box<[u8]>);

impl Packed {
    pub(super) fn new(ended: &[Ended<'_>]) -> Self {
        let mut bytes = Vec::new();
        for it in ended {
            let texts = [it.filter, it.queue.unwrap_or_default(), it.sid];
            for text in texts {
                bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            }
            for count in [it.delivered, it.max, it.lost_messages, it.lost_bytes] {
                bytes.extend_from_slice(&count.to_le_bytes());
            }
            texts.iter().for_each(|text| bytes.extend_from_slice(text));
        }
        Self(bytes.into_boxed_slice())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Ended<'_>> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || next(&mut rest))
    }
}

impl<'a> Ended<'a> {
    /// As it stands now.
    pub(super) fn of(subscription: &'a Arc<Subscription>, lost: Waiting) -> Self {
        Self {
            filter: subscription.filter(),
            queue: subscription.queue(),
            sid: subscription.sid(),
            delivered: subscription.delivered(),
            max: subscription.max(),
            lost_messages: lost.messages,
            lost_bytes: lost.bytes,
        }
    }

    /// One that was over before.
    pub(super) fn over(sid: &'a [u8], lost: Waiting) -> Self {
        Self {
            filter: b"",
            queue: None,
            sid,
            delivered: 0,
            max: 0,
            lost_messages: lost.messages,
            lost_bytes: lost.bytes,
        }
    }
}

/// How the subscriptions of one that leaves ended.
pub(super) struct Ending {
    /// Some of them, those that lost the most first; and what was lost of others.
    pub(super) packed: Packed,
    pub(super) kept: usize,
    /// How many still received.
    pub(super) count: usize,
}

impl Party {
    /// At most `max` of its subscriptions, as they stand now that `lost` is lost.
    pub(super) fn ending(&self, max: usize, lost: &Queued) -> Ending {
        let (all, lost) = (self.subscriptions(), &lost.by_sid);
        let own = self.own();
        // One that had its last message has not been forgotten yet, mostly.
        let known: Vec<_> = lost.keys().map(|sid| own.find(sid)).collect();
        drop(own);
        let losers = lost.iter().zip(&known);
        let mut ended: Vec<_> = losers
            .map(|((sid, lost), known)| match known {
                Some(known) => Ended::of(known, *lost),
                None => Ended::over(sid, *lost),
            })
            .collect();
        ended.sort_by_key(|it| Reverse((it.lost_messages, it.lost_bytes)));
        ended.truncate(max);
        let others = all.iter().filter(|it| !lost.contains_key(it.sid()));
        let others = others.take(max - ended.len());
        ended.extend(others.map(|it| Ended::of(it, Waiting::default())));
        Ending {
            packed: Packed::new(&ended),
            kept: ended.len(),
            count: all.len(),
        }
    }
}

/// Takes one subscription off the front.
fn next<'a>(rest: &mut &'a [u8]) -> Option<Ended<'a>> {
    let mut lens = [0; 3];
    for len in &mut lens {
        *len = u32::from_le_bytes(*rest.split_off(..4)?.first_chunk()?) as usize;
    }
    let mut counts = [0; 4];
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
        lost_messages: counts[2],
        lost_bytes: counts[3],
    })
}
