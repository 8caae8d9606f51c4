//! The bus against a naive twin: a list of filters, each compared with each subject.

use std::sync::Arc;

use dunlin_protocol::subject::{self, covers, is_deliverable};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::*;
use crate::link::Pool;

/// Notes the sids that were called.
#[derive(Default)]
struct Notes {
    called: Mutex<Vec<Vec<u8>>>,
}

impl Sink for Notes {
    fn owner(&self) -> u64 {
        std::ptr::from_ref(self).addr() as u64
    }

    fn deliver(
        &self,
        subscription: &Arc<Subscription>,
        _message: &Message<'_>,
        _wakes: &mut Wakes,
    ) -> Delivery {
        if subscription.is_closed() {
            return Delivery::Skipped;
        }
        self.called.lock().push(subscription.sid().to_vec());
        match subscription.count_delivery() {
            true => Delivery::TakenLast,
            false => Delivery::Taken,
        }
    }

    fn limit(&self, subscription: &Subscription, max: u64) -> bool {
        subscription.limit(max)
    }
}

/// A bus, a publisher and one reader.
struct Bench {
    bus: Bus,
    notes: Arc<Notes>,
    cache: Cache,
    wakes: Wakes,
}

impl Bench {
    fn new() -> Self {
        let wakes = Wakes::new(Arc::<Pool>::default());
        Self {
            bus: Bus::new(Keys::default()),
            notes: Arc::default(),
            cache: Cache::new(Keys::default()),
            wakes,
        }
    }

    fn subscribe(&self, filter: &str, queue: Option<&str>, sid: usize) -> Arc<Subscription> {
        let sink: Arc<dyn Sink> = self.notes.clone();
        let (queue, sid) = (queue.map(str::as_bytes), sid.to_string());
        let subscription = Subscription::new(sink, filter.as_bytes(), queue, sid.as_bytes());
        self.bus.subscribe(&subscription);
        subscription
    }

    /// The sids that a message to `subject` reaches, sorted.
    fn publish(&mut self, subject: &str) -> Vec<usize> {
        let message = Message::empty(subject.as_bytes());
        let taken = self.bus.publish(&message, &mut self.cache, &mut self.wakes);
        let called = std::mem::take(&mut *self.notes.called.lock());
        assert_eq!(taken, called.len());
        let mut sids: Vec<usize> = called
            .iter()
            .map(|sid| std::str::from_utf8(sid).unwrap().parse().unwrap())
            .collect();
        sids.sort_unstable();
        sids
    }
}

#[test]
fn one_message_for_each_plain_subscription_that_covers_it() {
    let mut bench = Bench::new();
    for (sid, filter) in ["a.b", "a.*", "a.>", ">", "*.b", "b.*", "a.b.c", "a.b"]
        .iter()
        .enumerate()
    {
        bench.subscribe(filter, None, sid);
    }
    assert_eq!(bench.publish("a.b"), [0, 1, 2, 3, 4, 7]);
    assert_eq!(bench.publish("a.b.c"), [2, 3, 6]);
    assert_eq!(bench.publish("x"), [3]);
    assert!(bench.publish("a..b").is_empty());
}

#[test]
fn a_wildcard_in_a_published_subject_is_text() {
    let mut bench = Bench::new();
    for (sid, filter) in ["a.*", "a.b", "a.>"].iter().enumerate() {
        bench.subscribe(filter, None, sid);
    }
    assert_eq!(bench.publish("a.*"), [0, 2]);
    assert_eq!(bench.publish("a.>"), [0, 2]);
}

#[test]
fn a_queue_group_spans_filters_and_takes_one() {
    let mut bench = Bench::new();
    for (sid, filter) in ["a.b", "a.*", "a.>", "a.>"].iter().enumerate() {
        bench.subscribe(filter, Some("q"), sid);
    }
    bench.subscribe("a.b", Some("other"), 9);
    bench.subscribe("a.b", None, 10);
    let mut seen = [0; 4];
    for _ in 0..400 {
        let sids = bench.publish("a.b");
        assert_eq!(sids.len(), 3);
        assert_eq!(sids[1..], [9, 10]);
        seen[sids[0]] += 1;
    }
    assert!(
        seen.iter().all(|&count| count > 40),
        "chosen evenly: {seen:?}"
    );
}

#[test]
fn the_last_message_ends_a_subscription_and_leaves_the_index() {
    let mut bench = Bench::new();
    let subscription = bench.subscribe("a", None, 1);
    assert!(subscription.limit(2));
    assert_eq!(
        (bench.publish("a"), bench.publish("a"), bench.publish("a")),
        (vec![1], vec![1], vec![])
    );
    assert_eq!(bench.bus.subscription_count(), 0);
}

/// Plain subscriptions to `a` that want so many messages, and members of a queue group.
#[track_caller]
fn check_unheard(plain: &[u64], members: &[u64], expected: usize) {
    const MESSAGES: usize = 5;
    let bench = || {
        let bench = Bench::new();
        for (sid, max) in plain.iter().enumerate() {
            bench.subscribe("a", None, sid).limit(*max);
        }
        for (sid, max) in members.iter().enumerate() {
            bench.subscribe("a", Some("q"), 10 + sid).limit(*max);
        }
        bench
    };
    let mut single = bench();
    let reached = (0..MESSAGES).map(|_| single.publish("a").len());
    let unheard = reached.filter(|count| *count == 0).count();
    assert_eq!(unheard, expected, "{plain:?}, {members:?}, one by one");
    let mut batched = bench();
    let mut run = Run::new(0, std::time::Instant::now());
    let piece = Piece {
        verbatim: b" 0\r\n\r\n",
        payload: b"",
    };
    (0..MESSAGES).for_each(|_| run.push(b"a", piece));
    let (cache, wakes) = (&mut batched.cache, &mut batched.wakes);
    let heard = batched.bus.publish_run(&run, cache, wakes);
    assert_eq!(heard.unheard, expected, "{plain:?}, {members:?}, in a run");
    assert_eq!(*single.notes.called.lock(), [[0_u8; 0]; 0], "all taken out");
}

