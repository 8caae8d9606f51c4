//! Models of publishing while somebody subscribes or leaves: a match that is remembered is never out
//! of date for whoever was told that it had changed.
//!
//! Run as those of an outbox are (`link/models.rs`). Bus, cache and subscription are the real ones,
//! and the sink keeps its rule: it looks under its own lock whether it still takes.

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::*;
use crate::link::Pool;
use crate::link::sync::Mutex;

/// Notes how many messages came.
#[derive(Default)]
struct Notes(Mutex<usize>);

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
        let mut count = self.0.lock();
        if subscription.is_closed() {
            return Delivery::Skipped;
        }
        *count += 1;
        match subscription.count_delivery() {
            true => Delivery::TakenLast,
            false => Delivery::Taken,
        }
    }

    fn limit(&self, subscription: &Subscription, max: u64) -> bool {
        let _count = self.0.lock();
        subscription.limit(max)
    }
}

impl Notes {
    fn count(&self) -> usize {
        *self.0.lock()
    }
}

/// A bus, a reader, and what says that an operation has been acknowledged.
struct Scene {
    bus: Bus,
    reader: Arc<Notes>,
    is_acknowledged: AtomicBool,
}

impl Scene {
    fn new() -> Arc<Self> {
        fastrand::seed(7); // A model does the same thing again.
        Arc::new(Self {
            bus: Bus::new(Keys::default()),
            reader: Arc::default(),
            is_acknowledged: AtomicBool::new(false),
        })
    }

    fn subscription(&self, filter: &str, queue: Option<&str>) -> Arc<Subscription> {
        let sink: Arc<dyn Sink> = self.reader.clone();
        Subscription::new(sink, filter.as_bytes(), queue.map(str::as_bytes), b"1")
    }

    /// What a connection does at an UNSUB.
    fn leave(&self, subscription: &Arc<Subscription>) {
        self.reader.limit(subscription, 0);
        self.bus.unsubscribe(subscription);
    }

    fn acknowledge(&self) {
        self.is_acknowledged.store(true, Ordering::Release);
    }

    fn is_acknowledged(&self) -> bool {
        self.is_acknowledged.load(Ordering::Acquire)
    }
}

/// One that publishes on a subject again and again.
struct Publisher {
    cache: Cache,
    wakes: Wakes,
}

impl Publisher {
    fn new() -> Self {
        Self {
            cache: Cache::new(Keys::default()),
            wakes: Wakes::new(Arc::<Pool>::default()),
        }
    }

    fn publish(&mut self, bus: &Bus) -> usize {
        let message = Message::empty(b"a.b");
        bus.publish(&message, &mut self.cache, &mut self.wakes)
    }
}

#[test]
fn an_acknowledged_sub_is_never_missed() {
    for filter in ["a.b", "a.*"] {
        loom::model(move || {
            let scene = Scene::new();
            let there = Arc::clone(&scene);
            let thread = thread::spawn(move || {
                let mut publisher = Publisher::new();
                for _ in 0..3 {
                    let must_be_heard = there.is_acknowledged();
                    let taken = publisher.publish(&there.bus);
                    assert!(
                        taken == 1 || !must_be_heard,
                        "an acknowledged SUB was missed"
                    );
                }
            });
            scene.bus.subscribe(&scene.subscription(filter, None));
            scene.acknowledge();
            thread.join().expect("the publisher ends");
        });
    }
}

#[test]
fn an_acknowledged_unsub_is_never_passed_by() {
    loom::model(|| {
        let scene = Scene::new();
        let subscription = scene.subscription("a.b", None);
        scene.bus.subscribe(&subscription);
        let there = Arc::clone(&scene);
        let thread = thread::spawn(move || {
            let mut publisher = Publisher::new();
            publisher.publish(&there.bus);
            for _ in 0..2 {
                let is_over = there.is_acknowledged();
                let taken = publisher.publish(&there.bus);
                assert!(taken == 0 || !is_over, "after an acknowledged UNSUB");
            }
        });
        scene.leave(&subscription);
        let heard = scene.reader.count();
        scene.acknowledge();
        thread.join().expect("the publisher ends");
        assert_eq!(scene.reader.count(), heard, "behind the UNSUB");
        assert_eq!(scene.bus.subscription_count(), 0);
    });
}

/// Whoever has its subscription replaced, by other permissions, hears every message once.
#[test]
fn a_replaced_subscription_hears_every_message_once() {
    loom::model(|| {
        let scene = Scene::new();
        let old = scene.subscription("a.*", None);
        scene.bus.subscribe(&old);
        let there = Arc::clone(&scene);
        let thread = thread::spawn(move || {
            let mut publisher = Publisher::new();
            for _ in 0..3 {
                assert_eq!(publisher.publish(&there.bus), 1);
            }
        });
        let new = old.moved_to(scene.reader.clone());
        scene.bus.replace(&old, &new);
        thread.join().expect("the publisher ends");
    });
}

#[test]
fn a_queue_group_that_loses_a_member_takes_every_message_once() {
    loom::model(|| {
        let scene = Scene::new();
        let stays = scene.subscription("a.*", Some("q"));
        let leaves = scene.subscription("a.b", Some("q"));
        scene.bus.subscribe(&stays);
        scene.bus.subscribe(&leaves);
        let there = Arc::clone(&scene);
        let thread = thread::spawn(move || {
            let mut publisher = Publisher::new();
            for _ in 0..3 {
                assert_eq!(publisher.publish(&there.bus), 1);
            }
        });
        scene.leave(&leaves);
        thread.join().expect("the publisher ends");
        assert_eq!(scene.reader.count(), 3);
    });
}

#[test]
fn a_subscription_for_one_message_gets_one_of_two_publishers() {
    loom::model(|| {
        let scene = Scene::new();
        let subscription = scene.subscription("a.b", None);
        scene.bus.subscribe(&subscription);
        scene.reader.limit(&subscription, 1);
        let there = Arc::clone(&scene);
        let thread = thread::spawn(move || Publisher::new().publish(&there.bus));
        let taken = Publisher::new().publish(&scene.bus);
        let other = thread.join().expect("the other publisher ends");
        assert_eq!((taken + other, scene.reader.count()), (1, 1));
        assert_eq!(scene.bus.subscription_count(), 0);
    });
}
