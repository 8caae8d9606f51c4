//! What rounds have shown: a table for people, an object for programs.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::Bench;
use crate::json::Object;
use crate::text::{show_amount, show_bytes, show_duration};

/// What one round has shown.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) elapsed: Duration,
    pub(super) sent: u64,
    /// By all readers together; answers, where it was asked.
    pub(super) received: u64,
    pub(super) lost: u64,
    /// In nanoseconds.
    pub(super) latencies: Option<Histogram<u64>>,
}

/// An empty histogram of nanoseconds, up to a minute, three digits exact.
pub(super) fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX, 3).expect("the bounds are in order")
}

/// Puts `latency` into `histogram`; more than a minute counts as a minute.
pub(super) fn note(histogram: &mut Histogram<u64>, latency: Duration) {
    let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
    histogram.saturating_record(nanos.clamp(1, LATENCY_MAX));
}

impl Outcome {
    fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Messages published, or questions asked, a second.
    fn rate(&self) -> f64 {
        self.per_second(self.sent)
    }

    fn quantile(&self, quantile: f64) -> Option<Duration> {
        let latencies = self
            .latencies
            .as_ref()
            .filter(|spread| !spread.is_empty())?;
        Some(Duration::from_nanos(latencies.value_at_quantile(quantile)))
    }

    pub(super) fn json(&self, bench: &Bench, server: &str, round: u32) -> String {
        let mut object = Object::new()
            .text("server", server)
            .text("work", bench.work.name())
            .number("round", round)
            .number("publishers", bench.publishers)
            .number("subscribers", bench.readers())
            .number("size", bench.size)
            .number("messages", self.sent)
            .number("received", self.received)
            .number("lost", self.lost)
            .fraction("seconds", self.elapsed.as_secs_f64(), 6)
            .fraction("messages_per_second", self.rate(), 1)
            .fraction("received_per_second", self.per_second(self.received), 1);
        if let Some(latencies) = self.latencies.as_ref().filter(|spread| !spread.is_empty()) {
            let mut spread = Object::new().number("min", latencies.min());
            for (name, quantile) in QUANTILES {
                spread = spread.number(name, latencies.value_at_quantile(quantile));
            }
            spread = spread.number("max", latencies.max());
            if bench.has_histogram {
                let bars = buckets(latencies).map(|(upper, count)| format!("[{upper},{count}]"));
                spread = spread.list("histogram", bars);
            }
            object = object.raw("latency_ns", &spread.end());
        }
        object.end()
    }
}

/// What each server has shown in its middle round, and how the two compare.
pub(super) fn table(bench: &Bench, servers: &[String], outcomes: &[Vec<Outcome>]) -> String {
    let width = servers.iter().map(String::len).max().unwrap_or(0).max(6);
    let mut text = title(bench);
    let _ = writeln!(
        text,
        "{:width$} {:>11} {:>11} {:>13} {:>9} {:>9} {:>9} {:>9} {:>6}",
        "server", "messages/s", "received/s", "payload/s", "p50", "p99", "p99.9", "max", "lost"
    );
    let middle: Vec<&Outcome> = outcomes
        .iter()
        .filter_map(|rounds| median(rounds))
        .collect();
    for (server, outcome) in servers.iter().zip(&middle) {
        let _ = writeln!(text, "{server:width$} {}", row(bench, outcome));
    }
    if let [one, other] = middle[..] {
        let of = |quantile| match (one.quantile(quantile), other.quantile(quantile)) {
            (Some(one), Some(other)) => ratio(one.as_secs_f64(), other.as_secs_f64()),
            _ => "-".to_owned(),
        };
        let rate = ratio(one.rate(), other.rate());
        let received = ratio(
            one.per_second(one.received),
            other.per_second(other.received),
        );
        let _ = writeln!(
            text,
            "{:width$} {rate:>11} {received:>11} {:>13} {:>9} {:>9} {:>9} {:>9}",
            "ratio",
            "",
            of(0.5),
            of(0.99),
            of(0.999),
            of(1.0)
        );
    }
    if bench.has_histogram {
        for (server, outcome) in servers.iter().zip(&middle) {
            text.push_str(&bars(server, outcome));
        }
    }
    text.pop();
    text
}

