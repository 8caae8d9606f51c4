//! What a run has shown: one row for people, one object for programs.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::flow::Flow;
use crate::server::{CpuTime, Server};
use crate::work::Plan;

/// The longest delay told apart, in nanoseconds: a minute.
const DELAY_MAX: u64 = 60_000_000_000;

/// The counts at one moment.
pub(crate) struct Mark {
    at: Instant,
    cpu: Option<CpuTime>,
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
}

/// What a run has shown.
pub(crate) struct Outcome {
    pub(crate) work: String,
    elapsed: Duration,
    sent: u64,
    delivered: u64,
    payload: usize,
    /// CPU time of the server; none where its process is not known.
    cpu: Option<Duration>,
    delays: Option<Histogram<u64>>,
}

/// A histogram of delays in nanoseconds, three digits exact.
pub(crate) fn delays() -> Histogram<u64> {
    Histogram::new_with_bounds(1, DELAY_MAX, 3).expect("the bounds are in order")
}

impl Mark {
    pub(crate) fn now(server: &Server, flow: &Flow) -> Result<Self> {
        let sent = flow.sent.load(Ordering::Relaxed);
        Self::new(server, sent, flow.delivered.load(Ordering::Relaxed))
    }

    pub(crate) fn new(server: &Server, sent: u64, delivered: u64) -> Result<Self> {
        Ok(Self {
            at: Instant::now(),
            cpu: server.cpu_time()?,
            sent,
            delivered,
        })
    }
}

impl Outcome {
    /// The names of the columns of [`Outcome::row`].
    pub(crate) const HEAD: &str = "work                                messages/s  deliveries/s    \
        MB/s    p50 µs    p99 µs  p99.9 µs    max µs  CPU µs/delivery";

    pub(crate) fn new(
        plan: &Plan,
        before: &Mark,
        after: &Mark,
        delays: Option<Histogram<u64>>,
    ) -> Self {
        let cpu = match (&before.cpu, &after.cpu) {
            (Some(before), Some(after)) => Some(after.since(before)),
            _ => None,
        };
        Self {
            work: plan.to_string(),
            elapsed: after.at - before.at,
            sent: after.sent - before.sent,
            delivered: after.delivered - before.delivered,
            payload: plan.payload,
            cpu,
            delays,
        }
    }

    /// Deliveries a second: messages where nobody listens, round trips of requests.
    pub(crate) fn rate(&self) -> f64 {
        self.delivered as f64 / self.elapsed.as_secs_f64()
    }

    /// The server's CPU time for one delivery, in microseconds.
    pub(crate) fn cpu_each(&self) -> Option<f64> {
        self.cpu
            .filter(|_| self.delivered > 0)
            .map(|cpu| cpu.as_secs_f64() * 1e6 / self.delivered as f64)
    }

    /// A percentile of the delays, in microseconds.
    pub(crate) fn delay(&self, percentile: f64) -> Option<f64> {
        let delays = self.delays.as_ref().filter(|delays| !delays.is_empty())?;
        Some(delays.value_at_quantile(percentile / 100.0) as f64 / 1e3)
    }

    pub(crate) fn row(&self) -> String {
        let [p50, p99, p999, max] =
            [50.0, 99.0, 99.9, 100.0].map(|percentile| text(self.delay(percentile), 1));
        format!(
            "{:<34} {:>11.0} {:>13.0} {:>7.1} {p50:>9} {p99:>9} {p999:>9} {max:>9} {:>16}",
            self.work,
            self.sent as f64 / self.elapsed.as_secs_f64(),
            self.rate(),
            self.rate() * self.payload as f64 / 1e6,
            text(self.cpu_each(), 3),
        )
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "work": self.work,
            "seconds": self.elapsed.as_secs_f64(),
            "messages": self.sent,
            "deliveries": self.delivered,
            "messages_per_second": self.sent as f64 / self.elapsed.as_secs_f64(),
            "deliveries_per_second": self.rate(),
            "payload_bytes": self.payload,
            "server_cpu_us_per_delivery": self.cpu_each(),
            "delay_us": {
                "p50": self.delay(50.0),
                "p99": self.delay(99.0),
                "p99.9": self.delay(99.9),
                "max": self.delay(100.0),
            },
        })
    }
}

/// A figure with `digits` behind the point; a dash for none.
pub(crate) fn text(figure: Option<f64>, digits: usize) -> String {
    figure.map_or("-".to_owned(), |figure| format!("{figure:.digits$}"))
}
