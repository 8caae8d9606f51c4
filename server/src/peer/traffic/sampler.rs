//! Which of its messages a publisher has looked at closely: all while it publishes little, one in
//! about a hundred while it publishes much. A short burst is little, however fast it comes.
//!
//! A message that is looked at stands for those since the last one. How many those are is drawn by
//! lot, so that no pattern of subjects hides between two looks.

use std::time::{Duration, Instant};

/// The most messages that one stands for, on average.
const GAP_MAX: u32 = 128;
/// Closer looks than this, on average, and the gap between them grows: some 10,000 a second cost
/// less than a hundredth of a core.
const PAUSE: Duration = Duration::from_micros(100);
/// How many looks may come faster than that after a quiet time.
const BURST: u32 = 64;

/// One publisher's turn to be looked at.
pub(in crate::peer) struct Sampler {
    /// Messages until the next look, that one included.
    left: u32,
    /// Messages since the last look.
    passed: u32,
    /// How many messages are to lie between two looks, on average.
    gap: u32,
    looked_at: Option<Instant>,
    /// Until when the looks so far would take at a pause each; at most two bursts ahead.
    paid_until: Option<Instant>,
    random: fastrand::Rng,
}

impl Sampler {
    pub(in crate::peer) fn new(seed: u64) -> Self {
        Self {
            left: 1,
            passed: 0,
            gap: 1,
            looked_at: None,
            paid_until: None,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Counts `messages`; for how many the last of them stands, if it is to be looked at.
    pub(super) fn pass(&mut self, messages: u32) -> Option<u32> {
        self.passed = self.passed.saturating_add(messages);
        if let Some(left @ 1..) = self.left.checked_sub(messages) {
            self.left = left;
            return None;
        }
        Some(self.passed)
    }

    /// The look has been taken at `now`: decides when the next one comes.
    #[cold]
    pub(super) fn note_look(&mut self, now: Instant) {
        let since = self.looked_at.replace(now);
        let pause = since.map_or(PAUSE, |since| now.saturating_duration_since(since));
        let wanted = u128::from(self.passed) * PAUSE.as_nanos() / pause.as_nanos().max(1);
        // A long pause ends a burst at once; within a burst the gap doubles.
        self.gap = match self.is_free(now) {
            true => 1,
            false => u128::from(self.gap * 2)
                .min(wanted)
                .clamp(1, GAP_MAX.into()) as u32,
        };
        self.passed = 0;
        self.left = match self.gap {
            1 => 1,
            gap => self.random.u32(gap.div_ceil(2)..=gap + gap / 2),
        };
    }

    /// Counts a look at `now`; whether it comes within the burst that is free.
    fn is_free(&mut self, now: Instant) -> bool {
        let paid = self.paid_until.map_or(now, |paid| paid.max(now)) + PAUSE;
        self.paid_until = Some(paid.min(now + PAUSE * BURST * 2));
        paid <= now + PAUSE * BURST
    }

    /// Nobody could look: somebody reads what has been seen. The next message is tried.
    #[cold]
    pub(super) fn put_off(&mut self) {
        self.left = 1;
    }

    /// Looks at the next message again, whatever was published before.
    pub(in crate::peer) fn restart(&mut self) {
        (self.left, self.passed, self.gap) = (1, 0, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_publishes_little_is_looked_at_each_time() {
        let (mut sampler, mut now) = (Sampler::new(1), Instant::now());
        for _ in 0..1_000 {
            now += Duration::from_millis(1);
            assert_eq!(sampler.pass(1), Some(1));
            sampler.note_look(now);
        }
    }

    #[test]
    fn a_short_burst_is_counted_exactly() {
        let (mut sampler, now) = (Sampler::new(1), Instant::now());
        for later in [0, 1, 2] {
            for _ in 0..BURST {
                assert_eq!(sampler.pass(1), Some(1));
                sampler.note_look(now + Duration::from_secs(later));
            }
        }
    }

    #[test]
    fn in_a_burst_few_looks_stand_for_all() {
        let (mut sampler, now) = (Sampler::new(1), Instant::now());
        let (mut looks, mut stood_for) = (0_u32, 0_u32);
        for _ in 0..100_000 {
            if let Some(messages) = sampler.pass(1) {
                looks += 1;
                stood_for += messages;
                sampler.note_look(now);
            }
        }
        assert!((100_000 / GAP_MAX..1_000).contains(&looks), "{looks}");
        assert!(stood_for > 100_000 - 2 * GAP_MAX, "{stood_for}");
        sampler.note_look(now + Duration::from_secs(1));
        assert_eq!(sampler.pass(1), Some(1));
    }

    #[test]
    fn subjects_in_turn_are_all_seen_alike() {
        let (mut sampler, now) = (Sampler::new(1), Instant::now());
        let mut seen = [0_u32; 4];
        for number in 0..400_000 {
            if let Some(messages) = sampler.pass(1) {
                seen[number % 4] += messages;
                sampler.note_look(now);
            }
        }
        assert!(
            seen.iter().all(|it| (85_000..115_000).contains(it)),
            "{seen:?}"
        );
    }

    #[test]
    fn a_run_counts_as_all_its_messages() {
        let (mut sampler, now) = (Sampler::new(1), Instant::now());
        let mut stood_for = 0;
        for _ in 0..1_000 {
            if let Some(messages) = sampler.pass(64) {
                stood_for += messages;
                sampler.note_look(now);
            }
        }
        assert!(stood_for > 1_000 * 64 - 4 * GAP_MAX, "{stood_for}");
    }
}
