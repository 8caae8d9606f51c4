//! What the benches of the parts share: operations, filters and subjects.

#![allow(dead_code)] // Two programs include it, each takes its share.

use std::hint::black_box;

use dunlin_protocol::{ClientParser, HeaderMap, Limits, Step, encode};
use dunlin_server::bench::{Routing, Ticket};

/// One read of a busy socket, in bytes.
pub(crate) const READ: usize = 64 * 1024;
/// How many different subjects a bench walks through: too many for any cache of a publisher.
pub(crate) const SUBJECTS: usize = 16 * 1024;

/// As many copies of `op` as one read holds.
pub(crate) fn batch(op: &[u8]) -> Vec<u8> {
    op.repeat((READ / op.len()).max(1))
}

/// One `PUB`, or `HPUB`.
pub(crate) fn publication(payload: usize, headers: Option<&HeaderMap>) -> Vec<u8> {
    let mut op = Vec::new();
    let publication = encode::Publication {
        subject: b"orders.eu.berlin",
        reply: None,
        headers,
        payload: &vec![b'x'; payload],
    };
    encode::publish(&mut op, &publication);
    op
}

/// Parses everything; tells how many operations that was.
pub(crate) fn parse_all(input: &[u8]) -> usize {
    let (mut parser, limits) = (ClientParser::default(), Limits::default());
    let (mut at, mut ops) = (0, 0);
    while let Ok(Step::Op { op, used }) = parser.next(&input[at..], &limits) {
        black_box(op);
        at += used;
        ops += 1;
    }
    assert_eq!(at, input.len(), "a whole number of operations");
    ops
}

/// The `n`th filter: three or four tokens, every tenth with a wildcard, at either place.
pub(crate) fn filter(n: usize) -> String {
    match n % 20 {
        0 => format!("orders.{}.{n}.*", n % 97),
        10 => format!("orders.*.{n}.>"),
        _ => format!("orders.{}.{n}", n % 97),
    }
}

/// A subject that the `n`th filter covers.
pub(crate) fn subject(n: usize) -> String {
    match n % 20 {
        0 | 10 => format!("orders.{}.{n}.new", n % 97),
        _ => format!("orders.{}.{n}", n % 97),
    }
}

/// So many filters subscribed to, each named by its number.
pub(crate) fn filled(filters: usize, number: impl Fn(usize) -> usize) -> (Routing, Vec<Ticket>) {
    let routing = Routing::new();
    let subscribe = |n: usize| routing.subscribe(&filter(number(n)), &n.to_string());
    let tickets = (0..filters).map(subscribe).collect();
    (routing, tickets)
}
