//! The subscriptions of one client, by sid, and the messages on their way to them.
//!
//! Messages are collected in a run as long as they are for the same subscription, and handed over
//! together under one lock; their reader is woken when all that was read has been handed over.
//!
//! ```text
//! accept(7) accept(7) accept(9)            deliver
//!    └──── run of 7 ──┘  └─ hands 7's run over, starts 9's ─┘ wake: both
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use bytes::{Bytes, BytesMut};
use dunlin_protocol::{Delivery, HeaderMap, encode};

use crate::command::{Confirmed, NewSubscription, Sink};
use crate::error::SubscribeErrorKind;
use crate::events::SlowConsumer;
use crate::ids::{NumberMap, number};
use crate::message::{Message, StatusCode, Subject};
use crate::notice::Notice;
use crate::queue::{End, Queue};
use crate::replies::Replies;
use crate::statistics::Tally;

#[derive(Debug)]
pub(super) struct Table {
    subscriptions: NumberMap<Subscription>,
    replies: Arc<Replies>,
    /// Messages that are all for `run_sid`; empty between two calls of `receive`.
    run: VecDeque<Message>,
    run_sid: u64,
    /// What is left of the memory that small payloads share.
    block: BytesMut,
    /// Queues that asked not to be sent more for now.
    full: Vec<Arc<Queue>>,
    /// Readers for whom there is something; empty between two calls of `receive`.
    readers: Vec<Waker>,
}

#[derive(Debug)]
struct Subscription {
    subject: Subject,
    group: Option<Subject>,
    sink: Sink,
    /// How many messages came on this connection and before, as the server counts them.
    received: u64,
    /// At how many received it ends; more than `received` as long as it stands in the table.
    max: Option<u64>,
    /// The caller that waits for the server to have it.
    confirmed: Option<Confirmed>,
}

impl Table {
    pub(super) fn new(replies: Arc<Replies>) -> Self {
        Self {
            subscriptions: NumberMap::default(),
            replies,
            run: VecDeque::new(),
            run_sid: 0,
            block: BytesMut::new(),
            full: Vec::new(),
            readers: Vec::new(),
        }
    }

    pub(super) fn insert(&mut self, new: NewSubscription) {
        let subscription = Subscription {
            subject: new.subject,
            group: new.group,
            sink: new.sink,
            received: 0,
            max: None,
            confirmed: new.confirmed,
        };
        self.subscriptions.insert(new.sid, subscription);
    }

    /// Ends a subscription, now or after `max` messages counted from its beginning.
    pub(super) fn unsubscribe(&mut self, sid: u64, max: Option<u64>) {
        let Some(subscription) = self.subscriptions.get_mut(&sid) else {
            return;
        };
        match max {
            Some(max) if max > subscription.received => subscription.max = Some(max),
            _ => self.remove(sid, End::Done),
        }
    }

    /// The server has it.
    pub(super) fn confirm(&mut self, sid: u64) {
        let subscription = self.subscriptions.get_mut(&sid);
        if let Some(confirmed) = subscription.and_then(|found| found.confirmed.take()) {
            let _ = confirmed.send(Ok(())); // The caller may have given up.
        }
    }

    /// The server does not have it. True if it was the one for answers.
    pub(super) fn refuse(&mut self, sid: u64, kind: SubscribeErrorKind) -> bool {
        let Some(subscription) = self.subscriptions.get_mut(&sid) else {
            return false;
        };
        let is_inbox = matches!(subscription.sink, Sink::Replies);
        if let Some(confirmed) = subscription.confirmed.take() {
            let _ = confirmed.send(Err(kind));
        }
        self.remove(sid, End::Refused(kind));
        is_inbox
    }

    /// Whether a caller waits for it.
    pub(super) fn is_waiting(&self, sid: u64) -> bool {
        let found = self.subscriptions.get(&sid);
        found.is_some_and(|subscription| subscription.confirmed.is_some())
    }

