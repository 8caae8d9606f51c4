//! Bounds of what is asked for, and the connection in a caller's hand.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use dunlin_protocol::ServerLimits;
use dunlin_protocol::encode::Publication;
use tokio::io::{AsyncReadExt, DuplexStream, duplex};

use super::state::{COMMANDS_MAX, NoRoom};
use super::{Outgoing, OutgoingLimits, Rest, WhenUnsent};
use crate::engine::{Engine, EngineOptions};
use crate::replies::Replies;
use crate::transport::Transport;

const LIMITS: OutgoingLimits = OutgoingLimits {
    connected: 1000,
    disconnected: 1000,
    when_unsent: WhenUnsent::Fail,
};

/// A meeting place on a connection, and the driver's engine.
fn connected(connected: usize) -> (Outgoing, Engine) {
    let options = EngineOptions {
        ping_interval: Duration::from_secs(10),
        pings_max: 2,
        confirm_interval: None,
        limits: ServerLimits::default(),
    };
    let replies = Arc::new(Replies::new("_INBOX.x"));
    let limits = OutgoingLimits {
        connected,
        ..LIMITS
    };
    let outgoing = Outgoing::new(limits, Arc::clone(&replies));
    let mut engine = Engine::new(options, replies, Instant::now());
    outgoing.connected(1024, true, &mut engine);
    (outgoing, engine)
}

fn message(payload: &[u8]) -> Publication<'_> {
    Publication {
        subject: b"a",
        reply: None,
        headers: None,
        payload,
    }
}

#[test]
fn what_is_asked_again_and_again_waits_for_room() {
    let asked: [fn(&Outgoing) -> Option<NoRoom>; 3] = [
        |outgoing| outgoing.flush().err(),
        |outgoing| outgoing.unsubscribe_after(1, 7).err(),
        |outgoing| outgoing.drain_subscription(1).err(),
    ];
    for ask in asked {
        for (limit, most) in [(1000, 1000), (usize::MAX, COMMANDS_MAX)] {
            let (outgoing, mut engine) = connected(limit);
            let count = (0..).find(|_| ask(&outgoing).is_some());
            assert!(count.is_some_and(|count| (10..=most).contains(&count)));
            outgoing.take(&mut Vec::new(), &mut engine);
            assert!(ask(&outgoing).is_none(), "there is room again");
        }
    }
}

/// A driver that has gone to sleep beside a connection of `size` bytes.
fn asleep(size: usize) -> (Outgoing, Engine, DuplexStream) {
    let (outgoing, engine) = connected(LIMITS.connected);
    let (ours, theirs) = duplex(size);
    let mut connection = Some(Transport::Given(Box::new(ours)));
    let cx = Context::from_waker(Waker::noop());
    let rest = outgoing.sleep(&cx, false, true, &mut connection);
    assert!(rest == Rest::Asleep && connection.is_none());
    (outgoing, engine, theirs)
}

fn heard(stream: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = vec![0; 100];
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(stream.read(&mut bytes)).poll(&mut cx) {
        Poll::Ready(Ok(len)) => bytes[..len].to_vec(),
        _ => Vec::new(),
    }
}

#[test]
fn of_several_callers_the_first_writes() {
    let (outgoing, mut engine, mut theirs) = asleep(100);
    let cx = Context::from_waker(Waker::noop());
    let mut loan = outgoing.publish(&message(b"1")).unwrap().expect("idle");
    assert!(outgoing.publish(&message(b"2")).unwrap().is_none());
    assert!(outgoing.reclaim(&cx).is_none(), "a caller has it");
    loan.write();
    assert_eq!(heard(&mut theirs), b"PUB a 1\r\n1\r\n");
    outgoing.give_back(*loan);
    assert!(outgoing.publish(&message(b"3")).unwrap().is_none());
    let returned = outgoing.reclaim(&cx).unwrap();
    assert!(returned.lines.is_empty() && !returned.needs_flush);
    let mut writing = Vec::new();
    outgoing.take(&mut writing, &mut engine);
    assert_eq!(writing, b"PUB a 1\r\n2\r\nPUB a 1\r\n3\r\n");
    assert_eq!(outgoing.totals().messages, 3);
}

#[test]
fn the_driver_goes_on_where_a_caller_stopped() {
    let (outgoing, mut engine, mut theirs) = asleep(8);
    let mut loan = outgoing.publish(&message(b"1")).unwrap().unwrap();
    loan.write();
    outgoing.give_back(*loan);
    let cx = Context::from_waker(Waker::noop());
    let returned = outgoing.reclaim(&cx).unwrap();
    assert_eq!(heard(&mut theirs), &returned.lines[..returned.written]);
    assert_eq!((returned.written, returned.lines.len()), (8, 12));
    // The connection breaks: half a message is kept whole, for the next one.
    outgoing.take(&mut Vec::new(), &mut engine);
    let lost = outgoing.lost(&returned.lines, returned.written, &mut engine);
    assert_eq!(lost.unconfirmed, 0);
    outgoing.connected(1024, true, &mut engine);
    let mut writing = Vec::new();
    outgoing.take(&mut writing, &mut engine);
    assert_eq!(writing, b"PUB a 1\r\n1\r\n");
}

#[test]
fn what_a_caller_wrote_and_nobody_confirmed_is_counted() {
    let (outgoing, mut engine, _theirs) = asleep(100);
    let mut loan = outgoing.publish(&message(b"1")).unwrap().unwrap();
    loan.write();
    // The driver goes with its runtime, in the middle of it.
    assert_eq!(outgoing.lost(&[], 0, &mut engine).unconfirmed, 1);
    outgoing.close(&mut engine);
    outgoing.give_back(*loan);
    assert!(outgoing.publish(&message(b"2")).is_err());
}