#[test]
fn what_nobody_took_is_counted_in_a_run_as_one_by_one() {
    check_unheard(&[], &[], 5);
    check_unheard(&[1], &[], 4);
    check_unheard(&[3], &[], 2);
    check_unheard(&[2], &[2], 3);
    check_unheard(&[], &[1, 2], 2);
    check_unheard(&[1], &[1, 3], 1);
    check_unheard(&[9], &[1], 0);
    check_unheard(&[5], &[], 0);
}

#[test]
fn a_run_has_a_bit_for_each_message() {
    let mut run = Run::new(0, std::time::Instant::now());
    let piece = Piece {
        verbatim: b"",
        payload: b"",
    };
    for len in 1..=RUN_MAX {
        run.push(b"a", piece);
        let bits = |at| run.from(at).count_ones() as usize;
        let found: Vec<_> = (0..=RUN_MAX).map(bits).collect();
        let expected: Vec<_> = (0..=RUN_MAX).map(|at| len.saturating_sub(at)).collect();
        assert_eq!(found, expected);
        assert_eq!(run.from(0) & 1, 1, "the first has the lowest");
    }
}

#[test]
fn a_million_subjects_are_no_matter_and_leave_nothing() {
    let bench = Bench::new();
    let mine: Vec<_> = (0..50_000)
        .map(|n| {
            bench.subscribe(
                &format!("s.{}.{n}{}", n % 97, if n % 10 == 0 { ".*" } else { "" }),
                None,
                n,
            )
        })
        .collect();
    assert_eq!(bench.bus.subscription_count(), mine.len());
    bench.bus.unsubscribe_all(mine.into_iter());
    assert_eq!(bench.bus.subscription_count(), 0);
    assert!(bench.bus.index.read().is_small());
}

#[derive(Debug, Clone)]
enum Step {
    Subscribe {
        filter: String,
        queue: Option<String>,
    },
    Unsubscribe {
        nth: usize,
    },
    Publish {
        subject: String,
    },
}

fn name(wildcards: bool) -> impl Strategy<Value = String> {
    let token = if wildcards { "[abc]|\\*|>" } else { "[abc]" };
    proptest::collection::vec(token, 1..4).prop_map(|tokens| tokens.join("."))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (name(true), proptest::option::weighted(0.3, "[pq]"))
            .prop_filter("a filter", |(filter, _)| subject::is_valid_filter(filter.as_bytes()))
            .prop_map(|(filter, queue)| Step::Subscribe { filter, queue }),
        1 => (0..64usize).prop_map(|nth| Step::Unsubscribe { nth }),
        3 => name(true).prop_map(|subject| Step::Publish { subject }),
        3 => name(false).prop_map(|subject| Step::Publish { subject }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn the_bus_agrees_with_its_naive_twin(steps in proptest::collection::vec(step(), 1..120)) {
        let mut bench = Bench::new();
        let mut twin: Vec<(usize, String, Option<String>, Arc<Subscription>)> = Vec::new();
        for (sid, step) in steps.into_iter().enumerate() {
            match step {
                Step::Subscribe { filter, queue } => {
                    let subscription = bench.subscribe(&filter, queue.as_deref(), sid);
                    twin.push((sid, filter, queue, subscription));
                }
                Step::Unsubscribe { nth } if !twin.is_empty() => {
                    let (.., subscription) = twin.swap_remove(nth % twin.len());
                    bench.bus.unsubscribe(&subscription);
                    bench.bus.unsubscribe(&subscription);
                }
                Step::Unsubscribe { .. } => {}
                Step::Publish { subject } => agree(&subject, &bench.publish(&subject), &twin)?,
            }
            prop_assert_eq!(bench.bus.subscription_count(), twin.len());
        }
    }
}

/// Whether `reached` is what the list in `twin` says.
fn agree(
    subject: &str,
    reached: &[usize],
    twin: &[(usize, String, Option<String>, Arc<Subscription>)],
) -> Result<(), TestCaseError> {
    let covering = || {
        twin.iter().filter(|(_, filter, ..)| {
            is_deliverable(subject.as_bytes()) && covers(filter.as_bytes(), subject.as_bytes())
        })
    };
    for (sid, filter, queue, _) in twin {
        if queue.is_none() {
            let expected = covering().any(|(other, ..)| other == sid);
            prop_assert_eq!(
                reached.contains(sid),
                expected,
                "{} over {}",
                filter,
                subject
            );
        }
    }
    for name in ["p", "q"] {
        let is_in = |queue: &Option<String>| queue.as_deref() == Some(name);
        let members: Vec<usize> = covering()
            .filter(|(.., queue, _)| is_in(queue))
            .map(|(sid, ..)| *sid)
            .collect();
        let took = reached.iter().filter(|sid| members.contains(sid)).count();
        prop_assert_eq!(took, members.len().min(1), "group {} for {}", name, subject);
    }
    Ok(())
}
