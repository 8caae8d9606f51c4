//! The same work for several servers in turn, and what it cost each of them.
//!
//! Rounds alternate, so that a noisy moment of the machine does not fall on one server alone; what
//! is printed are medians. Every run has a fresh server.

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Parser};
use serde_json::json;

use crate::machine;
use crate::report::{Outcome, text};
use crate::server::Server;
use crate::work::Scenario;

/// The work unless `--work` says otherwise.
const WORKS: [&str; 9] = [
    "pub --payload 16",
    "one-to-one --payload 16",
    "one-to-one --payload 128",
    "one-to-one --payload 1024",
    "fan-out --subscribers 100 --payload 128",
    "fan-in --publishers 4 --payload 128",
    "queue --publishers 2 --subscribers 4 --payload 128",
    "request-reply --publishers 16",
    "latency --rate 10000",
];

#[derive(Debug, Clone, Args)]
pub(crate) struct Compare {
    /// A server: its name, and the command that starts it on {port}. The first one named is
    /// compared with the others.
    #[arg(long = "server", required = true, value_name = "NAME=COMMAND")]
    servers: Vec<String>,
    /// A scenario with its options, as in `--work 'fan-out --subscribers 10'`. Default: nine that
    /// cover what people do.
    #[arg(long = "work", value_name = "WORK")]
    works: Vec<String>,
    /// How often each server gets each work.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long to measure each time.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
}

/// One `--work`.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Work {
    #[command(subcommand)]
    scenario: Scenario,
}

/// The outcomes of one server at one work, by round.
type Rounds = Vec<Outcome>;

impl Compare {
    pub(crate) fn run(&self, wants_json: bool) -> Result<()> {
        let servers: Vec<(&str, &str)> = self
            .servers
            .iter()
            .map(|server| {
                server
                    .split_once('=')
                    .context("--server must be NAME=COMMAND")
            })
            .collect::<Result<_>>()?;
        let scenarios = self.scenarios()?;
        let mut lines = Vec::new();
        for scenario in &scenarios {
            let rounds = self.measure(scenario, &servers)?;
            lines.push(rounds);
        }
        let names: Vec<&str> = servers.iter().map(|(name, _)| *name).collect();
        match wants_json {
            true => print_json(&names, &lines),
            false => print_table(&names, &lines),
        }
        Ok(())
    }

    fn scenarios(&self) -> Result<Vec<Scenario>> {
        let works: Vec<&str> = match self.works.is_empty() {
            true => WORKS.to_vec(),
            false => self.works.iter().map(String::as_str).collect(),
        };
        let parse = |work: &str| {
            let parsed = Work::try_parse_from(work.split_whitespace());
            let mut scenario = match parsed {
                Ok(work) => work.scenario,
                Err(error) => bail!("--work {work:?} makes no sense: {error}"),
            };
            scenario.numbers_mut().seconds = self.seconds;
            scenario
                .plan()
                .with_context(|| format!("--work {work:?}"))?;
            Ok(scenario)
        };
        works.into_iter().map(parse).collect()
    }

    /// All rounds of one work; by server.
    fn measure(&self, scenario: &Scenario, servers: &[(&str, &str)]) -> Result<Vec<Rounds>> {
        let plan = scenario.plan()?;
        let mut all: Vec<Rounds> = servers.iter().map(|_| Rounds::new()).collect();
        for round in 0..usize::from(self.rounds) {
            for turn in 0..servers.len() {
                // Nobody is always the first.
                let at = (turn + round) % servers.len();
                let (name, command) = servers[at];
                let server = Server::start(command).with_context(|| name.to_owned())?;
                let outcome = crate::run(&plan, &server)
                    .with_context(|| format!("{name}, {plan}, round {}", round + 1))?;
                ensure!(
                    outcome.rate() > 0.0,
                    "{name}, {plan}: nothing was delivered"
                );
                eprintln!("{name:<8} {}", outcome.row());
                all[at].push(outcome);
            }
        }
        Ok(all)
    }
}

