//! `dunlin bench`: what a server does under load, alone or beside another one.
//!
//! Publishers and readers are clients of their own, all in this process, which therefore shares the
//! machine with the server: figures compare servers, they do not describe one. Publishers stay a
//! bounded way ahead of the slowest reader, so that nothing has to be lost.

mod flow;
mod report;
mod requests;

use std::fmt;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::io::IsTerminal;

use super::Common;
use crate::connect::Target;
use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::stop::Stop;
use crate::text;
use report::Outcome;

/// Measure a server, or compare two
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
EXAMPLES
  dunlin bench fan --subscribers 100 --size 128
  dunlin bench request --publishers 16 --histogram
  dunlin bench sub --rate 10k --messages 100k       latency at a load, not at the limit
  dunlin bench sub -s nats://one:4222 --against nats://two:4222 --rounds 5")]
pub(crate) struct Bench {
    /// What to do
    #[arg(value_enum)]
    work: Work,

    /// Publish so many messages, or ask so many times, all publishers together
    #[arg(short = 'n', long, default_value = "100k", value_parser = text::amount)]
    messages: u64,

    /// Bytes in a payload; from 8 on, latency is measured
    #[arg(long, default_value = "128", value_parser = text::size)]
    size: usize,

    /// Clients that publish, or ask
    #[arg(short, long, value_name = "N", default_value = "1",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    publishers: u32,

    /// Clients that subscribe, or answer [default: 1; 10 for fan]
    #[arg(short = 'u', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    subscribers: Option<u32>,

    /// Publish no more than so many a second, all publishers together; latency then counts from
    /// when a message was due
    #[arg(short, long, value_name = "MESSAGES", value_parser = text::rate)]
    rate: Option<f64>,

    /// Publish on this subject
    #[arg(long, default_value = "dunlin.bench")]
    subject: String,

    /// Measure this server too, in turns
    #[arg(long, value_name = "URL")]
    against: Option<String>,

    /// Do it so many times; the middle one by messages a second is shown
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,

    /// Draw how latency is spread
    #[arg(long = "histogram")]
    has_histogram: bool,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// Publish what nobody hears
    Pub,
    /// Publish to subscribers, one if not told otherwise
    Sub,
    /// Publish to many subscribers, each of which hears everything
    Fan,
    /// Publish to a queue group: each message reaches one of its members
    Queue,
    /// Ask, one question after the other, and answer
    Request,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::Pub => "pub",
            Self::Sub => "sub",
            Self::Fan => "fan",
            Self::Queue => "queue",
            Self::Request => "request",
        }
    }
}

impl Bench {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        let mut stop = Stop::listen()?;
        let mut servers = vec![common.connection.target("bench")?.url];
        servers.extend(self.against.clone());
        let mut outcomes: Vec<Vec<Outcome>> = servers.iter().map(|_| Vec::new()).collect();
        let mut output = Output::new();
        for round in 1..=self.rounds {
            for (server, outcomes) in servers.iter().zip(&mut outcomes) {
                let target = common.connection.target("bench")?.at(server);
                let outcome = tokio::select! {
                    biased;
                    () = stop.asked() => return Err(Failure::silent(Code::Interrupted)),
                    outcome = self.once(&target, common) => outcome,
                };
                let outcome = outcome.map_err(|failure| match self.against {
                    Some(_) => failure.at(server),
                    None => failure,
                })?;
                if common.style.is_json {
                    output.line(&outcome.json(&self, server, round))?;
                    output.flush()?;
                }
                outcomes.push(outcome);
            }
        }
        if !common.style.is_json {
            output.line(&report::table(&self, &servers, &outcomes))?;
            output.flush()?;
        }
        match outcomes.iter().flatten().map(|outcome| outcome.lost).sum() {
            0 => Ok(()),
            lost => {
                let text = format!("{} were lost", text::counted(lost, "message"));
                Err(Failure::new(Code::Lost, text))
            }
        }
    }

    /// One round against one server.
    async fn once(&self, target: &Target, common: &Common) -> Result<Outcome, Failure> {
        let bar = self.bar(target, common);
        let outcome = match self.work {
            Work::Request => requests::run(self, target, &bar).await,
            _ => flow::run(self, target, &bar).await,
        };
        bar.finish_and_clear();
        outcome
    }

    /// A progress bar for a person; a pipe sees nothing.
    fn bar(&self, target: &Target, common: &Common) -> ProgressBar {
        let is_seen = std::io::stderr().is_terminal() && !common.style.is_json;
        let place = match is_seen {
            true => ProgressDrawTarget::stderr_with_hz(10),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(self.messages), place);
        let form = "{msg} {wide_bar} {human_pos}/{human_len} {rate} {eta}";
        if let Ok(form) = ProgressStyle::with_template(form) {
            let rate = |state: &ProgressState, line: &mut dyn fmt::Write| {
                // Where there is no room for it there is nobody to tell.
                let _ = write!(line, "{}/s", text::show_amount(state.per_sec()));
            };
            bar.set_style(form.with_key("rate", rate));
        }
        bar.set_message(target.url.clone());
        bar
    }

    /// How many clients hear or answer.
    fn readers(&self) -> u32 {
        match (self.work, self.subscribers) {
            (Work::Pub, _) => 0,
            (_, Some(count)) => count,
            (Work::Fan, None) => 10,
            (_, None) => 1,
        }
    }

    /// The share of publisher `at`: all are as large, the first ones take the rest.
    fn share(&self, at: u32) -> u64 {
        let (count, at) = (u64::from(self.publishers), u64::from(at));
        self.messages / count + u64::from(at < self.messages % count)
    }

    /// The rate of one publisher.
    fn rate_each(&self) -> Option<f64> {
        self.rate.map(|rate| rate / f64::from(self.publishers))
    }
}

/// A reader that hears nothing for this long hears nothing more.
const SILENCE: Duration = Duration::from_secs(5);
/// How often a bar moves.
const TICK: Duration = Duration::from_millis(100);
