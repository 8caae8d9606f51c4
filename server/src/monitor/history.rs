//! The last hour, in samples: what a plot needs, and no more.
//!
//! A sample every two seconds, 1,800 of them, 72 KB in all; taken only where there is a port that
//! shows them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;

use super::{Monitor, process};

/// The time between two samples.
pub(crate) const SAMPLE_INTERVAL: Duration = Duration::from_secs(2);
/// How many samples are kept: those of an hour.
const SAMPLES_MAX: usize = 1800;

/// What happened lately.
#[derive(Default)]
pub(super) struct History(Mutex<State>);

#[derive(Default)]
struct State {
    samples: VecDeque<Sample>,
    last: Option<(Instant, [u64; 4])>,
}

/// One moment; rates are over the time since the sample before.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Sample {
    /// Seconds since 1970.
    at: u64,
    in_msgs: f32, // A second, as the next three.
    in_bytes: f32,
    out_msgs: f32,
    out_bytes: f32,
    connections: u32,
    subscriptions: u32,
    pending_bytes: u64,
    stalled: u32,
    slow_consumers: u32,
    cpu: f32,
    mem: u64,
}

impl Monitor {
    /// Takes a sample, if the last is old enough.
    pub(crate) fn sample_if_due(&self, now: Instant) -> Option<Sample> {
        let last = self.history.0.lock().last;
        let is_due = |(at, _)| now.saturating_duration_since(at) >= SAMPLE_INTERVAL * 9 / 10;
        last.is_none_or(is_due).then(|| self.sample(now))
    }

    /// Takes a sample.
    pub(crate) fn sample(&self, now: Instant) -> Sample {
        let counts = self.host.statistics();
        let waiting = self.waiting(now);
        let totals = [
            counts.in_messages,
            counts.in_bytes,
            counts.out_messages,
            counts.out_bytes,
        ];
        let at = self.clock.time(now).duration_since(std::time::UNIX_EPOCH);
        let cpu = self.process.cpu_percent();
        let mut state = self.history.0.lock();
        let (before, known) = state.last.unwrap_or((self.clock.started(), [0; 4]));
        let seconds = now
            .saturating_duration_since(before)
            .as_secs_f64()
            .max(0.001);
        let rate = |at: usize| (totals[at].saturating_sub(known[at]) as f64 / seconds) as f32;
        let sample = Sample {
            at: at.map_or(0, |at| at.as_secs()),
            in_msgs: rate(0),
            in_bytes: rate(1),
            out_msgs: rate(2),
            out_bytes: rate(3),
            connections: counts.connections as u32,
            subscriptions: counts.subscriptions as u32,
            pending_bytes: waiting.bytes,
            stalled: waiting.stalled as u32,
            slow_consumers: counts.slow_consumers as u32,
            cpu: cpu as f32,
            mem: process::resident_bytes(),
        };
        state.last = Some((now, totals));
        if state.samples.len() == SAMPLES_MAX {
            state.samples.pop_front();
        }
        state.samples.push_back(sample);
        sample
    }

    /// The samples of the last hour, the oldest first.
    pub(crate) fn history(&self) -> Vec<Sample> {
        self.history.0.lock().samples.iter().copied().collect()
    }
}
