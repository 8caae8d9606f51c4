//! Lag policies against what anybody would write down: who hears what, and what it costs.
//!
//! In: steps of a publisher and of a reader that takes some of what waits now and then. What is
//! heard in the end is in order, each message once; with what is counted as dropped it makes up
//! what was published; what must not be dropped is there, and so is the last of each subject where
//! all may be. No publish looks at more than its share of what waits.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use proptest::prelude::*;

use crate::doors::nats::{Nats, NatsDoor, Terms, Way};
use crate::link::{
    Background, Door, Input, Lag, LagRule, Origin, Outbox, Pool, Session, Wakes, Wire,
};
use crate::peer::{Bounds, Host, Ledgers};

thread_local! {
    /// How much text has been looked at, in bytes.
    pub(super) static LOOKED: Cell<usize> = const { Cell::new(0) };
}

/// The most that a publish may look at: full chunks to make room, and one of those that were paid
/// for and come late.
const LOOKED_MAX: usize = super::LOOK_MAX as usize + 3 * 64 * 1024;
/// The same for each of its own bytes.
const LOOKED_PER_BYTE: usize = 8;

/// A wire that takes as much as it is allowed to.
#[derive(Default)]
struct Dripping {
    allowed: Mutex<usize>,
    heard: Mutex<Vec<u8>>,
}

impl Wire for Dripping {
    fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut allowed = self.allowed.lock();
        if *allowed == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let all = bufs.iter().flat_map(|buf| buf.iter().copied());
        let mut heard = self.heard.lock();
        let before = heard.len();
        heard.extend(all.take(*allowed));
        let taken = heard.len() - before;
        *allowed -= taken;
        Ok(taken)
    }
}

struct Nothing;

impl Background for Nothing {
    fn run(&self, _job: Box<dyn FnOnce() + Send>) {}
}

/// A publisher, and a reader that lags.
struct Trial {
    host: Arc<Host>,
    publisher: Box<dyn Session>,
    outbox: Arc<Outbox<Dripping>>,
    _reader: Box<dyn Session>,
    wakes: Wakes,
    now: Instant,
    /// Number, subject and size of each message.
    published: Vec<String>,
    looked_max: usize,
}

impl Trial {
    fn new(lag: Lag, rules: &[(&str, Lag)], pending_max: usize) -> Self {
        let bounds = Bounds {
            connections_max: 10,
            subscriptions_max: None,
            tokens_max: None,
            closed_max: 0,
        };
        let host = Arc::new(Host::new(bounds, Ledgers::default()));
        let mut terms = Terms::plain();
        terms.settings.lag = lag;
        let rules = rules.iter().map(|(filter, lag)| LagRule {
            filter: filter.as_bytes().into(),
            lag: *lag,
        });
        terms.settings.lag_rules = rules.collect();
        let nats = Nats::new(Arc::clone(&host), Arc::new(Nothing), Arc::new(terms));
        let door = NatsDoor::new(&nats, Way::default());
        let mut wakes = Wakes::new(Arc::<Pool>::default());
        let now = Instant::now();
        let mut open = |hello: &str| {
            let outbox = Arc::new(Outbox::new(Dripping::default(), pending_max));
            let arrival = door.arrive(Origin::default(), now);
            let mut session = arrival.open(outbox.clone(), None, now);
            let bytes = hello.as_bytes();
            session.on_bytes(Input { bytes, owner: None }, now, &mut wakes);
            (outbox, session)
        };
        let hello = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";
        let (outbox, reader) = open(&format!("{hello}SUB > 1\r\n"));
        let (_, publisher) = open(hello);
        Self {
            host,
            publisher,
            outbox,
            _reader: reader,
            wakes,
            now,
            published: Vec::new(),
            looked_max: 0,
        }
    }

    fn flush(&mut self) {
        let noted = self.wakes.take_noted();
        for outbox in &noted {
            let _ = outbox.flush(self.wakes.chunks());
        }
        self.wakes.reuse(noted);
    }

