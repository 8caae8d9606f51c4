//! The account of what arrived: who sent it, whether it was its turn, and whether that was all.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use dunlin_protocol::subject::covers;
use hdrhistogram::Histogram;

use super::plan::{Plan, Shape};
use super::stamp::{self, STAMP, Stamp};
use super::subjects::Subjects;
use crate::dialect::Dialect;
use crate::figures::delays;
use crate::wire::{Ear, Message};

/// Of so many messages of a subscriber one has its content, subject and sid looked at, besides its
/// length, sender and number.
const LOOK_EVERY: u64 = 64;

/// What all subscribers got, and must get.
pub(crate) struct Accounts<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) subjects: &'a Subjects,
    dialect: Dialect,
    filling: Vec<u8>,
    all: Vec<Account>,
    /// Deliveries so far, and those that the messages sent so far must make.
    pub(crate) got: u64,
    pub(crate) owed: u64,
    pub(crate) clock: Instant,
    pub(crate) is_timed: bool,
    pub(crate) delays: Histogram<u64>,
}

/// What one subscriber got.
#[derive(Debug, Default, Clone)]
struct Account {
    /// By publisher, the lowest number that may come next.
    next: Vec<u64>,
    count: u64,
    sum: u64, // Of all numbers, so that one cannot stand in for another.
    /// The same as it must be, where subjects decide who gets what.
    owed_count: u64,
    owed_sum: u64,
}

impl<'a> Accounts<'a> {
    pub(crate) fn new(plan: &'a Plan, subjects: &'a Subjects, dialect: Dialect) -> Self {
        let account = Account {
            next: vec![0; plan.publishers],
            ..Account::default()
        };
        Self {
            plan,
            subjects,
            dialect,
            filling: stamp::payload(plan.payload)[STAMP..].to_vec(),
            all: vec![account; plan.subscribers],
            got: 0,
            owed: 0,
            clock: Instant::now(),
            is_timed: false,
            delays: delays(),
        }
    }

    pub(crate) fn nanos(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }

    /// Enters what is about to be sent.
    pub(crate) fn owe(&mut self, subject: usize, number: u64) {
        let Some(takers) = self.subjects.takers(subject) else {
            self.owed += self.plan.fan();
            return;
        };
        for (taker, account) in self.all.iter_mut().enumerate() {
            if takers >> taker & 1 == 1 {
                account.owed_count += 1;
                account.owed_sum = account.owed_sum.wrapping_add(number);
                self.owed += 1;
            }
        }
    }

    /// How many deliveries may be added before the publishers must hold back.
    pub(crate) fn room(&self) -> u64 {
        self.plan.window.saturating_sub(self.owed - self.got)
    }

    /// Whether everybody got everything, once each; `sent` by publisher.
    pub(crate) fn settle(&self, sent: &[u64]) -> Result<()> {
        let sum_of = |sent: u64| (u128::from(sent) * u128::from(sent.saturating_sub(1)) / 2) as u64;
        let wrapping = |sum: u64, more: u64| sum.wrapping_add(more);
        let sent_all: u64 = sent.iter().sum();
        let sum_all = sent.iter().map(|&sent| sum_of(sent)).fold(0, wrapping);
        if self.plan.shape == Shape::Queue {
            let count: u64 = self.all.iter().map(|account| account.count).sum();
            let sum = self.all.iter().map(|account| account.sum).fold(0, wrapping);
            ensure!(
                count == sent_all && sum == sum_all,
                "the group got {count} of {sent_all} messages"
            );
            return Ok(());
        }
        for (subscriber, account) in self.all.iter().enumerate() {
            let (count, sum) = match self.plan.shape {
                Shape::OneToOne => (sent[subscriber], sum_of(sent[subscriber])),
                Shape::Wild => (account.owed_count, account.owed_sum),
                _ => (sent_all, sum_all),
            };
            ensure!(
                account.count == count && account.sum == sum,
                "subscriber {subscriber} got {} of {count} messages",
                account.count
            );
        }
        Ok(())
    }

    /// Everything about a message that its stamp does not say.
    fn look_at(&self, on: usize, message: &Message<'_>, stamp: &Stamp) -> Result<()> {
        ensure!(
            message.payload[STAMP..] == self.filling,
            "a message arrived with another content"
        );
        let subject = self
            .subjects
            .get(self.subjects.of(stamp.publisher, stamp.number));
        ensure!(
            message.subject == subject,
            "a message for {} arrived under {}",
            String::from_utf8_lossy(subject),
            String::from_utf8_lossy(message.subject)
        );
        if self.dialect == Dialect::Nats {
            let filter = (message.sid as usize).checked_sub(1);
            let filter = filter.and_then(|at| self.subjects.filters[on].get(at));
            let filter = filter.with_context(|| format!("there is no sid {}", message.sid))?;
            ensure!(
                covers(filter, subject),
                "sid {} has another filter",
                message.sid
            );
        }
        Ok(())
    }
}

