//! How long a round trip takes, both clients in turn in one process: whatever else the machine does
//! meets both alike.

use std::time::{Duration, Instant};

use crate::{Failure, child};

/// One request of the one client, one of the other, and so on; an answerer beside them.
pub(crate) async fn compare(url: &str, count: u64, what: &str) -> Result<(), Failure> {
    let ours = dunlin::connect(url).await?;
    let other = async_nats::connect(url).await?;
    let _answerer = child("answer", "", 0, url)?;
    while ours.request("cost.request", "").await.is_err() {}
    let mut times = [const { Vec::new() }; 2];
    for round in 0..count + WARM_UP {
        for turn in [round % 2, (round + 1) % 2] {
            let began = Instant::now();
            match turn {
                0 => drop(ours.request("cost.request", PAYLOAD).await?),
                _ => drop(other.request("cost.request", PAYLOAD.into()).await?),
            }
            if round >= WARM_UP {
                times[turn as usize].push(began.elapsed());
            }
        }
    }
    let [ours, other] = times.each_mut().map(|times| Percentiles::of(times));
    println!("{what}: dunlin {ours}, async-nats {other}");
    println!("{what}: ratio of p50 {:.2}", ours.p50 / other.p50);
    Ok(())
}

/// In microseconds.
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    p99: f64,
}

impl Percentiles {
    pub(crate) fn of(times: &mut [Duration]) -> Self {
        times.sort_unstable();
        let micros = |part: f64| {
            let at = (times.len() as f64 * part) as usize;
            times[at.min(times.len() - 1)].as_nanos() as f64 / 1000.0
        };
        Self {
            p50: micros(0.5),
            p99: micros(0.99),
        }
    }
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:.1} µs, p99 {:.1} µs", self.p50, self.p99)
    }
}

const PAYLOAD: &str = "0123456789abcdef";
/// Rounds that are not counted: code and sockets that have not been used yet.
const WARM_UP: u64 = 200;
