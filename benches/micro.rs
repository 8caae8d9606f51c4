//! What the parts of a message's road cost, each alone and without the kernel.
//!
//! `cargo bench -p dunlin-benches` runs all; `-- match` those whose name holds `match`. What the
//! figures mean, and what they do not, stands in the README beside this file.

#![allow(missing_docs)] // The macro below makes a public function without one.

mod parts;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dunlin_protocol::{HeaderMap, encode};
use dunlin_server::bench::{FanOut, Ticket};
use parts::{READ, SUBJECTS, batch, filled, filter, parse_all, publication, subject};

/// How many subscriptions the large index holds.
const MILLION: usize = 1_000_000;
criterion_group!(
    benches,
    parse,
    encode_message,
    matching,
    unrest,
    churn,
    fan_out
);
criterion_main!(benches);

fn parse(criterion: &mut Criterion) {
    let headers = HeaderMap::try_from([("Trace-Id", "4711"), ("Kind", "order")]).ok();
    let mut sub = Vec::new();
    encode::subscribe(&mut sub, b"orders.*.berlin", None, 4711);
    let mut group = criterion.benchmark_group("parse");
    for (name, op) in [
        ("PUB 16 B", publication(16, None)),
        ("PUB 128 B", publication(128, None)),
        ("HPUB 128 B", publication(128, headers.as_ref())),
        ("SUB", sub),
    ] {
        let input = batch(&op);
        group.throughput(Throughput::Elements((input.len() / op.len()) as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| parse_all(black_box(&input)))
        });
    }
    group.finish();
}

fn encode_message(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for payload in [16, 128] {
        let payload = vec![b'x'; payload];
        let message = encode::Message {
            subject: b"orders.eu.berlin",
            sid: b"4711",
            reply: None,
            headers: b"",
            payload: &payload,
        };
        let mut out = Vec::with_capacity(READ);
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("MSG {} B", payload.len()), |bencher| {
            bencher.iter(|| {
                if out.len() > READ - 1024 {
                    out.clear();
                }
                encode::message(&mut out, black_box(&message));
            });
        });
    }
    group.finish();
}

fn matching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("match");
    for filters in [10_000, MILLION] {
        let (mut routing, _tickets) = filled(filters, |n| n);
        let mut random = fastrand::Rng::with_seed(7);
        let hits: Vec<String> = (0..SUBJECTS)
            .map(|_| subject(random.usize(..filters)))
            .collect();
        let misses: Vec<String> = hits
            .iter()
            .map(|hit| hit.replace("orders", "bills"))
            .collect();
        assert!(hits.iter().all(|hit| routing.matches(hit) == 1));
        assert!(misses.iter().all(|miss| routing.matches(miss) == 0));

        group.throughput(Throughput::Elements(1));
        let id = |name: &str| BenchmarkId::new(name, filters);
        group.bench_function(id("index hit"), |bencher| {
            let mut subjects = hits.iter().cycle();
            bencher.iter(|| routing.looks_up(subjects.next().map_or("", |hit| hit)));
        });
        group.bench_function(id("index miss"), |bencher| {
            let mut subjects = misses.iter().cycle();
            bencher.iter(|| routing.looks_up(subjects.next().map_or("", |miss| miss)));
        });
        group.bench_function(id("publish random"), |bencher| {
            let mut subjects = hits.iter().cycle();
            bencher.iter(|| routing.matches(subjects.next().map_or("", |hit| hit)));
        });
        group.bench_function(id("publish repeated"), |bencher| {
            bencher.iter(|| routing.matches(black_box(&hits[0])));
        });
    }
    let (mut routing, _tickets) = filled(10_000, |n| 10 * n); // Every one of them has a wildcard.
    let hits: Vec<String> = (0..10_000).map(|n| subject(10 * n)).collect();
    assert!(hits.iter().all(|hit| routing.matches(hit) == 1));
    group.bench_function(BenchmarkId::new("trie hit", 10_000), |bencher| {
        let mut subjects = hits.iter().cycle();
        bencher.iter(|| routing.looks_up(subjects.next().map_or("", |hit| hit)));
    });
    group.finish();
}

/// Publishing while somebody subscribes or unsubscribes after every so many messages: at two million
/// messages a second, 2,000 of them are a millisecond.
fn unrest(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unrest");
    for subjects in [100, 10_000] {
        let (mut routing, _tickets) = filled(10_000, |n| n);
        let subjects: Vec<String> = (0..subjects).map(subject).collect();
        group.throughput(Throughput::Elements(1));
        for each in [usize::MAX, 2_000, 100] {
            let name = match each {
                usize::MAX => "none".to_owned(),
                each => format!("SUB or UNSUB each {each}"),
            };
            let mut published = 0;
            let mut passing = None;
            group.bench_function(BenchmarkId::new(name, subjects.len()), |bencher| {
                bencher.iter(|| {
                    published += 1;
                    if published % each == 0 {
                        passing = match passing.take() {
                            Some(ticket) => {
                                routing.unsubscribe(&ticket);
                                None
                            }
                            None => Some(routing.subscribe("passing.by", "0")),
                        };
                    }
                    routing.matches(&subjects[published % subjects.len()])
                });
            });
        }
    }
    group.finish();
}

/// Subscriptions that come and go while a million others stay.
fn churn(criterion: &mut Criterion) {
    let (routing, _tickets) = filled(MILLION, |n| n);
    let fresh: Vec<String> = (MILLION..MILLION + SUBJECTS).map(filter).collect();
    let time_both = |rounds: u64| {
        let (mut coming, mut going) = (Duration::ZERO, Duration::ZERO);
        let mut left = rounds as usize;
        while left > 0 {
            let count = left.min(fresh.len());
            let start = Instant::now();
            let tickets: Vec<Ticket> = fresh[..count]
                .iter()
                .map(|filter| routing.subscribe(filter, "1"))
                .collect();
            coming += start.elapsed();
            let start = Instant::now();
            tickets
                .iter()
                .for_each(|ticket| routing.unsubscribe(ticket));
            going += start.elapsed();
            left -= count;
        }
        (coming, going)
    };
    let mut group = criterion.benchmark_group("churn");
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new("SUB", MILLION), |bencher| {
        bencher.iter_custom(|rounds| time_both(rounds).0);
    });
    group.bench_function(BenchmarkId::new("UNSUB", MILLION), |bencher| {
        bencher.iter_custom(|rounds| time_both(rounds).1);
    });
    group.finish();
}

/// The whole road but for the kernel: a read of publishes in, one write for each reader out.
fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan-out");
    let op = publication(128, None);
    for readers in [1, 10, 100, 1000] {
        let mut fan_out = FanOut::new(readers, "orders.eu.berlin");
        // Large enough for a round, small enough that a thousand outboxes stay in the cache.
        let messages = (READ / op.len()).min(4096 / readers);
        let input = op.repeat(messages);
        let before = fan_out.swallowed_bytes();
        fan_out.publish(&input);
        fan_out.flush();
        let each = (fan_out.swallowed_bytes() - before) / (messages * readers) as u64;
        assert_eq!(
            each,
            op.len() as u64 + 2,
            "every reader got every message, and its sid"
        );

        group.throughput(Throughput::Elements((messages * readers) as u64));
        group.bench_function(BenchmarkId::from_parameter(readers), |bencher| {
            bencher.iter(|| {
                fan_out.publish(black_box(&input));
                fan_out.flush();
            });
        });
    }
    group.finish();
}