impl Ear for Accounts<'_> {
    fn hear(&mut self, on: usize, message: &Message<'_>, _out: &mut Vec<u8>) -> Result<()> {
        let stamp = Stamp::read(message.payload)?;
        ensure!(
            message.payload.len() == self.plan.payload,
            "a message of {} bytes instead of {}",
            message.payload.len(),
            self.plan.payload
        );
        let Some(account) = self.all.get_mut(on) else {
            bail!("connection {on} got a message and has not subscribed");
        };
        let Some(next) = account.next.get_mut(stamp.publisher) else {
            bail!("a message from nobody of this run: another load on the same server?");
        };
        let is_in_turn = match self.plan.shape {
            Shape::Queue | Shape::Wild => stamp.number >= *next,
            _ => stamp.number == *next,
        };
        ensure!(
            is_in_turn,
            "message {} of publisher {} reached subscriber {on} where {next} was due",
            stamp.number,
            stamp.publisher
        );
        *next = stamp.number + 1;
        account.count += 1;
        account.sum = account.sum.wrapping_add(stamp.number);
        let is_looked_at = account.count % LOOK_EVERY == 1;
        self.got += 1;
        if self.is_timed {
            let delay = self.nanos().saturating_sub(stamp.nanos);
            self.delays.saturating_record(delay);
        }
        match is_looked_at {
            true => self.look_at(on, message, &stamp),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(accounts: &mut Accounts<'_>, on: usize, publisher: usize, number: u64) -> Result<()> {
        let mut payload = stamp::payload(accounts.plan.payload);
        let stamp = Stamp {
            publisher,
            number,
            nanos: 7,
        };
        stamp.write(&mut payload);
        let message = Message {
            subject: b"load.all",
            reply: b"",
            sid: 1,
            payload: &payload,
        };
        accounts.hear(on, &message, &mut Vec::new())
    }

    #[test]
    fn a_hole_a_repetition_and_a_stranger_are_found() {
        let plan = Plan::new(Shape::All);
        let subjects = Subjects::new(&plan).unwrap();
        let mut accounts = Accounts::new(&plan, &subjects, Dialect::Nats);
        assert!(hear(&mut accounts, 0, 0, 0).is_ok());
        assert!(hear(&mut accounts, 0, 0, 0).is_err(), "repeated");
        assert!(hear(&mut accounts, 0, 0, 2).is_err(), "one is missing");
        assert!(hear(&mut accounts, 0, 2, 0).is_err(), "from nobody");
        assert!(hear(&mut accounts, 2, 0, 0).is_err(), "to nobody");
        assert!(hear(&mut accounts, 0, 0, 1).is_ok());
        assert!(accounts.settle(&[2, 0]).is_err(), "the other got nothing");
        assert!(hear(&mut accounts, 1, 0, 0).is_ok());
        assert!(hear(&mut accounts, 1, 0, 1).is_ok());
        assert!(accounts.settle(&[2, 0]).is_ok());
        assert!(accounts.settle(&[2, 1]).is_err(), "one more was sent");
    }

    #[test]
    fn another_content_is_found() {
        let plan = Plan::new(Shape::All);
        let subjects = Subjects::new(&plan).unwrap();
        let mut accounts = Accounts::new(&plan, &subjects, Dialect::Nats);
        let mut payload = stamp::payload(plan.payload);
        payload[..STAMP].fill(0);
        for (subject, sid, at, is_right) in [
            (&b"load.all"[..], 1, 20, false),
            (b"load.any", 1, 0, false),
            (b"load.all", 2, 0, false),
            (b"load.all", 1, 0, true),
        ] {
            accounts.all[0] = Account {
                next: vec![0; 2],
                ..Account::default()
            };
            let mut payload = payload.clone();
            payload[at] ^= u8::from(at > 0);
            let message = Message {
                subject,
                reply: b"",
                sid,
                payload: &payload,
            };
            let heard = accounts.hear(0, &message, &mut Vec::new());
            assert_eq!(heard.is_ok(), is_right, "{subject:?} {sid} {at}");
        }
    }

    #[test]
    fn a_group_may_share_but_not_lose_or_repeat() {
        let plan = Plan::new(Shape::Queue);
        let subjects = Subjects::new(&plan).unwrap();
        let mut accounts = Accounts::new(&plan, &subjects, Dialect::Nats);
        for (on, number) in [(0, 0), (1, 1), (0, 2)] {
            assert!(hear(&mut accounts, on, 0, number).is_ok());
        }
        assert!(accounts.settle(&[3, 0]).is_ok());
        assert!(accounts.settle(&[4, 0]).is_err(), "one is missing");
        assert!(hear(&mut accounts, 1, 0, 2).is_ok());
        assert!(
            accounts.settle(&[4, 0]).is_err(),
            "one came twice, one never"
        );
    }
}
