//! What there is to be done: a scenario and its numbers, as the command line gives them.

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

use crate::dialect::Dialect;
use crate::figures::Figures;
use crate::flow::plan::{Numbers, Plan, Shape};
use crate::server::{Contender, Server};
use crate::timing::Timing;
use crate::{crowd, flow, requests, start, subscriptions};

/// Messages a second in the latency scenario unless `--rate` says otherwise.
const LATENCY_RATE: u64 = 10_000;

/// The scenarios by name.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Work {
    /// Publish where nobody listens.
    Pub(Numbers),
    /// Each publisher has a subscriber of its own.
    OneToOne(Numbers),
    /// Every subscriber gets every message.
    FanOut(Numbers),
    /// Many publishers, one subscriber.
    FanIn(Numbers),
    /// The subscribers are one queue group: each message reaches one of them.
    Queue(Numbers),
    /// Many subjects; five subscribers with wildcards, and literal filters by the thousand.
    Wild(Numbers),
    /// Many subjects; one subscriber with a filter for each of them.
    Distinct(Numbers),
    /// A fixed load, far below what the server could do: how long a message takes.
    Latency(Numbers),
    /// Requesters with one request under way each, and one responder.
    RequestReply {
        /// How many at once.
        #[arg(long, default_value_t = 1, value_name = "COUNT")]
        requesters: usize,
        /// Bytes in a request and its answer; at least 16.
        #[arg(long, default_value_t = 128, value_name = "BYTES")]
        payload: usize,
    },
    /// Connections with one subscription each: the memory of one.
    Idle {
        #[arg(long, default_value_t = 1000, value_name = "COUNT")]
        connections: usize,
    },
    /// Connect, greet, close.
    Churn {
        #[arg(long, default_value_t = 4000, value_name = "COUNT")]
        connections: usize,
        /// How many are open at once.
        #[arg(long, default_value_t = 16, value_name = "COUNT")]
        at_once: usize,
    },
    /// Subscriptions of one connection: memory, SUB and UNSUB.
    Subscriptions {
        #[arg(long, default_value_t = 100_000, value_name = "COUNT")]
        count: usize,
        /// Tokens of a subject; 3 or more.
        #[arg(long, default_value_t = 3, value_name = "COUNT")]
        depth: usize,
    },
    /// What is left of the memory that many connections, or subscriptions, took.
    Flood {
        #[arg(long, default_value_t = 10_000, value_name = "COUNT")]
        connections: usize,
        /// Instead: subscriptions of one connection.
        #[arg(long, value_name = "COUNT")]
        subscriptions: Option<usize>,
    },
    /// From the start of the program to its first byte, and its memory when nobody is there.
    Start {
        /// How often.
        #[arg(long, default_value_t = 10, value_name = "COUNT")]
        times: usize,
    },
}

/// A line that names a work, as in a list of them.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Line {
    #[command(subcommand)]
    work: Work,
}

impl Work {
    pub(crate) fn named(line: &str) -> Result<Self> {
        let parsed = Line::try_parse_from(line.split_whitespace());
        let work = parsed
            .with_context(|| format!("no such work: {line:?}"))?
            .work;
        work.plan().with_context(|| format!("work {line:?}"))?;
        Ok(work)
    }

    /// Whether a server that speaks `dialect` can do it at all.
    pub(crate) fn suits(&self, dialect: Dialect) -> bool {
        match self {
            Self::Queue(_)
            | Self::Wild(_)
            | Self::Distinct(_)
            | Self::RequestReply { .. }
            | Self::Subscriptions { .. } => dialect == Dialect::Nats,
            Self::Flood { subscriptions, .. } => {
                subscriptions.is_none() || dialect == Dialect::Nats
            }
            _ => true,
        }
    }

    /// The plan of a flow; none for everything else.
    fn plan(&self) -> Result<Option<Plan>> {
        let plan = match self {
            Self::Pub(numbers) => numbers.plan(Shape::Pub, 1, 0),
            Self::OneToOne(numbers) => numbers.plan(Shape::OneToOne, 1, 1),
            Self::FanOut(numbers) => numbers.plan(Shape::All, 1, 100),
            Self::FanIn(numbers) => numbers.plan(Shape::All, 4, 1),
            Self::Queue(numbers) => numbers.plan(Shape::Queue, 2, 4),
            Self::Wild(numbers) => numbers.plan(Shape::Wild, 1, 0),
            Self::Distinct(numbers) => numbers.plan(Shape::Distinct, 1, 1),
            Self::Latency(numbers) => numbers.paced(LATENCY_RATE).plan(Shape::All, 1, 1),
            _ => return Ok(None),
        };
        plan.map(Some)
    }

    /// Starts the server, if the work is not about that, and does the work.
    ///
    /// Two results where there are two sides to it: SUB and UNSUB.
    pub(crate) fn run(
        &self,
        contender: &Contender,
        cores: Option<&[usize]>,
        timing: &Timing,
    ) -> Result<Vec<Figures>> {
        if let Self::Start { times } = self {
            return Ok(vec![start::run(*times, timing, contender)?]);
        }
        self.run_with(&contender.start(cores)?, timing)
    }

    /// The same with a server that is up.
    pub(crate) fn run_with(&self, server: &Server, timing: &Timing) -> Result<Vec<Figures>> {
        if let Some(plan) = self.plan()? {
            return Ok(vec![flow::run(&plan, timing, server)?]);
        }
        Ok(match self {
            Self::RequestReply {
                requesters,
                payload,
            } => vec![requests::run(*requesters, *payload, timing, server)?],
            Self::Idle { connections } => vec![crowd::idle(*connections, timing, server)?],
            Self::Churn {
                connections,
                at_once,
            } => vec![crowd::churn(*connections, *at_once, server)?],
            Self::Subscriptions { count, depth } => {
                subscriptions::run(*count, *depth, timing, server)?.to_vec()
            }
            Self::Flood {
                subscriptions: Some(count),
                ..
            } => vec![crowd::flood_subscriptions(*count, server)?],
            Self::Flood { connections, .. } => vec![crowd::flood(*connections, server)?],
            _ => bail!("the server must be started for this: --start or compare"),
        })
    }
}