    /// Those that a refusal by name can mean.
    pub(super) fn matching(
        &self,
        subject: &str,
        group: Option<&str>,
        sid: Option<u64>,
    ) -> Vec<u64> {
        let is_meant = |(found, subscription): &(&u64, &Subscription)| match sid {
            Some(sid) => **found == sid,
            None => subscription.subject == *subject && subscription.group.as_deref() == group,
        };
        let meant = self.subscriptions.iter().filter(is_meant);
        meant.map(|(&sid, _)| sid).collect()
    }

    /// Takes one message in. The payload is left empty if it `is_shared`: the caller puts it in.
    /// None if nobody wants the message.
    pub(super) fn accept(
        &mut self,
        delivery: &Delivery<'_>,
        is_shared: bool,
        notices: &mut Vec<Notice>,
        tally: &mut Tally,
    ) -> Option<&mut Message> {
        tally.in_messages += 1;
        tally.in_bytes += delivery.body.len() as u64;
        let sid = sid(delivery.sid);
        if sid != self.run_sid || self.run.len() == RUN_MAX {
            self.deliver(notices, tally);
            self.run_sid = sid;
        }
        let Some(subscription) = self.subscriptions.get_mut(&sid) else {
            tally.unclaimed += 1;
            return None;
        };
        if subscription
            .max
            .is_some_and(|max| subscription.received >= max)
        {
            tally.unclaimed += 1; // The server sent more than it was asked for.
            return None;
        }
        let payload = match is_shared {
            true => Bytes::new(),
            false => kept(delivery.payload(), &mut self.block),
        };
        let message = message(delivery, &subscription.subject, payload, tally);
        // The server does not count the answers it gives itself.
        let is_own = message.status == Some(StatusCode::NO_RESPONDERS);
        subscription.received += u64::from(!is_own);
        self.run.push_back(message);
        self.run.back_mut()
    }

    /// Hands the run over.
    pub(super) fn deliver(&mut self, notices: &mut Vec<Notice>, tally: &mut Tally) {
        if self.run.is_empty() {
            return;
        }
        let sid = self.run_sid;
        let Some(subscription) = self.subscriptions.get(&sid) else {
            self.run.clear();
            return;
        };
        match &subscription.sink {
            Sink::Queue(queue) => {
                let (pushed, reader) = queue.push_quietly(&mut self.run);
                self.readers.extend(reader);
                tally.replaced += pushed.replaced;
                if pushed.dropped > 0 {
                    tally.dropped += pushed.dropped;
                    notices.push(Notice::Slow(SlowConsumer {
                        sid,
                        subject: subscription.subject.clone(),
                        dropped: pushed.dropped_total,
                    }));
                }
                if pushed.is_full && !self.full.iter().any(|full| Arc::ptr_eq(full, queue)) {
                    self.full.push(Arc::clone(queue));
                }
            }
            Sink::Replies => {
                for message in self.run.drain(..) {
                    let token = self.replies.token(message.subject.as_bytes());
                    if !token.is_some_and(|token| self.replies.complete(token, message)) {
                        tally.unclaimed += 1; // Too late, or the second answer.
                    }
                }
            }
        }
        if subscription
            .max
            .is_some_and(|max| subscription.received >= max)
        {
            self.remove(sid, End::Done);
        }
    }

    /// Wakes the readers of what was handed over: once for a whole read, as each sleeps until then.
    pub(super) fn wake(&mut self) {
        self.readers.drain(..).for_each(Waker::wake);
        if self.readers.capacity() > READERS_KEPT {
            self.readers = Vec::new();
        }
    }

    /// Whether a queue asks that nothing more be read; `waker` is called when that changes.
    pub(super) fn holds_off(&mut self, waker: &Waker) -> bool {
        self.full.retain(|queue| queue.holds_off(waker));
        !self.full.is_empty()
    }

