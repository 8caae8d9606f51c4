//! Who talks to whom, how much, and how: as the command line gives it, and checked.

use anyhow::{Result, ensure};
use clap::Args;

use super::stamp::STAMP;

/// Deliveries outstanding unless `--window` says otherwise, in bytes.
const WINDOW_MIN: usize = 2 * 1024 * 1024;
/// The same for each subscriber, so that many of them do not starve each other.
const WINDOW_EACH: usize = 128 * 1024;
/// The most of it, should all be with one reader: below what servers grant one (64 MiB).
const WINDOW_MAX: usize = 48 * 1024 * 1024;
/// How many subscribers the mixed shape has.
const WILD_SUBSCRIBERS: usize = 5;

/// Who talks to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nobody listens.
    Pub,
    /// Each publisher has a subscriber of its own.
    OneToOne,
    /// Everybody gets everything: fan-out, fan-in, a fixed load.
    All,
    /// The subscribers are one queue group.
    Queue,
    /// Many subjects, five subscribers with wildcards and many literal filters.
    Wild,
    /// Many subjects, one subscriber with a filter for each.
    Distinct,
}

/// The numbers of a flow.
#[derive(Debug, Clone, Args)]
pub(crate) struct Numbers {
    /// Bytes in a message; at least 16.
    #[arg(long, default_value_t = 128, value_name = "BYTES")]
    payload: usize,
    /// Publishers, one connection each. Default: 1; 4 in fan-in, 2 in queue.
    #[arg(long, value_name = "COUNT")]
    publishers: Option<usize>,
    /// Subscribers, one connection each. Default: 1; 100 in fan-out, 4 in queue.
    #[arg(long, value_name = "COUNT")]
    subscribers: Option<usize>,
    /// Messages a second from all publishers together. Default: as fast as they are taken; 10,000
    /// in latency.
    #[arg(long, value_name = "MESSAGES")]
    rate: Option<u64>,
    /// Different subjects (wild, distinct). Default: 10,000.
    #[arg(long, value_name = "COUNT")]
    subjects: Option<usize>,
    /// Tokens of a subject (distinct); 3 or more.
    #[arg(long, default_value_t = 3, value_name = "COUNT")]
    depth: usize,
    /// Readers of the same subject that never read.
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    stalled: usize,
    /// Connections with a subscription of their own where nothing happens.
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    idle: usize,
    /// Subscriptions of somebody else, to subjects that nobody publishes to.
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    beside: usize,
    /// Deliveries that may be outstanding before the publishers hold back, in bytes. Default: 128
    /// KiB for each subscriber, at least 2 MiB.
    #[arg(long, value_name = "BYTES")]
    window: Option<usize>,
}

/// A flow with all its numbers, checked.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) shape: Shape,
    pub(crate) payload: usize, // At least STAMP.
    pub(crate) publishers: usize,
    pub(crate) subscribers: usize, // 0 only where nobody is to listen.
    pub(crate) rate: Option<f64>,  // Messages a second of all publishers.
    pub(crate) subjects: usize,
    pub(crate) depth: usize,
    pub(crate) stalled: usize,
    pub(crate) idle: usize,
    pub(crate) beside: usize,
    /// Deliveries that may be outstanding.
    pub(crate) window: u64,
}

impl Plan {
    #[cfg(test)]
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            shape,
            payload: 32,
            publishers: 2,
            subscribers: 2,
            rate: None,
            subjects: 1,
            depth: 3,
            stalled: 0,
            idle: 0,
            beside: 0,
            window: 1,
        }
    }

    /// How many deliveries one message makes to healthy readers, where that is the same for all.
    pub(crate) fn fan(&self) -> u64 {
        match self.shape {
            Shape::All => self.subscribers as u64,
            Shape::Pub => 0,
            _ => 1,
        }
    }
}

impl Numbers {
    /// The plan, if the numbers make one; `publishers` and `subscribers` unless they are said.
    pub(crate) fn plan(&self, shape: Shape, publishers: usize, subscribers: usize) -> Result<Plan> {
        let publishers = self.publishers.unwrap_or(publishers);
        let subscribers = match shape {
            Shape::Pub => 0,
            Shape::OneToOne => publishers,
            Shape::Wild => WILD_SUBSCRIBERS,
            Shape::Distinct => 1,
            _ => self.subscribers.unwrap_or(subscribers),
        };
        ensure!(
            (STAMP..=1 << 20).contains(&self.payload),
            "--payload must be {STAMP} to 1048576 bytes"
        );
        ensure!(
            (1..=4096).contains(&publishers),
            "--publishers must be 1 to 4096"
        );
        ensure!(self.rate != Some(0), "--rate must be at least 1");
        ensure!(self.depth >= 3, "--depth must be at least 3");
        let subjects = self.subjects.unwrap_or(10_000);
        ensure!(subjects >= 10, "--subjects must be at least 10");
        let bytes = (subscribers * WINDOW_EACH).clamp(WINDOW_MIN, WINDOW_MAX);
        let window = self.window.unwrap_or(bytes) / (self.payload + 32);
        let plan = Plan {
            shape,
            payload: self.payload,
            publishers,
            subscribers,
            rate: self.rate.map(|rate| rate as f64),
            subjects,
            depth: self.depth,
            stalled: self.stalled,
            idle: self.idle,
            beside: self.beside,
            window: 0,
        };
        let least = 2 * plan.fan() * publishers as u64;
        Ok(Plan {
            window: (window as u64).max(least),
            ..plan
        })
    }

    /// The same at a fixed rate, if none was said.
    pub(crate) fn paced(&self, rate: u64) -> Self {
        Self {
            rate: self.rate.or(Some(rate)),
            ..self.clone()
        }
    }
}
