//! What of a text is for which subscription: counted by whoever wrote the text and can read it,
//! kept by whoever has the text and cannot.

use std::collections::HashMap;
use std::time::Duration;

use super::queue::Sight;

/// The most subscriptions that are told apart. A guess: 2 MB while somebody looks.
pub(crate) const SIDS_MAX: usize = 16 * 1024;

/// Adds what a text holds to a count.
pub(crate) type ReadText = fn(&Sight, &mut Queued);

/// What waits, or waited, for one subscription.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// One that has gone out in part is one of them.
    pub(crate) messages: u64,
    /// On the wire, what has not gone out.
    pub(crate) bytes: u64,
    /// Since the oldest came, and at most what is told: it is known for each chunk of 64 KiB.
    pub(crate) oldest: Duration,
}

/// What waits, or waited, for each subscription, by sid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Queued {
    pub(crate) by_sid: HashMap<Box<[u8]>, Waiting>,
    /// Of all subscriptions, those among them that are not told apart.
    pub(crate) messages: u64,
    /// How much text was looked at, in bytes.
    pub(crate) looked_at: usize,
}

impl Queued {
    /// Counts a message of which `bytes` have not gone out.
    pub(crate) fn count(&mut self, sid: &[u8], bytes: usize, age: Duration) {
        self.messages += 1;
        let waiting = Waiting {
            messages: 1,
            bytes: bytes as u64,
            oldest: age, // What waits is looked at from the oldest on.
        };
        if let Some(known) = self.by_sid.get_mut(sid) {
            known.add(waiting);
        } else if self.by_sid.len() < SIDS_MAX {
            self.by_sid.insert(sid.into(), waiting);
        }
    }

    /// Counts what `other` has counted.
    pub(crate) fn merge(&mut self, other: Self) {
        self.messages += other.messages;
        self.looked_at += other.looked_at;
        if self.by_sid.is_empty() {
            self.by_sid = other.by_sid;
            return;
        }
        for (sid, waiting) in other.by_sid {
            if let Some(known) = self.by_sid.get_mut(&sid) {
                known.add(waiting);
            } else if self.by_sid.len() < SIDS_MAX {
                self.by_sid.insert(sid, waiting);
            }
        }
    }
}

impl Waiting {
    fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.oldest = self.oldest.max(other.oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_subscriptions_are_told_apart_as_may_be() {
        let (mut queued, mut others) = (Queued::default(), Queued::default());
        for sid in 0..SIDS_MAX + 10 {
            queued.count(sid.to_string().as_bytes(), 1, Duration::ZERO);
            others.count(format!("o{sid}").as_bytes(), 1, Duration::ZERO);
        }
        queued.count(b"7", 4, Duration::from_secs(1));
        queued.merge(others);
        assert_eq!(queued.by_sid.len(), SIDS_MAX);
        assert_eq!(queued.messages as usize, 2 * (SIDS_MAX + 10) + 1);
        let seventh = Waiting {
            messages: 2,
            bytes: 5,
            oldest: Duration::from_secs(1),
        };
        assert_eq!(queued.by_sid[&b"7"[..]], seventh);
    }
}
