//! One publisher: a thread that sends as fast as the readers keep up, or at a fixed rate.

use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use dunlin_protocol::{ServerOp, encode};

use crate::flow::Flow;
use crate::tracks::{filling, stamp};
use crate::wire::{Scratch, Wire};
use crate::work::{Plan, STAMP};

/// About what one write carries, in bytes.
const WRITE: usize = 64 * 1024;
/// How many writes may be unanswered where nobody listens: the answer is the PONG to a PING.
const UNANSWERED_MAX: u64 = 8;
/// How often to see whether the server has asked for a sign of life.
const ANSWER_EVERY: Duration = Duration::from_millis(500);
/// How long a publisher that is too far ahead sleeps, unless it is woken.
const HOLD: Duration = Duration::from_millis(1);

pub(crate) struct Publisher {
    wire: Wire<TcpStream>,
    scratch: Scratch,
    number: usize,
    sent: u64,
    /// Whole `PUB` operations, all alike but for their stamps.
    batch: Vec<u8>,
    stride: usize,   // The length of one operation.
    stamp_at: usize, // Where in it the payload starts.
    batch_max: u64,  // How many operations there are; at least 1.
    deliveries_each: u64,
    gap: Option<Duration>, // From one message to the next; none: no pause.
    answers: Option<u64>,  // PONGs so far, where PINGs do the accounting.
}

impl Publisher {
    pub(crate) fn dial(address: &str, number: usize, plan: &Plan) -> Result<Self> {
        let mut scratch = Scratch::default();
        let wire = Wire::dial(address, plan.payload, &mut scratch)?;
        let payload = [vec![0; STAMP], filling(plan.payload - STAMP)].concat();
        let (subject, mut op) = (plan.subject(number), Vec::new());
        let publication = encode::Publication {
            subject: subject.as_bytes(),
            reply: None,
            headers: None,
            payload: &payload,
        };
        encode::publish(&mut op, &publication);
        let share = plan.window / plan.deliveries_each() / plan.publishers as u64;
        let batch_max = ((WRITE / op.len()) as u64).min(share / 2).max(1);
        Ok(Self {
            wire,
            scratch,
            number,
            sent: 0,
            batch: op.repeat(batch_max as usize),
            stride: op.len(),
            stamp_at: op.len() - plan.payload - b"\r\n".len(),
            batch_max,
            deliveries_each: plan.deliveries_each(),
            gap: plan
                .rate_each
                .map(|rate| Duration::from_secs_f64(1.0 / rate)),
            answers: (plan.subscribers == 0).then_some(0),
        })
    }

    /// Sends until `flow` says stop; tells how many messages.
    pub(crate) fn run(mut self, flow: &Flow) -> Result<u64> {
        let mut answered = Instant::now();
        let start = Instant::now();
        while !flow.is_stopped() {
            match self.gap {
                None => self.send_batch(flow)?,
                Some(gap) => self.send_due(start, gap, flow)?,
            }
            if answered.elapsed() > ANSWER_EVERY && self.answers.is_none() {
                self.wire.answer(&mut self.scratch)?;
                answered = Instant::now();
            }
        }
        while self
            .answers
            .is_some_and(|answers| answers * self.batch_max < self.sent)
        {
            self.await_answer(flow)?;
        }
        self.wire.round_trip(&mut self.scratch)?;
        Ok(self.sent)
    }

    /// As many messages as one write carries.
    fn send_batch(&mut self, flow: &Flow) -> Result<()> {
        if !self.may_send(self.batch_max, flow) {
            return Ok(());
        }
        let nanos = flow.nanos();
        self.send(self.batch_max, |_| nanos, flow)?;
        if let Some(answers) = self.answers {
            self.wire.send(encode::PING)?;
            if self.sent / self.batch_max - answers >= UNANSWERED_MAX {
                self.await_answer(flow)?;
            }
        }
        Ok(())
    }

    /// The messages whose time has come, or a pause until there is one.
    ///
    /// A message counts from the time when it was due. Only what fell due while this thread itself
    /// slept counts from its waking: that delay is not the server's.
    fn send_due(&mut self, start: Instant, gap: Duration, flow: &Flow) -> Result<()> {
        let due_at = |message: u64| start + gap.mul_f64(message as f64);
        let due = due_at(self.sent);
        let mut woke = start;
        if let Some(early) = due.checked_duration_since(Instant::now()) {
            thread::sleep(early);
            woke = Instant::now();
        }
        let late = Instant::now().saturating_duration_since(due).as_secs_f64();
        let count = (late / gap.as_secs_f64()) as u64 + 1;
        let count = count.min(self.batch_max);
        if self.may_send(count, flow) {
            let first = self.sent;
            let nanos = |at: u64| flow.nanos_at(due_at(first + at).max(woke));
            self.send(count, nanos, flow)?;
        }
        Ok(())
    }

    /// Whether `count` more messages may be outstanding; false after a pause.
    fn may_send(&self, count: u64, flow: &Flow) -> bool {
        if self.answers.is_some() || flow.reserve(count * self.deliveries_each) {
            return true;
        }
        thread::park_timeout(HOLD);
        false
    }

    fn send(&mut self, count: u64, nanos: impl Fn(u64) -> u64, flow: &Flow) -> Result<()> {
        for at in 0..count {
            let op = &mut self.batch[at as usize * self.stride..][..self.stride];
            stamp(
                &mut op[self.stamp_at..],
                self.number,
                self.sent + at,
                nanos(at),
            );
        }
        self.sent += count;
        flow.sent.fetch_add(count, Ordering::Relaxed);
        self.wire.send(&self.batch[..count as usize * self.stride])
    }

    /// Waits for the PONG to a PING, which says that a whole batch has been taken.
    fn await_answer(&mut self, flow: &Flow) -> Result<()> {
        let mut pongs = 0;
        self.wire.wait(&mut self.scratch, |op| {
            pongs += u64::from(op == ServerOp::Pong);
            Ok(())
        })?;
        if let Some(answers) = &mut self.answers {
            *answers += pongs;
        }
        flow.delivered
            .fetch_add(pongs * self.batch_max, Ordering::Relaxed);
        Ok(())
    }
}
