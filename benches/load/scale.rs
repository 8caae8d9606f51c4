//! How what a message costs grows with everything that can grow.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::dialect::Dialect;
use crate::figures::{Figures, Key};
use crate::outcome::{Panel, Study};
use crate::pages::{self, table};
use crate::server::Contender;
use crate::timing::Timing;
use crate::work::Work;
use crate::{curves, machine};

/// Gives servers ever more of the same work.
#[derive(Debug, Clone, Args)]
pub(crate) struct Scale {
    /// A server that speaks NATS, as in compare. Default: dunlin and nats-server.
    #[arg(long = "server", value_name = "NAME=COMMAND")]
    servers: Vec<String>,
    /// Only what grows with this: subscriptions, connections, readers, tokens, cores.
    #[arg(long, value_name = "AXIS")]
    only: Option<String>,
    /// How often each server gets each work.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Up to ten million subscriptions, for which some gigabytes must be free.
    #[arg(long)]
    large: bool,
    /// Write docs/performance.md's table and docs/pictures anew.
    #[arg(long)]
    write: bool,
    /// Write the curves here.
    #[arg(long, value_name = "FILE")]
    svg: Option<std::path::PathBuf>,
}

/// A work in which `{}` grows, and what is shown of it.
struct Axis {
    title: &'static str,
    name: &'static str,
    figure: &'static str,
    key: Key,
    work: &'static str,
    steps: &'static [usize],
}

const AXES: [Axis; 7] = [
    Axis {
        title: "A message among ever more subscriptions",
        name: "subscriptions",
        figure: "CPU a message",
        key: Key::Cpu,
        work: "distinct --subjects {} --payload 16",
        steps: &[10, 100, 1_000, 10_000, 100_000, 1_000_000],
    },
    Axis {
        title: "One more SUB",
        name: "subscriptions",
        figure: "CPU",
        key: Key::Cpu,
        work: "subscriptions --count {}",
        steps: &[10_000, 100_000, 1_000_000],
    },
    Axis {
        title: "1 → 1, 128 B, beside idle connections",
        name: "connections",
        figure: "CPU a message",
        key: Key::Cpu,
        work: "one-to-one --idle {}",
        steps: &[10, 100, 1_000, 10_000, 15_000],
    },
    Axis {
        title: "Fan-out, 16 B",
        name: "readers",
        figure: "CPU a delivery",
        key: Key::Cpu,
        work: "fan-out --subscribers {} --payload 16",
        steps: &[1, 10, 100, 1_000, 5_000],
    },
    Axis {
        title: "10,000 subjects of ever more tokens",
        name: "tokens",
        figure: "CPU a message",
        key: Key::Cpu,
        work: "distinct --subjects 10000 --payload 16 --depth {}",
        steps: &[3, 4, 8, 16, 32],
    },
    Axis {
        title: "4 × (1 → 1), 128 B, on ever more cores",
        name: "cores",
        figure: "CPU a message",
        key: Key::Cpu,
        work: "one-to-one --publishers 4",
        steps: &[1, 2, 4, 8, 16, 32, 64],
    },
    Axis {
        title: "The same: messages a second",
        name: "cores",
        figure: "a second",
        key: Key::Rate,
        work: "one-to-one --publishers 4",
        steps: &[1, 2, 4, 8, 16, 32, 64],
    },
];

impl Scale {
    pub(crate) fn run(&self, timing: &Timing) -> Result<ExitCode> {
        let mut contenders = Contender::chosen(&self.servers)?;
        contenders.retain(|contender| contender.dialect == Dialect::Nats);
        let mut panels = Vec::new();
        for axis in &AXES {
            if self.only.as_ref().is_none_or(|only| only == axis.name) {
                panels.push(self.panel(axis, &contenders, timing)?);
            }
        }
        let study = Study {
            names: contenders.iter().map(|it| it.name.clone()).collect(),
            panels,
            rounds: usize::from(self.rounds),
            machine: machine::line(),
            command: machine::command(),
        };
        println!("{}", table::study(&study));
        if let Some(path) = &self.svg {
            std::fs::write(path, curves::draw(&study))?;
        }
        if self.write {
            pages::write_study(&study)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn panel(&self, axis: &Axis, contenders: &[Contender], timing: &Timing) -> Result<Panel> {
        let has_cores = axis.name == "cores";
        let mut steps = axis.steps.to_vec();
        if has_cores {
            steps.retain(|&cores| cores <= machine::cores());
        } else if self.large && axis.name == "subscriptions" {
            steps.push(10_000_000);
        }
        let mut ys = vec![Vec::new(); contenders.len()];
        for &step in &steps {
            let work = Work::named(&axis.work.replace("{}", &step.to_string()))?;
            let cores: Vec<usize> = (0..step).collect();
            let cores = has_cores.then_some(&cores[..]);
            let mut runs = vec![Vec::new(); contenders.len()];
            for round in 0..usize::from(self.rounds) {
                for turn in 0..contenders.len() {
                    let at = (turn + round) % contenders.len();
                    let (name, of) = (&contenders[at].name, format!("{step} {}", axis.name));
                    match work.run(&contenders[at], cores, timing) {
                        Ok(results) => {
                            eprintln!("{name:<14} {of}: {}", results[0]);
                            runs[at].push(results[0]);
                        }
                        Err(error) => eprintln!("{name}, {of}: {error:#}"),
                    }
                }
            }
            for (ys, runs) in ys.iter_mut().zip(&runs) {
                ys.push(Figures::median(runs).get(axis.key));
            }
        }
        Ok(Panel {
            title: axis.title,
            axis: axis.name,
            figure: axis.figure,
            key: axis.key,
            xs: steps.iter().map(|&step| step as f64).collect(),
            ys,
        })
    }
}
