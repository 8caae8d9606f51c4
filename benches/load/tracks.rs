//! The account of what arrived: who sent it, and whether it was its turn.
//!
//! ```text
//! payload = publisher (2 bytes) number (6 bytes) time (8 bytes) filling
//! ```
//! All little-endian; the number counts from 0, the time is in nanoseconds of the run's clock.

use anyhow::{Context, Result, bail, ensure};

use crate::work::{Plan, STAMP};

/// Puts publisher, number and time at the front of `payload`.
pub(crate) fn stamp(payload: &mut [u8], publisher: usize, number: u64, nanos: u64) {
    let name = (publisher as u64) | (number << 16);
    payload[..8].copy_from_slice(&name.to_le_bytes());
    payload[8..STAMP].copy_from_slice(&nanos.to_le_bytes());
}

/// What fills a message behind its stamp; no two neighbours are alike.
pub(crate) fn filling(len: usize) -> Vec<u8> {
    (0..len).map(|at| b'!' + (at % 90) as u8).collect()
}

/// What one subscriber got.
pub(crate) struct Tracks {
    by_publisher: Vec<Track>,
    filling: Vec<u8>,
    is_shared: bool, // Others take some of the messages.
}

#[derive(Debug, Clone, Copy, Default)]
struct Track {
    /// The lowest number that may come next.
    next: u64,
    count: u64,
    sum: u64, // Of all numbers, so that one cannot stand in for another.
}

impl Tracks {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            by_publisher: vec![Track::default(); plan.publishers],
            filling: filling(plan.payload - STAMP),
            is_shared: plan.queue().is_some(),
        }
    }

    /// Enters a message; tells when it was sent.
    pub(crate) fn enter(&mut self, payload: &[u8]) -> Result<u64> {
        let (name, rest) = payload
            .split_first_chunk()
            .context("message is too short")?;
        let (nanos, filling) = rest.split_first_chunk().context("message is too short")?;
        ensure!(
            *filling == self.filling,
            "message arrived with another content"
        );
        let name = u64::from_le_bytes(*name);
        let (publisher, number) = ((name & 0xffff) as usize, name >> 16);
        let Some(track) = self.by_publisher.get_mut(publisher) else {
            bail!("message is from nobody of this run: another load on the same server?");
        };
        let is_in_turn = match self.is_shared {
            true => number >= track.next,
            false => number == track.next,
        };
        ensure!(
            is_in_turn,
            "message {number} of publisher {publisher} arrived where {} was due",
            track.next
        );
        track.next = number + 1;
        track.count += 1;
        track.sum = track.sum.wrapping_add(number);
        Ok(u64::from_le_bytes(*nanos))
    }
}

/// Whether all subscribers together got everything, once each; `sent` by publisher.
pub(crate) fn settle(plan: &Plan, all: &[Tracks], sent: &[u64]) -> Result<()> {
    for (publisher, &sent) in sent.iter().enumerate() {
        let tracks = || all.iter().map(|tracks| tracks.by_publisher[publisher]);
        for (subscriber, track) in tracks().enumerate() {
            ensure!(
                !plan.hears_all(subscriber, publisher) || track.count == sent,
                "subscriber {subscriber} got {} of {sent} messages of publisher {publisher}",
                track.count
            );
        }
        if plan.queue().is_some() {
            let count: u64 = tracks().map(|track| track.count).sum();
            let sum = tracks().fold(0u64, |sum, track| sum.wrapping_add(track.sum));
            let expected = (u128::from(sent) * u128::from(sent.saturating_sub(1)) / 2) as u64;
            ensure!(
                count == sent && sum == expected,
                "the group got {count} of {sent} messages of publisher {publisher}"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::Shape;

    fn plan(shape: Shape) -> Plan {
        Plan {
            shape,
            payload: STAMP + 4,
            publishers: 2,
            subscribers: 2,
            measure: Default::default(),
            warm_up: Default::default(),
            rate_each: None,
            window: 1,
        }
    }

    fn message(publisher: usize, number: u64) -> Vec<u8> {
        let mut payload = [vec![0; STAMP], filling(4)].concat();
        stamp(&mut payload, publisher, number, 7);
        payload
    }

    #[test]
    fn a_hole_a_repetition_and_a_stranger_are_found() {
        let mut tracks = Tracks::new(&plan(Shape::FanOut));
        assert_eq!(tracks.enter(&message(0, 0)).unwrap(), 7);
        assert!(tracks.enter(&message(0, 0)).is_err(), "repeated");
        assert!(tracks.enter(&message(0, 2)).is_err(), "one is missing");
        assert!(tracks.enter(&message(2, 0)).is_err(), "from nobody");
        assert!(tracks.enter(&message(1, 0)[..STAMP + 3]).is_err(), "cut");
        assert!(tracks.enter(&message(0, 1)).is_ok());
    }

    #[test]
    fn a_group_may_share_but_not_lose_or_repeat() {
        let plan = plan(Shape::Queue);
        let mut all = [Tracks::new(&plan), Tracks::new(&plan)];
        all[0].enter(&message(0, 0)).unwrap();
        all[1].enter(&message(0, 1)).unwrap();
        all[0].enter(&message(0, 2)).unwrap();
        assert!(settle(&plan, &all, &[3, 0]).is_ok());
        assert!(settle(&plan, &all, &[4, 0]).is_err(), "one is missing");
        all[1].enter(&message(0, 2)).unwrap();
        assert!(
            settle(&plan, &all, &[4, 0]).is_err(),
            "one came twice, one never"
        );
    }
}
