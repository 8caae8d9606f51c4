//! What the parts of a message's road cost in instructions, which a busy machine does not change.
//!
//! `cargo bench -p dunlin-benches --bench count` runs itself below callgrind, each part twice: what
//! the longer run counts more, divided by what it did more, is printed beside `baseline.txt`.
//! `-- --save` writes that file anew, `-- --test` only sees whether everything runs.

#![allow(clippy::print_stdout)] // The figures are what this program is for.

mod parts;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use dunlin_server::bench::{FanOut, Ticket};

use parts::{batch, filled, filter, parse_all, publication, subject};

/// The filters that are there when subjects are looked up.
const FILTERS: usize = 2_000;
/// More instructions than this much of the baseline, and the part is pointed at.
const TOLERANCE: f64 = 1.02;

/// Its name, how often the shorter run does it, and what does it so often.
type Part = (&'static str, usize, fn(usize));

static PARTS: [Part; 11] = [
    ("parse PUB 16 B", 20_000, |times| parse(16, times)),
    ("parse PUB 128 B", 20_000, |times| parse(128, times)),
    ("index hit", 20_000, |times| look_up(times, |n| n)),
    ("trie hit", 20_000, |times| look_up(times, |n| 10 * n)),
    ("publish, subject remembered", 20_000, |times| {
        publish(times, 1)
    }),
    ("publish, subjects in turn", 20_000, |times| {
        publish(times, FILTERS)
    }),
    ("SUB", 5_000, |times| drop(subscribe(times))),
    ("SUB and UNSUB", 5_000, |times| {
        let (routing, tickets) = subscribe(times);
        tickets
            .iter()
            .for_each(|ticket| routing.unsubscribe(ticket));
    }),
    ("deliver to 1, 16 B", 20_000, |times| deliver(1, 16, times)),
    ("deliver to 1, 128 B", 20_000, |times| {
        deliver(1, 128, times)
    }),
    ("deliver to 100, 128 B", 20_000, |times| {
        deliver(100, 128, times)
    }),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = match &words[..] {
        [part, times] if find(part).is_some() => run(part, times),
        _ if words.iter().any(|word| word == "--test") => {
            PARTS.iter().for_each(|(_, _, part)| part(1_000));
            Ok(())
        }
        _ => count_all(words.iter().any(|word| word == "--save")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("count: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(payload: usize, times: usize) {
    let input = batch(&publication(payload, None));
    let mut left = times;
    while left > 0 {
        left = left.saturating_sub(parse_all(black_box(&input)));
    }
}

fn look_up(times: usize, number: fn(usize) -> usize) {
    let (routing, _tickets) = filled(FILTERS, number);
    let subjects: Vec<String> = (0..FILTERS).map(|n| subject(number(n))).collect();
    for subject in subjects.iter().cycle().take(times) {
        black_box(routing.looks_up(black_box(subject)));
    }
}

fn publish(times: usize, subjects: usize) {
    let (mut routing, _tickets) = filled(FILTERS, |n| n);
    let subjects: Vec<String> = (0..subjects).map(subject).collect();
    for subject in subjects.iter().cycle().take(times) {
        black_box(routing.matches(black_box(subject)));
    }
}

fn subscribe(times: usize) -> (dunlin_server::bench::Routing, Vec<Ticket>) {
    let (routing, mut tickets) = filled(FILTERS, |n| n);
    tickets.extend((FILTERS..FILTERS + times).map(|n| routing.subscribe(&filter(n), "1")));
    (routing, tickets)
}

/// `times` deliveries, 32 messages to a read.
fn deliver(readers: usize, payload: usize, times: usize) {
    const READ: usize = 32;
    let mut fan_out = FanOut::new(readers, "orders.eu.berlin");
    let input = publication(payload, None).repeat(READ);
    for _ in 0..times.div_ceil(READ * readers) {
        fan_out.publish(black_box(&input));
        fan_out.flush();
    }
}

fn find(part: &str) -> Option<&'static Part> {
    PARTS.iter().find(|(name, ..)| *name == part)
}

/// One part, that often; what callgrind counts.
fn run(part: &str, times: &str) -> Result<()> {
    let (_, _, part) = find(part).context("no such part")?;
    part(times.parse()?);
    Ok(())
}

fn count_all(is_saved: bool) -> Result<()> {
    let before = baseline().unwrap_or_default();
    let mut saved = String::from(
        "# Instructions each; `cargo bench -p dunlin-benches --bench count -- --save`\n",
    );
    println!(
        "{:<30} {:>12} {:>12} {:>7}",
        "part", "instructions", "baseline", "ratio"
    );
    for &(name, times, _) in &PARTS {
        let more = instructions(name, 2 * times)? - instructions(name, times)?;
        let each = more as f64 / times as f64;
        saved.push_str(&format!("{name}\t{each:.0}\n"));
        let Some(before) = before.get(name) else {
            println!("{name:<30} {each:>12.0}");
            continue;
        };
        let ratio = each / before;
        let mark = if ratio > TOLERANCE { "  slower" } else { "" };
        println!("{name:<30} {each:>12.0} {before:>12.0} {ratio:>7.3}{mark}");
    }
    if is_saved {
        std::fs::write(path(), saved)?;
    }
    Ok(())
}

/// What callgrind counts of one run.
fn instructions(part: &str, times: usize) -> Result<i64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([part, &times.to_string()])
        .output()
        .context("valgrind counts the instructions, and is not there")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{part}: {said}");
    let line = said.lines().find_map(|line| line.split_once("Collected :"));
    let (_, count) = line.context("callgrind says no count")?;
    Ok(count.trim().parse()?)
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.txt")
}

fn baseline() -> Result<BTreeMap<String, f64>> {
    let mut parts = BTreeMap::new();
    for line in std::fs::read_to_string(path())?.lines() {
        if let Some((name, count)) = line.split_once('\t') {
            parts.insert(name.to_owned(), count.parse()?);
        }
    }
    Ok(parts)
}
