//! What is to be done: a scenario and its numbers, as the command line gives them, and the plan
//! that follows from them.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, Subcommand};

/// The smallest payload, in bytes: who sent it, the how-manieth it is, and when it was sent.
pub(crate) const STAMP: usize = 16;
/// Deliveries outstanding unless `--window` says otherwise, in bytes.
const WINDOW_MIN: usize = 2 * 1024 * 1024;
/// The same for each subscriber, so that many of them do not starve each other.
const WINDOW_EACH: usize = 128 * 1024;
/// The most of it: below what servers grant one slow reader (64 MiB), should all be with one.
const WINDOW_MAX: usize = 48 * 1024 * 1024;
/// Messages a second in the latency scenario unless `--rate` says otherwise.
const LATENCY_RATE: u64 = 10_000;

/// The scenarios by name.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Scenario {
    /// Publish where nobody listens.
    Pub(Numbers),
    /// Each publisher has a subscriber of its own.
    OneToOne(Numbers),
    /// Every subscriber gets every message.
    FanOut(Numbers),
    /// Many publishers, each on its own subject; few subscribers, each to all of them.
    FanIn(Numbers),
    /// The subscribers are one queue group: each message reaches one of them.
    Queue(Numbers),
    /// Requesters with one request under way each, and responders in one queue group.
    RequestReply(Numbers),
    /// A fixed load, far below what the server could do: how long a message takes.
    Latency(Numbers),
}

/// The numbers of a scenario.
#[derive(Debug, Clone, Args)]
pub(crate) struct Numbers {
    /// Bytes in a message; at least 16.
    #[arg(long, default_value_t = 128, value_name = "BYTES")]
    payload: usize,
    /// Publishers (or requesters), one connection each. Default: 1; 4 in fan-in, 2 in queue.
    #[arg(long, value_name = "COUNT")]
    publishers: Option<usize>,
    /// Subscribers (or responders), one connection each. Default: 1; 100 in fan-out, 4 in queue;
    /// in one-to-one as many as publishers.
    #[arg(long, value_name = "COUNT")]
    subscribers: Option<usize>,
    /// How long to measure.
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
    /// How long the load runs before the measurement starts, in seconds.
    #[arg(long, default_value_t = 0.5, value_name = "SECONDS")]
    warm_up: f64,
    /// Messages a second from all publishers together. Default: as fast as they can; 10,000 in
    /// latency.
    #[arg(long, value_name = "MESSAGES")]
    rate: Option<u64>,
    /// Deliveries that may be outstanding before the publishers hold back, in bytes. Default: 128
    /// KiB for each subscriber, at least 2 MiB.
    #[arg(long, value_name = "BYTES")]
    window: Option<usize>,
}

/// A scenario with all its numbers, checked.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) shape: Shape,
    pub(crate) payload: usize, // At least STAMP.
    pub(crate) publishers: usize,
    pub(crate) subscribers: usize, // 0 only where nobody is to listen.
    pub(crate) measure: Duration,
    pub(crate) warm_up: Duration,
    /// Messages a second of one publisher.
    pub(crate) rate_each: Option<f64>,
    /// Deliveries that may be outstanding.
    pub(crate) window: u64,
}

/// Who talks to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Pub,
    OneToOne,
    FanOut,
    FanIn,
    Queue,
    RequestReply,
    Latency,
}

impl Scenario {
    /// The plan, if the numbers make one.
    pub(crate) fn plan(&self) -> Result<Plan> {
        let (shape, numbers, publishers, subscribers) = match self {
            Self::Pub(numbers) => (Shape::Pub, numbers, 1, 0),
            Self::OneToOne(numbers) => {
                (Shape::OneToOne, numbers, 1, numbers.publishers.unwrap_or(1))
            }
            Self::FanOut(numbers) => (Shape::FanOut, numbers, 1, 100),
            Self::FanIn(numbers) => (Shape::FanIn, numbers, 4, 1),
            Self::Queue(numbers) => (Shape::Queue, numbers, 2, 4),
            Self::RequestReply(numbers) => (Shape::RequestReply, numbers, 1, 1),
            Self::Latency(numbers) => (Shape::Latency, numbers, 1, 1),
        };
        numbers.plan(shape, publishers, subscribers)
    }

