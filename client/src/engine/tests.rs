//! Both ends of a conversation in one thread, with a pretended clock.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use dunlin_protocol::{ParseError, ServerLimits};
use tokio::sync::oneshot;

use super::{Engine, EngineOptions};
use crate::command::{Command, Confirmed, NewSubscription, Sink};
use crate::error::{FlushErrorKind, RequestErrorKind, SubscribeErrorKind};
use crate::message::{Message, Subject};
use crate::notice::{LinkError, Notice};
use crate::queue::{End, Queue, QueueLimits, WhenFull};
use crate::replies::Replies;

const INTERVAL: Duration = Duration::from_secs(10);

struct Rig {
    engine: Engine,
    replies: Arc<Replies>,
    now: Instant,
}

impl Rig {
    fn new() -> Self {
        let options = EngineOptions {
            ping_interval: INTERVAL,
            pings_max: 2,
            confirm_interval: Some(INTERVAL / 10),
            limits: ServerLimits::default(),
        };
        let (replies, now) = (Arc::new(Replies::new("_INBOX.x")), Instant::now());
        let mut engine = Engine::new(options, Arc::clone(&replies), now);
        engine.connected(BytesMut::new(), now);
        Self {
            engine,
            replies,
            now,
        }
    }

    fn subscribe(&mut self, sid: u64, subject: &str, sink: Sink, confirmed: Option<Confirmed>) {
        self.engine.apply(
            Command::Subscribe(NewSubscription {
                sid,
                subject: Subject::from(subject),
                group: None,
                sink,
                confirmed,
                has_line: true,
            }),
            0,
        );
    }

    fn queue(&mut self, sid: u64, subject: &str) -> Arc<Queue> {
        let limits = QueueLimits {
            messages: 1000,
            bytes: usize::MAX,
            when_full: WhenFull::DropNewest,
        };
        let queue = Arc::new(Queue::new(limits));
        self.subscribe(sid, subject, Sink::Queue(Arc::clone(&queue)), None);
        queue
    }

    /// As a socket would: into the space, as much as finds room, until all is in.
    fn hear(&mut self, mut bytes: &[u8]) -> Result<(), LinkError> {
        while !bytes.is_empty() {
            let space = self.engine.space();
            let room = (space.capacity() - space.len()).min(bytes.len());
            space.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
            self.engine.receive()?;
        }
        Ok(())
    }

