//! When to ask a peer whether it is alive, and when to give it up.
//!
//! The rules are the reference server's. Source: protocol.md#timers.

use std::time::{Duration, Instant};

/// The first PING after CONNECT comes this early, to learn the round trip.
const FIRST_PING: Duration = Duration::from_secs(2);
/// A round trip known for longer than this is measured again, however busy the peer is.
const ROUND_TRIP_AGE_MAX: Duration = Duration::from_secs(60 * 60);
/// Stands for never.
const FAR_AWAY: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

pub(super) struct Pings {
    interval: Duration, // Zero: never.
    max: u32,
    due: Instant,
    outstanding: u32,
    /// When the first question that stands unanswered was asked.
    asked: Option<Instant>,
    /// Whether the peer did anything but PONG since the last tick.
    is_active: bool,
    /// When the last PONG came.
    answered: Option<Instant>,
}

/// What a tick asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    Stale,
}

impl Pings {
    pub(super) fn new(interval: Duration, max: u32, now: Instant) -> Self {
        let mut pings = Self {
            interval,
            max,
            due: now,
            outstanding: 0,
            asked: None,
            is_active: false,
            answered: None,
        };
        pings.due = now + pings.gap();
        pings
    }

    /// CONNECT has come: the first PING is due soon, at a time of its own for each connection.
    pub(super) fn expect_first(&mut self, now: Instant) {
        let early = self.gap().min(FIRST_PING);
        self.due = now + early + early.mul_f64(0.2 * fastrand::f64());
    }

    /// Asks as often as this from now on.
    pub(super) fn obey(&mut self, interval: Duration, max: u32, now: Instant) {
        if (self.interval, self.max) != (interval, max) {
            (self.interval, self.max) = (interval, max);
            self.due = now + self.gap();
        }
    }

    pub(super) fn note_activity(&mut self) {
        self.is_active = true;
    }

    /// The peer has answered; tells how long that took, if it was asked.
    pub(super) fn note_pong(&mut self, now: Instant) -> Option<Duration> {
        self.outstanding = 0;
        self.answered = Some(now);
        let asked = self.asked.take()?;
        Some(now.saturating_duration_since(asked))
    }

    pub(super) fn due(&self) -> Instant {
        self.due
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }

    pub(super) fn tick(&mut self, now: Instant) -> Due {
        self.due = now + self.gap();
        if self.interval.is_zero() {
            return Due::Nothing;
        }
        let knows_round_trip = self
            .answered
            .is_some_and(|answered| now - answered < ROUND_TRIP_AGE_MAX);
        if std::mem::take(&mut self.is_active) && knows_round_trip {
            return Due::Nothing;
        }
        if self.outstanding + 1 > self.max {
            return Due::Stale;
        }
        self.outstanding += 1;
        self.asked.get_or_insert(now);
        Due::Ping
    }

    fn gap(&self) -> Duration {
        if self.interval.is_zero() {
            FAR_AWAY
        } else {
            self.interval
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_silent_peer_is_pinged_twice_and_given_up() {
        let start = Instant::now();
        let mut pings = Pings::new(SECOND, 2, start);
        assert!(!pings.is_due(start) && pings.is_due(start + SECOND));
        assert_eq!(pings.tick(start + SECOND), Due::Ping);
        assert_eq!(pings.tick(start + 2 * SECOND), Due::Ping);
        assert_eq!(pings.tick(start + 3 * SECOND), Due::Stale);
    }

    #[test]
    fn a_busy_peer_is_pinged_only_until_its_round_trip_is_known() {
        let start = Instant::now();
        let mut pings = Pings::new(SECOND, 2, start);
        pings.note_activity();
        assert_eq!(pings.tick(start + SECOND), Due::Ping);
        pings.note_pong(start + SECOND);
        pings.note_activity();
        assert_eq!(pings.tick(start + 2 * SECOND), Due::Nothing);
        assert_eq!(pings.tick(start + 3 * SECOND), Due::Ping);
    }

    #[test]
    fn the_first_ping_after_connect_comes_early_but_not_for_all_at_once() {
        let start = Instant::now();
        let mut pings = Pings::new(120 * SECOND, 2, start);
        assert_eq!(pings.due(), start + 120 * SECOND);
        pings.expect_first(start);
        assert!(pings.due() >= start + 2 * SECOND && pings.due() <= start + SECOND * 12 / 5);
    }

    #[test]
    fn an_interval_of_zero_never_asks() {
        let start = Instant::now();
        let mut pings = Pings::new(Duration::ZERO, 2, start);
        assert!(!pings.is_due(start + 1_000_000 * SECOND));
        assert_eq!(pings.tick(start), Due::Nothing);
    }
}