/// The median of a figure over the rounds, if every round has it.
fn median(rounds: &Rounds, figure: impl Fn(&Outcome) -> Option<f64>) -> Option<f64> {
    let mut figures: Vec<f64> = rounds.iter().map(figure).collect::<Option<_>>()?;
    figures.sort_by(f64::total_cmp);
    let (low, high) = ((figures.len() - 1) / 2, figures.len() / 2);
    Some((figures[low] + figures[high]) / 2.0)
}

fn print_table(names: &[&str], lines: &[Vec<Rounds>]) {
    let column = |title: &str, name: &str| format!(" {:>18}", format!("{title} {name}"));
    let mut head = format!("{:<34}", "work");
    for title in ["CPU µs", "p99 µs", "1000/s"] {
        names
            .iter()
            .for_each(|name| head.push_str(&column(title, name)));
    }
    for other in &names[1..] {
        head.push_str(&column("CPU", &format!("{}/{other}", names[0])));
    }
    println!("\n{head}");
    for line in lines {
        let mut row = format!("{:<34}", line[0][0].work);
        for rounds in line {
            row.push_str(&format!(
                " {:>18}",
                text(median(rounds, Outcome::cpu_each), 3)
            ));
        }
        for rounds in line {
            row.push_str(&format!(
                " {:>18}",
                text(median(rounds, |it| it.delay(99.0)), 0)
            ));
        }
        for rounds in line {
            let rate = median(rounds, |it| Some(it.rate() / 1e3));
            row.push_str(&format!(" {:>18}", text(rate, 1)));
        }
        for other in 1..names.len() {
            row.push_str(&format!(" {:>18}", text(ratio(line, other), 2)));
        }
        println!("{row}");
    }
    for (at, other) in names.iter().enumerate().skip(1) {
        println!(
            "CPU per delivery, {} / {other}, geometric mean: {}",
            names[0],
            text(mean_ratio(lines, at), 2)
        );
    }
    let command: Vec<String> = std::env::args().map(quoted).collect();
    println!("\n{}\n{}", command.join(" "), machine::line());
}

/// What the first server's delivery costs, in those of the `other`.
fn ratio(line: &[Rounds], other: usize) -> Option<f64> {
    Some(median(&line[0], Outcome::cpu_each)? / median(&line[other], Outcome::cpu_each)?)
}

fn mean_ratio(lines: &[Vec<Rounds>], other: usize) -> Option<f64> {
    let logarithms = lines.iter().map(|line| Some(ratio(line, other)?.ln()));
    let sum = logarithms.sum::<Option<f64>>()?;
    Some((sum / lines.len() as f64).exp())
}

/// An argument as a shell would want it.
fn quoted(arg: String) -> String {
    match arg.contains([' ', '{']) {
        true => format!("'{arg}'"),
        false => arg,
    }
}

fn print_json(names: &[&str], lines: &[Vec<Rounds>]) {
    let works: Vec<_> = lines
        .iter()
        .map(|line| {
            let servers = names.iter().zip(line).map(|(name, rounds)| {
                json!({
                    "name": name,
                    "server_cpu_us_per_delivery": median(rounds, Outcome::cpu_each),
                    "deliveries_per_second": median(rounds, |it| Some(it.rate())),
                    "p99_us": median(rounds, |it| it.delay(99.0)),
                    "rounds": rounds.iter().map(Outcome::json).collect::<Vec<_>>(),
                })
            });
            let ratios = (1..names.len()).map(|other| ratio(line, other));
            json!({
                "work": line[0][0].work,
                "servers": servers.collect::<Vec<_>>(),
                "cpu_first_over_others": ratios.collect::<Vec<_>>(),
            })
        })
        .collect();
    let command: Vec<String> = std::env::args().collect();
    println!(
        "{}",
        json!({"command": command, "machine": machine::line(), "works": works})
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_works_can_be_planned() {
        let compare = Compare {
            servers: Vec::new(),
            works: Vec::new(),
            rounds: 1,
            seconds: 1.0,
        };
        assert_eq!(compare.scenarios().unwrap().len(), WORKS.len());
        for works in [
            "fly",
            "pub --payload 3",
            "pub --rate 5",
            "pub --subscribers 2",
        ] {
            let works = vec![works.to_owned()];
            let compare = Compare {
                works,
                ..compare.clone()
            };
            assert!(compare.scenarios().is_err());
        }
    }
}
