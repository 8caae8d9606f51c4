//! The same work for several servers in turn, and what it cost each of them.
//!
//! Rounds alternate, so that a noisy moment of the machine does not fall on one server alone; what
//! is shown are medians. Every run has a fresh server.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::outcome::{Comparison, Line};
use crate::pages::{self, table};
use crate::server::Contender;
use crate::sets::{self, Entry};
use crate::timing::Timing;
use crate::{machine, plot};
use anyhow::{Context, Result};
use clap::Args;

/// Gives several servers the same work in turn.
#[derive(Debug, Clone, Args)]
pub(crate) struct Compare {
    /// A server: its name, and the command that starts it on {port}; `redis:resp=…`, `it:mqtt=…`
    /// for what does not speak NATS. The first one named is compared with the others. Default:
    /// dunlin, built now, and nats-server, redis-server and mosquitto where they are on the path.
    #[arg(long = "server", value_name = "NAME=COMMAND")]
    servers: Vec<String>,
    /// The short set of works (two minutes or three) instead of the full one (some twenty).
    #[arg(long)]
    quick: bool,
    /// Only works that fill a row whose name contains this; as often as wanted.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// How often each server gets each work.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Write docs/performance.md's table and docs/pictures anew.
    #[arg(long)]
    write: bool,
    /// Write the plot here.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write every run's figures here, as JSON.
    #[arg(long, value_name = "FILE")]
    runs: Option<PathBuf>,
}

impl Compare {
    pub(crate) fn run(&self, timing: &Timing, wants_json: bool) -> Result<ExitCode> {
        let contenders = Contender::chosen(&self.servers)?;
        let entries = sets::entries(self.quick, &self.only)?;
        let mut comparison = Comparison::new(&contenders, &entries, usize::from(self.rounds));
        for round in 0..usize::from(self.rounds) {
            comparison.play(round, &contenders, &entries, timing);
        }
        match wants_json {
            true => println!("{:#}", comparison.json()),
            false => println!("{}", table::all(&comparison)),
        }
        let write = |path: &PathBuf, text: String| {
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        if let Some(path) = &self.svg {
            write(path, plot::draw(&comparison))?;
        }
        if let Some(path) = &self.runs {
            write(path, format!("{:#}\n", comparison.json()))?;
        }
        if self.write {
            pages::write_comparison(&comparison)?;
        }
        let has_failed = comparison.lines.iter().any(|line| line.failed(0));
        Ok(if has_failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}

impl Comparison {
    fn new(contenders: &[Contender], entries: &[Entry], rounds: usize) -> Self {
        let mut lines = Vec::new();
        for entry in entries {
            for &row in &entry.rows {
                let suits = |it: &Contender| entry.work.suits(it.dialect).then(Vec::new);
                lines.push(Line {
                    row,
                    is_quick: entry.is_quick,
                    runs: contenders.iter().map(suits).collect(),
                });
            }
        }
        Self {
            names: contenders.iter().map(|it| it.name.clone()).collect(),
            lines,
            command: machine::command(),
            machine: machine::line(),
            rounds,
            versions: contenders.iter().map(Contender::version).collect(),
            failures: Vec::new(),
        }
    }

    /// One round: every work for every server.
    fn play(&mut self, round: usize, contenders: &[Contender], entries: &[Entry], timing: &Timing) {
        let mut first = 0;
        for entry in entries {
            let lines = first..first + entry.rows.len();
            first = lines.end;
            for turn in 0..contenders.len() {
                let at = (turn + round) % contenders.len(); // Nobody is always the first.
                let contender = &contenders[at];
                if !entry.work.suits(contender.dialect) {
                    continue;
                }
                let name = entry.rows[0].name;
                match entry.work.run(contender, None, timing) {
                    Ok(results) => {
                        eprintln!("{:<14} {name}: {}", contender.name, results[0]);
                        for line in &mut self.lines[lines.clone()] {
                            let figures = results[line.row.result];
                            line.runs[at].get_or_insert_default().push(figures);
                        }
                    }
                    Err(error) => {
                        let failure = format!("{}, {name}: {error:#}", contender.name);
                        eprintln!("{failure}");
                        self.failures.push(failure);
                    }
                }
            }
        }
    }
}