/// `fan: 100k messages of 128 B, 1 → 10`
fn title(bench: &Bench) -> String {
    let (work, size) = (bench.work.name(), show_bytes(bench.size as f64));
    let (publishers, readers) = (bench.publishers, bench.readers());
    let messages = show_amount(bench.messages as f64);
    let mut title = format!("{work}: {messages} messages of {size}, {publishers} → {readers}");
    if let Some(rate) = bench.rate {
        let _ = write!(title, ", at {} a second", show_amount(rate));
    }
    if bench.rounds > 1 {
        let _ = write!(title, ", middle of {} rounds", bench.rounds);
    }
    title.push('\n');
    title
}

fn row(bench: &Bench, outcome: &Outcome) -> String {
    let time = |quantile| {
        outcome
            .quantile(quantile)
            .map_or("-".to_owned(), show_duration)
    };
    let bytes = outcome.per_second(outcome.received.max(outcome.sent)) * bench.size as f64;
    format!(
        "{:>11} {:>11} {:>13} {:>9} {:>9} {:>9} {:>9} {:>6}",
        show_amount(outcome.rate().round()),
        show_amount(outcome.per_second(outcome.received).round()),
        show_bytes(bytes.round()),
        time(0.5),
        time(0.99),
        time(0.999),
        time(1.0),
        outcome.lost
    )
}

fn ratio(one: f64, other: f64) -> String {
    match other > 0.0 {
        true => format!("{:.2}", one / other),
        false => "-".to_owned(),
    }
}

fn median(rounds: &[Outcome]) -> Option<&Outcome> {
    let mut sorted: Vec<&Outcome> = rounds.iter().collect();
    sorted.sort_by(|one, other| one.rate().total_cmp(&other.rate()));
    sorted.get(sorted.len() / 2).copied()
}

/// A line for each doubling of the latency.
fn bars(server: &str, outcome: &Outcome) -> String {
    let Some(latencies) = outcome
        .latencies
        .as_ref()
        .filter(|spread| !spread.is_empty())
    else {
        return String::new();
    };
    let all = latencies.len() as f64;
    let largest = buckets(latencies)
        .map(|(_, count)| count)
        .max()
        .unwrap_or(1)
        .max(1);
    let mut text = format!("\n{server}\n");
    for (upper, count) in buckets(latencies) {
        let bar = "█".repeat((count * BAR_MAX).div_ceil(largest) as usize);
        let upper = show_duration(Duration::from_nanos(upper));
        let percent = count as f64 * 100.0 / all;
        let _ = writeln!(text, "  ≤ {upper:>8} {percent:6.2} % {bar}");
    }
    text
}

/// Upper bound in nanoseconds and count, from the first doubling that has any to the last.
fn buckets(latencies: &Histogram<u64>) -> impl Iterator<Item = (u64, u64)> {
    let steps = latencies.iter_log(1, 2.0);
    let steps = steps.map(|step| (step.value_iterated_to(), step.count_since_last_iteration()));
    steps.skip_while(|(_, count)| *count == 0)
}

const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];
/// The longest latency told apart, in nanoseconds.
const LATENCY_MAX: u64 = 60_000_000_000;
/// The longest bar, in characters.
const BAR_MAX: u64 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_fall_into_doublings() {
        let mut histogram = latencies();
        for nanos in [1000, 1000, 3000, 0] {
            note(&mut histogram, Duration::from_nanos(nanos));
        }
        note(&mut histogram, Duration::from_secs(100_000));
        let counts: Vec<u64> = buckets(&histogram).map(|(_, count)| count).collect();
        assert_eq!(counts.iter().sum::<u64>(), 5);
        assert_eq!((counts[0], *counts.last().unwrap()), (1, 1));
    }
}