    /// Publishes the next number; tells how much was looked at beyond what it may be.
    fn publish(&mut self, subject: &str, size: usize) -> usize {
        let number = self.published.len();
        let text = format!("PUB {subject} {size}\r\n{number:>size$}\r\n");
        self.published.push(subject.to_owned());
        LOOKED.set(0);
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let bytes = Input {
                bytes: rest,
                owner: None,
            };
            let taken = self.publisher.on_bytes(bytes, self.now, &mut self.wakes);
            rest = &rest[taken.used..];
            self.flush();
        }
        let looked = LOOKED.get();
        self.looked_max = self.looked_max.max(looked);
        looked.saturating_sub(LOOKED_MAX + LOOKED_PER_BYTE * (text.len() + 64))
    }

    /// The reader takes so many bytes.
    fn read(&mut self, len: usize) {
        *self.outbox.wire().allowed.lock() = len;
        self.outbox.unblock();
        let _ = self.outbox.flush(self.wakes.chunks());
        *self.outbox.wire().allowed.lock() = 0;
    }

    /// Takes all that waits; the numbers that have been heard.
    fn end(&mut self) -> Vec<usize> {
        self.read(usize::MAX);
        let heard = self.outbox.wire().heard.lock();
        let text = std::str::from_utf8(&heard).expect("all of it is text");
        let mut lines = text.split("\r\n");
        let mut numbers = Vec::new();
        while let Some(head) = lines.next() {
            if head.starts_with("MSG ") {
                let payload = lines.next().expect("a payload follows");
                let size = head.rsplit(' ').next().and_then(|size| size.parse().ok());
                assert_eq!(size, Some(payload.len()), "a message is whole");
                numbers.push(payload.trim().parse().expect("a number"));
            }
        }
        numbers
    }

    /// What was dropped, as it was counted: of the reader, of its one subscription, and of all.
    fn dropped(&self) -> usize {
        let parties = self.host.table.present();
        let lost = parties.iter().find_map(|party| {
            let lost = party.lost().by_sid.remove(&b"1"[..])?;
            Some((lost, party.counts()))
        });
        let all = self.host.statistics().dropped_messages as usize;
        if let Some((lost, counts)) = lost {
            assert_eq!(lost.messages, counts.lost_messages);
            assert_eq!(lost.bytes, counts.lost_bytes);
        }
        assert_eq!(lost.map_or(0, |(lost, _)| lost.messages as usize), all);
        all
    }
}

#[derive(Debug, Clone)]
enum Step {
    Publish { subject: usize, size: usize },
    Read { len: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![4 => 5..100usize, 3 => 100..5_000usize, 1 => 5_000..12_000usize];
    prop_oneof![
        30 => (0..40usize, size).prop_map(|(subject, size)| Step::Publish { subject, size }),
        1 => (1..100_000usize).prop_map(|len| Step::Read { len }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn messages_of_all_policies_together(steps in proptest::collection::vec(step(), 200..800)) {
        let rules = [("o.>", Lag::DropOldest), ("n.>", Lag::DropNewest), ("k.>", Lag::Disconnect)];
        let mut trial = Trial::new(Lag::Latest, &rules, 512 * 1024);
        let mut kept = Vec::new();
        for step in steps {
            match step {
                Step::Publish { subject, size } => {
                    let kind = ["l", "l", "o", "n", "k"][subject % 5];
                    let size = if kind == "k" { size.min(100) } else { size };
                    if kind == "k" {
                        kept.push(trial.published.len());
                    }
                    let name = format!("{kind}.{subject}");
                    let beyond = trial.publish(&name, size);
                    // For one that must not be lost, all is looked at before its reader is cut.
                    prop_assert!(beyond == 0 || kind == "k", "{} bytes too many", beyond);
                }
                Step::Read { len } => trial.read(len),
            }
        }
        let heard = trial.end();
        prop_assert!(heard.is_sorted_by(|one, next| one < next), "each once, and in order");
        prop_assert_eq!(heard.len() + trial.dropped(), trial.published.len());
        prop_assert!(kept.iter().all(|it| heard.binary_search(it).is_ok()), "one was lost");
    }

    #[test]
    fn the_latest_of_each_is_there(steps in proptest::collection::vec(step(), 200..800)) {
        let mut trial = Trial::new(Lag::Latest, &[], 1024 * 1024);
        let mut latest = HashMap::new();
        for step in steps {
            match step {
                Step::Publish { subject, size } => {
                    let subject = format!("l.{subject}");
                    latest.insert(subject.clone(), trial.published.len());
                    let beyond = trial.publish(&subject, size);
                    prop_assert_eq!(beyond, 0);
                }
                Step::Read { len } => trial.read(len),
            }
        }
        let heard = trial.end();
        prop_assert!(heard.is_sorted_by(|one, next| one < next), "each once, and in order");
        prop_assert_eq!(heard.len() + trial.dropped(), trial.published.len());
        for (subject, number) in latest {
            prop_assert!(heard.binary_search(&number).is_ok(), "the last to {}", subject);
        }
    }
}

/// However much waits, and however many subjects there are: a publisher pays for its own message.
#[test]
fn nobody_pays_for_all_that_waits() {
    for (lag, subjects) in [
        (Lag::Latest, 50_000),
        (Lag::Latest, 1_000),
        (Lag::DropOldest, 50_000),
    ] {
        let mut trial = Trial::new(lag, &[], 4 * 1024 * 1024);
        for number in 0..80_000 {
            let beyond = trial.publish(&format!("l.{}", number % subjects), 60);
            assert_eq!(beyond, 0, "message {number} of {lag:?} over {subjects}");
        }
        let (looked_max, heard) = (trial.looked_max, trial.end());
        assert_eq!(heard.len() + trial.dropped(), trial.published.len());
        assert_eq!(heard.last(), Some(&79_999));
        if subjects == 1_000 {
            let tail: Vec<usize> = (79_000..80_000).collect();
            assert!(heard.ends_with(&tail), "the last of each");
        }
        assert!(looked_max > 0, "it had to look");
    }
}