    pub(crate) fn numbers_mut(&mut self) -> &mut Numbers {
        match self {
            Self::Pub(numbers)
            | Self::OneToOne(numbers)
            | Self::FanOut(numbers)
            | Self::FanIn(numbers)
            | Self::Queue(numbers)
            | Self::RequestReply(numbers)
            | Self::Latency(numbers) => numbers,
        }
    }
}

impl Numbers {
    fn plan(&self, shape: Shape, publishers: usize, subscribers: usize) -> Result<Plan> {
        let publishers = self.publishers.unwrap_or(publishers);
        let subscribers = self.subscribers.unwrap_or(subscribers);
        ensure!(
            self.payload >= STAMP,
            "--payload must be at least {STAMP} bytes"
        );
        ensure!(
            (1..=4096).contains(&publishers),
            "--publishers must be 1 to 4096"
        );
        ensure!(
            match shape {
                Shape::Pub => subscribers == 0,
                Shape::OneToOne => subscribers == publishers,
                _ => subscribers >= 1,
            },
            "--subscribers {subscribers} makes no sense in {}",
            shape.name()
        );
        for (name, seconds) in [("--seconds", self.seconds), ("--warm-up", self.warm_up)] {
            ensure!(
                (0.0..=86_400.0).contains(&seconds),
                "{name} must be 0 to 86400"
            );
        }
        ensure!(self.seconds > 0.0, "--seconds must be more than 0");
        ensure!(self.rate != Some(0), "--rate must be at least 1");
        ensure!(
            self.rate.is_none() || !matches!(shape, Shape::RequestReply | Shape::Pub),
            "--rate makes no sense in {}: it goes as fast as it is answered",
            shape.name()
        );
        let rate = match shape {
            Shape::Latency => Some(self.rate.unwrap_or(LATENCY_RATE)),
            _ => self.rate,
        };
        let bytes = (subscribers * WINDOW_EACH).clamp(WINDOW_MIN, WINDOW_MAX);
        let window = self.window.unwrap_or(bytes) / (self.payload + 32);
        let plan = Plan {
            shape,
            payload: self.payload,
            publishers,
            subscribers,
            measure: Duration::from_secs_f64(self.seconds),
            warm_up: Duration::from_secs_f64(self.warm_up),
            rate_each: rate.map(|rate| rate as f64 / publishers as f64),
            window: 0,
        };
        let least = 2 * plan.deliveries_each() * publishers as u64;
        Ok(Plan {
            window: (window as u64).max(least),
            ..plan
        })
    }
}

impl Plan {
    pub(crate) fn is_request(&self) -> bool {
        self.shape == Shape::RequestReply
    }

    /// How many deliveries one message makes; 1 where nobody listens, to count it at all.
    pub(crate) fn deliveries_each(&self) -> u64 {
        match self.shape {
            Shape::FanOut | Shape::FanIn | Shape::Latency => self.subscribers as u64,
            _ => 1,
        }
    }

    pub(crate) fn subject(&self, publisher: usize) -> String {
        match self.shape {
            Shape::OneToOne | Shape::FanIn => format!("load.{publisher}"),
            _ => "load".to_owned(),
        }
    }

    pub(crate) fn filter(&self, subscriber: usize) -> String {
        match self.shape {
            Shape::FanIn => "load.*".to_owned(),
            _ => self.subject(subscriber),
        }
    }

    pub(crate) fn queue(&self) -> Option<&'static str> {
        matches!(self.shape, Shape::Queue | Shape::RequestReply).then_some("workers")
    }

    /// Whether `subscriber` is to get everything that `publisher` sends.
    pub(crate) fn hears_all(&self, subscriber: usize, publisher: usize) -> bool {
        match self.shape {
            Shape::OneToOne => subscriber == publisher,
            Shape::FanOut | Shape::FanIn | Shape::Latency => true,
            Shape::Pub | Shape::Queue | Shape::RequestReply => false,
        }
    }
}

impl Shape {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pub => "pub",
            Self::OneToOne => "one-to-one",
            Self::FanOut => "fan-out",
            Self::FanIn => "fan-in",
            Self::Queue => "queue",
            Self::RequestReply => "request-reply",
            Self::Latency => "latency",
        }
    }
}

/// `fan-out 1→100, 128 B`, and what is out of the ordinary.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, payload) = (self.shape.name(), self.payload);
        write!(
            f,
            "{name} {}→{}, {payload} B",
            self.publishers, self.subscribers
        )?;
        match self.rate_each {
            Some(rate) => write!(f, ", {:.0}/s", rate * self.publishers as f64),
            None => Ok(()),
        }
    }
}