    /// Appends the lines that make all subscriptions again; returns the sids that callers wait for.
    pub(super) fn write_all(&self, out: &mut Vec<u8>) -> Vec<u64> {
        let mut sids: Vec<_> = self.subscriptions.keys().copied().collect();
        sids.sort_unstable();
        for sid in &sids {
            let subscription = &self.subscriptions[sid];
            let group = subscription.group.as_ref().map(|group| group.as_bytes());
            encode::subscribe(out, subscription.subject.as_bytes(), group, *sid);
            if let Some(max) = subscription.max {
                // The server counts from this SUB on.
                encode::unsubscribe(out, *sid, Some(max - subscription.received));
            }
        }
        sids.retain(|sid| self.is_waiting(*sid));
        sids
    }

    /// Appends the lines that end all subscriptions.
    pub(super) fn write_end(&self, out: &mut Vec<u8>) {
        let mut sids: Vec<_> = self.subscriptions.keys().copied().collect();
        sids.sort_unstable();
        for sid in sids {
            encode::unsubscribe(out, sid, None);
        }
    }

    /// Ends all of them for good.
    pub(super) fn close(&mut self) {
        for (_, subscription) in self.subscriptions.drain() {
            if let Some(confirmed) = subscription.confirmed {
                let _ = confirmed.send(Err(SubscribeErrorKind::Closed));
            }
            if let Sink::Queue(queue) = subscription.sink {
                queue.end(End::Done);
            }
        }
    }

    /// How many messages wait in their queues.
    pub(super) fn queued(&self) -> u64 {
        let queues = self.subscriptions.values().map(|found| match &found.sink {
            Sink::Queue(queue) => queue.queued().0 as u64,
            Sink::Replies => 0,
        });
        queues.sum()
    }

    fn remove(&mut self, sid: u64, end: End) {
        if let Some(subscription) = self.subscriptions.remove(&sid)
            && let Sink::Queue(queue) = subscription.sink
        {
            queue.end(end);
        }
    }
}

/// The number of a sid that we gave; 0, which is given to none, for what is no such number.
fn sid(digits: &[u8]) -> u64 {
    number(digits).unwrap_or(0)
}

/// A copy of `payload`: of a small one in what is left of `block`, else in memory of its own.
fn kept(payload: &[u8], block: &mut BytesMut) -> Bytes {
    if payload.is_empty() || payload.len() > BLOCK_SIZE / 8 {
        return Bytes::copy_from_slice(payload);
    }
    if block.capacity() < payload.len() {
        // In the memory of the last one, if nobody holds any of it by now.
        block.reserve(BLOCK_SIZE);
    }
    block.extend_from_slice(payload);
    block.split().freeze()
}

fn message(
    delivery: &Delivery<'_>,
    subscribed: &Subject,
    payload: Bytes,
    tally: &mut Tally,
) -> Message {
    // Whoever subscribed without wildcards gets their own subject back, without an allocation.
    let subject = match delivery.subject == subscribed.as_bytes() {
        true => subscribed.clone(),
        false => Subject::from_wire(delivery.subject),
    };
    let mut message = Message {
        subject,
        reply: delivery.reply.map(Subject::from_wire),
        payload,
        headers: None,
        status: None,
        description: None,
        length: delivery.body.len(),
    };
    if delivery.header_len > 0 {
        match HeaderMap::decode(delivery.headers()) {
            Ok(block) => {
                message.status = block.status.map(StatusCode::new);
                message.description =
                    (!block.description.is_empty()).then(|| block.description.into());
                message.headers = Some(block.headers);
            }
            Err(_) => tally.bad_headers += 1,
        }
    }
    message
}

/// How many messages are handed over at once: some 4 KiB of them, which stay in the nearest cache.
const RUN_MAX: usize = 28;
/// For how many readers there is room between two reads. A guess.
const READERS_KEPT: usize = 64;
/// How much memory small payloads share, in bytes: so much is kept alive by one of them that is
/// kept, at the worst. What is larger than an eighth of it has memory of its own.
const BLOCK_SIZE: usize = 2048;
