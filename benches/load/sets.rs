//! What servers are compared by: rows of a table, and the work that fills each.

use anyhow::Result;

use crate::figures::Key;
use crate::work::Work;

/// One row: its name, the figure that it is about, and of which of the work's results.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) key: Key,
    pub(crate) result: usize,
}

/// A work and the rows that it fills.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) work: Work,
    pub(crate) rows: Vec<Row>,
    /// Whether it is of the short set as well.
    pub(crate) is_quick: bool,
}

const fn row(name: &'static str, key: Key) -> Row {
    Row {
        name,
        key,
        result: 0,
    }
}

/// A work of one row.
const fn one(work: &'static str, name: &'static str, key: Key, is_quick: bool) -> Line {
    (work, [Some(row(name, key)), None, None], is_quick)
}

type Line = (&'static str, [Option<Row>; 3], bool);

/// Where a work has two results, SUB and UNSUB.
const fn unsub(name: &'static str) -> Row {
    Row {
        name,
        key: Key::Cpu,
        result: 1,
    }
}

const LINES: [Line; 34] = [
    one(
        "pub --payload 16",
        "publish, nobody listens, 16 B",
        Key::Cpu,
        true,
    ),
    one("one-to-one --payload 16", "1 → 1, 16 B", Key::Cpu, true),
    one("one-to-one", "1 → 1, 128 B", Key::Cpu, true),
    one("one-to-one --payload 1024", "1 → 1, 1 KiB", Key::Cpu, true),
    one(
        "one-to-one --payload 65536",
        "1 → 1, 64 KiB",
        Key::Cpu,
        false,
    ),
    one(
        "one-to-one --publishers 4",
        "4 × (1 → 1), 128 B",
        Key::Cpu,
        true,
    ),
    one("fan-out", "fan-out to 100, 128 B", Key::Cpu, true),
    one(
        "fan-out --subscribers 1000 --payload 16",
        "fan-out to 1,000, 16 B",
        Key::Cpu,
        true,
    ),
    one("fan-in", "4 → 1, 128 B", Key::Cpu, false),
    one("queue", "queue group, 2 → 4, 128 B", Key::Cpu, true),
    one("wild", "10,000 subjects with wildcards", Key::Cpu, true),
    one(
        "distinct --subjects 1000000",
        "1,000,000 subjects, a filter each",
        Key::Cpu,
        false,
    ),
    one(
        "request-reply",
        "request-reply, 1 requester",
        Key::Cpu,
        true,
    ),
    one(
        "request-reply --requesters 64",
        "request-reply, 64 requesters",
        Key::Cpu,
        true,
    ),
    one("latency", "10,000 msg/s, 1 → 1", Key::Cpu, true),
    one(
        "latency --rate 100000",
        "100,000 msg/s, 1 → 1",
        Key::Cpu,
        false,
    ),
    one(
        "latency --rate 1000 --subscribers 100",
        "1,000 msg/s, 1 → 100",
        Key::Cpu,
        true,
    ),
    one("churn", "connect, greet, close", Key::Cpu, true),
    one(
        "idle",
        "memory of an idle connection, of 1,000",
        Key::Memory,
        true,
    ),
    one(
        "idle --connections 10000",
        "memory of an idle connection, of 10,000",
        Key::Memory,
        false,
    ),
    (
        "subscriptions",
        [
            Some(row("memory of a subscription, of 100,000", Key::Memory)),
            Some(row("SUB, of 100,000", Key::Cpu)),
            Some(unsub("UNSUB, of 100,000")),
        ],
        true,
    ),
    (
        "subscriptions --count 1000000",
        [
            Some(row("memory of a subscription, of 1,000,000", Key::Memory)),
            Some(row("SUB, of 1,000,000", Key::Cpu)),
            Some(unsub("UNSUB, of 1,000,000")),
        ],
        false,
    ),
    (
        "start",
        [
            Some(row("start to first byte", Key::P50)),
            Some(row("memory of an idle process", Key::Memory)),
            None,
        ],
        true,
    ),
    one(
        "flood --subscriptions 200000",
        "left of 200,000 subscriptions",
        Key::Memory,
        false,
    ),
    one("flood", "left of 10,000 connections", Key::Memory, false),
    one(
        "fan-out --subscribers 10",
        "fan-out to 10, 128 B",
        Key::Rate,
        false,
    ),
    one(
        "fan-out --subscribers 10 --stalled 3",
        "the same beside 3 stalled readers",
        Key::Rate,
        false,
    ),
    one(
        "fan-out --subscribers 10 --stalled 10",
        "the same beside 10 stalled readers",
        Key::Rate,
        false,
    ),
    one(
        "latency --rate 20000 --subscribers 10",
        "20,000 msg/s, 1 → 10",
        Key::P99,
        false,
    ),
    one(
        "latency --rate 20000 --subscribers 10 --stalled 3",
        "20,000 msg/s beside 3 stalled readers",
        Key::P99,
        false,
    ),
    one(
        "latency --rate 20000 --subscribers 10 --stalled 10",
        "20,000 msg/s beside 10 stalled readers",
        Key::P99,
        false,
    ),
    one(
        "one-to-one --publishers 500",
        "500 × (1 → 1), 128 B",
        Key::Cpu,
        false,
    ),
    one(
        "one-to-one --publishers 500 --idle 9000",
        "the same beside 9,000 idle connections",
        Key::Cpu,
        false,
    ),
    one(
        "request-reply --requesters 999",
        "request-reply, 999 requesters",
        Key::Cpu,
        false,
    ),
];

/// The works to do: those that have a row whose name contains one of `only`, if there are any.
pub(crate) fn entries(is_quick: bool, only: &[String]) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (work, rows, in_quick) in LINES {
        let rows: Vec<Row> = rows.into_iter().flatten().collect();
        let is_named = |row: &Row| only.iter().any(|part| row.name.contains(part));
        let is_wanted = only.is_empty() || rows.iter().any(is_named);
        if is_wanted && (in_quick || !is_quick) {
            let work = Work::named(work)?;
            let is_quick = in_quick;
            entries.push(Entry {
                work,
                rows,
                is_quick,
            });
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_work_of_the_list_makes_sense_and_every_name_stands_once() {
        let entries = entries(false, &[]).unwrap();
        assert_eq!(entries.len(), LINES.len());
        let mut names: Vec<_> = entries.iter().flat_map(|entry| &entry.rows).collect();
        let count = names.len();
        names.sort_by_key(|row| row.name);
        names.dedup_by_key(|row| row.name);
        assert_eq!(names.len(), count);
    }
}
