//! How long it takes from the socket of a publisher to that of a reader, by samples.
//!
//! Each worker looks at one write in ten milliseconds: when the oldest of what it wrote was read, and
//! what time it is now. Nobody else reads a clock for this, or counts anything.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a worker looks away after a sample.
pub(super) const SAMPLE_INTERVAL: Duration = Duration::from_millis(10);

/// Up to which time each bucket counts, in microseconds; one more counts what takes longer. From a
/// write in the same round on one side to what `write_deadline` allows on the other.
const BOUNDS: [u64; 18] = [
    25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// What has been seen since the start.
pub(crate) struct Latency {
    counts: [AtomicU64; BOUNDS.len() + 1],
    sum_nanos: AtomicU64,
    /// Tells the time.
    clock: fn() -> Instant,
}

/// What a [`Latency`] had seen when somebody asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Samples {
    /// For each bucket its bound, none for the last, and how many there are in it alone.
    pub(crate) buckets: Vec<(Option<Duration>, u64)>,
    /// Of all of them.
    pub(crate) sum: Duration,
}

impl Default for Latency {
    fn default() -> Self {
        Self::new(Instant::now)
    }
}

impl Latency {
    pub(super) fn new(clock: fn() -> Instant) -> Self {
        Self {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            sum_nanos: AtomicU64::new(0),
            clock,
        }
    }

    /// What was read at `start` has been written now.
    pub(super) fn note(&self, start: Instant) {
        let took = (self.clock)().saturating_duration_since(start);
        let micros = took.as_nanos().div_ceil(1_000) as u64; // A bound is in its bucket.
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        let nanos = took.as_nanos() as u64;
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn samples(&self) -> Samples {
        let bounds = BOUNDS
            .iter()
            .map(|bound| Some(Duration::from_micros(*bound)));
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        Samples {
            buckets: bounds.chain([None]).zip(counts).collect(),
            sum: Duration::from_nanos(self.sum_nanos.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sample_is_in_the_bucket_of_its_time() {
        let latency = Latency::default();
        latency.note(Instant::now());
        let long_ago = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
        latency.note(long_ago);
        let samples = latency.samples();
        let counts: Vec<u64> = samples.buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts.iter().sum::<u64>(), 2);
        assert_eq!((samples.buckets[18].0, counts[18]), (None, 1));
        assert!(samples.sum >= Duration::from_secs(60));
    }
}