    fn said(&mut self) -> String {
        let mut out = Vec::new();
        self.engine.write_control(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn wait(&mut self, time: Duration) -> Result<(), LinkError> {
        self.now += time;
        self.engine.tick(self.now)
    }

    fn reconnect(&mut self) -> String {
        self.engine.lost();
        self.engine.connected(BytesMut::new(), self.now);
        self.said()
    }
}

fn drained(queue: &Queue) -> Vec<Message> {
    std::iter::from_fn(|| queue.try_next()).collect()
}

#[test]
fn messages_go_to_their_queues_however_they_are_cut() {
    let stream =
        b"MSG a 1 1\r\nx\r\nMSG a 2 1\r\ny\r\nPING\r\nHMSG a 1 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n";
    for size in 1..=stream.len() {
        let mut rig = Rig::new();
        let (one, two) = (rig.queue(1, "a"), rig.queue(2, "*"));
        for piece in stream.chunks(size) {
            rig.hear(piece).unwrap();
        }
        let (one, two) = (drained(&one), drained(&two));
        assert_eq!((one.len(), two.len()), (2, 1), "pieces of {size}");
        assert_eq!((&one[1].payload[..], one[1].length), (&b"hi"[..], 14));
        assert_eq!(
            (one[1].reply.as_deref(), two[0].subject.as_str()),
            (Some("r"), "a")
        );
        assert_eq!(rig.said(), "PONG\r\n");
        let tally = rig.engine.take_tally();
        assert_eq!((tally.in_messages, tally.in_bytes), (3, 16));
    }
}

#[test]
fn large_payloads_share_what_they_were_read_into_and_small_ones_a_block() {
    let mut rig = Rig::new();
    let queue = rig.queue(1, "a");
    let mut stream = Vec::new();
    for size in [10_usize, 20_000, 10, 20_000, 200_000, 4000, 1_500_000] {
        stream.extend_from_slice(format!("MSG a 1 {size}\r\n").as_bytes());
        stream.extend((0..size).map(|at| (at + size) as u8));
        stream.extend_from_slice(b"\r\n");
    }
    rig.hear(&stream).unwrap();
    let messages = drained(&queue);
    for (message, size) in messages
        .iter()
        .zip([10_usize, 20_000, 10, 20_000, 200_000, 4000, 1_500_000])
    {
        let expected: Vec<u8> = (0..size).map(|at| (at + size) as u8).collect();
        assert!(message.payload == expected, "{size}");
    }
    // One that was copied is alone with its memory; two small ones share a block.
    assert!(messages[5].payload.is_unique());
    let ends = messages[0].payload.as_ptr_range().end;
    assert_eq!(ends, messages[2].payload.as_ptr());
    assert_eq!(messages.len(), 7);
    assert!(rig.hear(b"MSG a 1 67108865\r\n").is_err());
}

#[test]
fn an_announced_size_alone_takes_no_memory() {
    let mut rig = Rig::new();
    rig.queue(1, "a");
    rig.hear(b"MSG a 1 60000000\r\nx").unwrap();
    let space = rig.engine.space();
    assert!(
        space.capacity() < 2 * 1024 * 1024,
        "{} bytes",
        space.capacity()
    );
}

#[test]
fn a_pong_answers_for_the_oldest_ping() {
    let mut rig = Rig::new();
    let (flushed, mut first) = oneshot::channel();
    rig.engine.apply(Command::Flush(flushed), 0);
    let (confirmed, mut made) = oneshot::channel();
    rig.subscribe(1, "a", Sink::Replies, Some(confirmed));
    let (flushed, mut second) = oneshot::channel();
    rig.engine.apply(Command::Flush(flushed), 0);
    rig.hear(b"PONG\r\n").unwrap();
    assert_eq!(first.try_recv(), Ok(Ok(())));
    assert!(made.try_recv().is_err());
    rig.hear(b"PONG\r\n").unwrap();
    assert_eq!(made.try_recv(), Ok(Ok(())));
    assert!(second.try_recv().is_err());
    rig.hear(b"PONG\r\nPONG\r\nPONG\r\n").unwrap();
    assert_eq!(second.try_recv(), Ok(Ok(())));
}

#[test]
fn a_server_is_asked_whether_it_is_alive_and_left_if_not() {
    let mut rig = Rig::new();
    assert_eq!(rig.wait(INTERVAL - Duration::from_millis(1)), Ok(()));
    assert_eq!(rig.said(), "");
    assert_eq!(rig.wait(Duration::from_millis(1)), Ok(()));
    assert_eq!(rig.said(), "PING\r\n");
    rig.hear(b"PONG\r\n").unwrap();
    assert_eq!((rig.wait(INTERVAL), rig.wait(INTERVAL)), (Ok(()), Ok(())));
    assert_eq!(rig.engine.deadline(), rig.now + INTERVAL);
    assert_eq!(rig.wait(INTERVAL), Err(LinkError::Stale));
    rig.reconnect();
    assert_eq!(rig.wait(INTERVAL), Ok(()));
}

#[test]
fn a_reconnect_makes_subscriptions_again_with_what_is_left_of_them() {
    let mut rig = Rig::new();
    let (first, second) = (rig.queue(7, "a"), rig.queue(3, "b"));
    rig.queue(5, "gone");
    rig.engine
        .apply(Command::Unsubscribe { sid: 5, max: None }, 0);
    rig.engine.apply(
        Command::Unsubscribe {
            sid: 7,
            max: Some(3),
        },
        0,
    );
    rig.hear(b"MSG a 7 1\r\nx\r\n").unwrap();
    assert_eq!(rig.reconnect(), "SUB b 3\r\nSUB a 7\r\nUNSUB 7 2\r\n");
    // The server's own answer counts for nobody.
    rig.hear(b"HMSG a 7 16 16\r\nNATS/1.0 503\r\n\r\n\r\nMSG a 7 1\r\ny\r\n")
        .unwrap();
    assert_eq!(first.ended(), None);
    rig.hear(b"MSG a 7 1\r\nz\r\nMSG a 7 1\r\n!\r\n").unwrap();
    assert_eq!((first.ended(), second.ended()), (Some(End::Done), None));
    assert_eq!(drained(&first).len(), 4);
    assert_eq!(rig.reconnect(), "SUB b 3\r\n");
}

#[test]
fn who_waits_for_a_subscription_waits_on_over_a_reconnect() {
    let mut rig = Rig::new();
    let (confirmed, mut made) = oneshot::channel();
    rig.subscribe(1, "a", Sink::Replies, Some(confirmed));
    let (flushed, mut flush) = oneshot::channel();
    rig.engine.apply(Command::Flush(flushed), 0);
    rig.engine.lost();
    assert_eq!(flush.try_recv(), Ok(Err(FlushErrorKind::Disconnected)));
    let (flushed, mut later) = oneshot::channel();
    rig.engine.apply(Command::Flush(flushed), 0); // Its PING waits in the buffer, behind the SUBs.
    rig.engine.connected(BytesMut::new(), rig.now);
    assert_eq!(rig.said(), "SUB a 1\r\nPING\r\n");
    rig.hear(b"PONG\r\n").unwrap();
    assert_eq!(made.try_recv(), Ok(Ok(())));
    assert!(later.try_recv().is_err());
    rig.hear(b"PONG\r\n").unwrap();
    assert_eq!(later.try_recv(), Ok(Ok(())));
}

#[test]
fn a_refusal_belongs_to_the_call_it_names() {
    let mut rig = Rig::new();
    let (confirmed, mut first) = oneshot::channel();
    rig.subscribe(1, "a", Sink::Replies, Some(confirmed));
    let (confirmed, mut second) = oneshot::channel();
    let queue = Arc::new(Queue::new(QueueLimits {
        messages: 1,
        bytes: 1,
        when_full: WhenFull::DropNewest,
    }));
    rig.subscribe(2, "b", Sink::Queue(Arc::clone(&queue)), Some(confirmed));
    rig.hear(b"-ERR 'Permissions Violation for Subscription to \"b\"'\r\n")
        .unwrap();
    assert_eq!(
        second.try_recv(),
        Ok(Err(SubscribeErrorKind::PermissionDenied))
    );
    assert_eq!(
        queue.ended(),
        Some(End::Refused(SubscribeErrorKind::PermissionDenied))
    );
    rig.hear(b"-ERR 'maximum subscriptions exceeded'\r\n")
        .unwrap();
    assert_eq!(first.try_recv(), Ok(Err(SubscribeErrorKind::TooMany)));
    assert!(rig.engine.take_notices().contains(&Notice::InboxRefused));

    let (token, mut answer) = rig.replies.register("p");
    rig.hear(b"-ERR 'Permissions Violation for Publish to \"q\"'\r\n")
        .unwrap();
    assert!(answer.try_recv().is_err());
    let reply =
        format!("-ERR 'Permissions Violation for Publish with Reply of \"_INBOX.x.{token}\"'\r\n");
    rig.hear(reply.as_bytes()).unwrap();
    assert_eq!(
        answer.try_recv(),
        Ok(Err(RequestErrorKind::PermissionDenied))
    );
    assert!(matches!(
        rig.hear(b"-ERR 'what'\r\n"),
        Err(LinkError::Refused(_))
    ));
}

#[test]
fn a_drain_ends_all_subscriptions_and_waits_for_what_they_were_sent() {
    let mut rig = Rig::new();
    let queue = rig.queue(1, "a");
    rig.queue(2, "b");
    rig.engine.apply(Command::Drain, 0);
    assert_eq!(rig.said(), "UNSUB 1\r\nUNSUB 2\r\nPING\r\n");
    rig.hear(b"MSG a 1 1\r\nx\r\n").unwrap();
    assert_eq!(rig.engine.take_notices(), []);
    rig.hear(b"PONG\r\n").unwrap();
    assert_eq!(rig.engine.take_notices(), [Notice::Drained]);
    assert_eq!(rig.engine.queued(), 1);
    rig.engine.close();
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(matches!(queue.poll_next(cx), Poll::Ready(Some(_))));
    assert!(matches!(queue.poll_next(cx), Poll::Ready(None)));
}

#[test]
fn what_was_understood_before_an_error_is_delivered() {
    let mut rig = Rig::new();
    let queue = rig.queue(1, "a");
    let outcome = rig.hear(b"MSG a 1 1\r\nx\r\nRUBBISH\r\n");
    assert_eq!(
        outcome,
        Err(LinkError::Protocol(ParseError::UnknownOperation))
    );
    assert_eq!(drained(&queue).len(), 1);
}

#[test]
fn rubbish_never_makes_it_panic() {
    let pieces: [&[u8]; 12] = [
        b"MSG a 1 5\r\nhello\r\n",
        b"MSG ",
        b"a 1 3\r\n",
        b"abc\r\n",
        b"HMSG a 1 12 12\r\n",
        b"NATS/1.0\r\n\r\n",
        b"\r\n",
        b"PONG\r\n",
        b"-ERR 'Permissions Violation for Subscription to \"a\"'\r\n",
        b"INFO {\"max_payload\":-5}\r\n",
        b"\xff",
        b"999999999999",
    ];
    let mut seed: u64 = 7;
    for _ in 0..3000 {
        let mut rig = Rig::new();
        let _queue = rig.queue(1, "a");
        for _ in 0..12 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if rig
                .hear(pieces[(seed >> 33) as usize % pieces.len()])
                .is_err()
            {
                rig.reconnect();
            }
        }
    }
}

#[test]
fn publishes_are_confirmed_by_the_pongs_behind_them() {
    let mut rig = Rig::new();
    rig.engine.took(3);
    assert!(rig.engine.is_unasked());
    rig.engine.expect_confirmation(rig.now);
    assert!(!rig.engine.is_unasked());
    let (flushed, _receiver) = oneshot::channel();
    rig.engine.apply(Command::Flush(flushed), 2);
    rig.hear(b"PONG\r\n").unwrap();
    assert_eq!(rig.engine.confirmed(), 2);
    // The clock asks for the rest, once.
    assert_eq!(rig.engine.deadline(), rig.now + INTERVAL / 10);
    rig.wait(INTERVAL / 10).unwrap();
    assert_eq!(rig.said(), "PING\r\n");
    rig.engine.took(1);
    assert!(rig.engine.is_unasked());
    rig.hear(b"PONG\r\nPONG\r\n").unwrap();
    assert_eq!(rig.engine.confirmed(), 3);
    // Who flushes in time is not asked again.
    rig.engine.expect_confirmation(rig.now);
    let (flushed, _receiver) = oneshot::channel();
    rig.engine.apply(Command::Flush(flushed), 4);
    rig.wait(INTERVAL / 10).unwrap();
    assert_eq!(rig.said(), "");
    rig.reconnect();
    assert!(!rig.engine.is_unasked() && rig.engine.confirmed() == 0);
}
