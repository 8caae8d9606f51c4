//! What a run has shown, and what follows from several of them.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::process::CpuTime;
use crate::server::Server;

/// The longest delay told apart, in nanoseconds: a minute.
const DELAY_MAX: u64 = 60_000_000_000;

/// What one run has shown; what it cannot show is none.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Figures {
    /// CPU time of the server for one delivery (message, round trip, connection …), in µs.
    pub(crate) cpu: Option<f64>,
    /// Deliveries (…) a second.
    pub(crate) rate: Option<f64>,
    /// Delays in µs.
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    /// Bytes; of what, the work says.
    pub(crate) memory: Option<f64>,
    /// How much of a core this program has used itself.
    pub(crate) driver: Option<f64>,
}

/// One figure among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Cpu,
    Rate,
    P50,
    P99,
    Memory,
}

impl Key {
    /// Its name in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "server_cpu_us",
            Self::Rate => "per_second",
            Self::P50 => "p50_us",
            Self::P99 => "p99_us",
            Self::Memory => "memory_bytes",
        }
    }
}

/// For people, in one line.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut part = |figure: Option<f64>, digits: usize, unit: &str| {
            parts.extend(figure.map(|figure| format!("{figure:.digits$} {unit}")));
        };
        part(self.cpu, 3, "µs of CPU each");
        part(self.rate, 0, "a second");
        part(self.p50, 1, "µs p50");
        part(self.p99, 1, "µs p99");
        part(self.memory, 0, "bytes");
        part(self.driver, 2, "cores used here");
        f.write_str(&parts.join(", "))
    }
}

impl Figures {
    pub(crate) fn get(&self, key: Key) -> Option<f64> {
        match key {
            Key::Cpu => self.cpu,
            Key::Rate => self.rate,
            Key::P50 => self.p50,
            Key::P99 => self.p99,
            Key::Memory => self.memory,
        }
    }

    /// Of several runs the median of each figure, if every run has it.
    pub(crate) fn median(runs: &[Self]) -> Self {
        let of = |get: fn(&Self) -> Option<f64>| median(runs.iter().map(get).collect());
        Self {
            cpu: of(|run| run.cpu),
            rate: of(|run| run.rate),
            p50: of(|run| run.p50),
            p99: of(|run| run.p99),
            memory: of(|run| run.memory),
            driver: of(|run| run.driver),
        }
    }

    /// Takes percentiles from delays in nanoseconds, if there are any.
    pub(crate) fn with_delays(mut self, delays: &Histogram<u64>) -> Self {
        let at = |quantile| delays.value_at_quantile(quantile) as f64 / 1e3;
        if !delays.is_empty() {
            (self.p50, self.p99) = (Some(at(0.5)), Some(at(0.99)));
        }
        self
    }

    pub(crate) fn json(&self) -> Value {
        let mut json = json!({ "driver_cores": self.driver });
        for key in [Key::Cpu, Key::Rate, Key::P50, Key::P99, Key::Memory] {
            json[key.name()] = self.get(key).into();
        }
        json
    }
}

/// The middle one; none if one is missing or there are none.
fn median(figures: Vec<Option<f64>>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.into_iter().collect::<Option<_>>()?;
    figures.sort_by(f64::total_cmp);
    let low = *figures.get(figures.len().checked_sub(1)? / 2)?;
    Some((low + figures[figures.len() / 2]) / 2.0)
}

/// Half the range of a figure over the runs, as a part of its median.
pub(crate) fn spread(runs: &[Figures], key: Key) -> Option<f64> {
    let figures: Vec<f64> = runs.iter().map(|run| run.get(key)).collect::<Option<_>>()?;
    let least = figures.iter().copied().reduce(f64::min)?;
    let most = figures.iter().copied().reduce(f64::max)?;
    Some((most - least) / 2.0 / Figures::median(runs).get(key)?)
}

/// A histogram of delays in nanoseconds, three digits exact.
pub(crate) fn delays() -> Histogram<u64> {
    Histogram::new_with_bounds(1, DELAY_MAX, 3).expect("the bounds are in order")
}

/// The moment before something is measured.
pub(crate) struct Mark {
    at: Instant,
    server: Option<CpuTime>,
    driver: Option<CpuTime>,
}

impl Mark {
    pub(crate) fn now(server: &Server) -> Result<Self> {
        Ok(Self {
            at: Instant::now(),
            server: server.cpu_time()?,
            driver: CpuTime::of(std::process::id()).ok(),
        })
    }

    /// What has been used since, for each of so many things done.
    pub(crate) fn since(&self, server: &Server, done: u64) -> Result<Figures> {
        let (now, time) = (Self::now(server)?, self.at.elapsed());
        let used = |now: &Option<CpuTime>, before: &Option<CpuTime>| -> Option<Duration> {
            Some(now.as_ref()?.since(before.as_ref()?))
        };
        let done = done.max(1) as f64;
        Ok(Figures {
            cpu: used(&now.server, &self.server).map(|cpu| cpu.as_secs_f64() * 1e6 / done),
            rate: Some(done / time.as_secs_f64()),
            driver: used(&now.driver, &self.driver)
                .map(|cpu| cpu.as_secs_f64() / time.as_secs_f64()),
            ..Figures::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(figures: &[f64]) -> Vec<Figures> {
        let run = |&cpu: &f64| Figures {
            cpu: Some(cpu),
            ..Figures::default()
        };
        figures.iter().map(run).collect()
    }

    #[test]
    fn the_median_is_the_middle_and_the_spread_half_the_range() {
        assert_eq!(Figures::median(&runs(&[3.0, 1.0, 8.0])).cpu, Some(3.0));
        assert_eq!(Figures::median(&runs(&[3.0, 1.0])).cpu, Some(2.0));
        assert_eq!(Figures::median(&[]).cpu, None);
        assert_eq!(spread(&runs(&[3.0, 4.0, 5.0]), Key::Cpu), Some(0.25));
    }
}
