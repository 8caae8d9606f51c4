//! Models of what the loops of all connections share: nothing queued is left lying, and a stop ends.
//!
//! Run as those of an outbox are (`link/models.rs`).

use std::sync::Arc;

use loom::sync::Notify;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::batching::Batching;
use super::presence::Presence;
use super::stir::Stir;
use super::worker::Workers;
use crate::link::models::Narrow;
use crate::link::{Outbox, Pool};

fn outbox() -> Arc<Outbox<Narrow>> {
    Arc::new(Outbox::new(Narrow::new(usize::MAX, usize::MAX), 1000))
}

/// Workers of threads that share one place and tell when they have nothing left to do; two have
/// worked there.
fn workers() -> (Arc<Workers>, Batching) {
    let workers = Arc::new(Workers::new(Arc::<Pool>::default()));
    let batching = Batching::default();
    batching.attach(&workers);
    batching.flush();
    workers.with(|_| workers.with(|_| ()));
    (workers, batching)
}

/// One round, which leaves its write for later.
fn publish(workers: &Workers, outbox: &Arc<Outbox<Narrow>>, text: &[u8]) {
    workers.with(|worker| {
        let must_flush = outbox.lock().append([text], worker.wakes.chunks());
        if must_flush.expect("there is room") {
            let outbox: Arc<Outbox> = outbox.clone();
            worker.wakes.note(text.len(), Some(&outbox));
        }
    });
}

/// A thread that waits has sent what it left, whoever puts a worker back meanwhile.
#[test]
fn whoever_waits_has_sent_what_it_left() {
    loom::model(|| {
        let (workers, batching) = workers();
        let reader = outbox();
        let thread = workers.with(|_| {
            let (workers, reader) = (Arc::clone(&workers), Arc::clone(&reader));
            thread::spawn(move || {
                publish(&workers, &reader, b"<a>");
                batching.flush();
            })
        });
        thread.join().expect("the publisher ends");
        assert_eq!(reader.wire().taken(), "<a>", "left lying");
    });
}

#[test]
fn two_threads_in_one_place_leave_nothing() {
    loom::model(|| {
        let (workers, batching) = workers();
        let readers = [outbox(), outbox()];
        let (others, their) = (
            Arc::clone(&workers),
            [readers[1].clone(), readers[0].clone()],
        );
        let told = batching.clone();
        let thread = thread::spawn(move || {
            their.iter().for_each(|it| publish(&others, it, b"<b>"));
            told.flush();
        });
        publish(&workers, &readers[0], b"<a>");
        batching.flush();
        thread.join().expect("the other publisher ends");
        assert_eq!(readers[0].wire().taken().len(), 6);
        assert_eq!(readers[1].wire().taken(), "<b>");
    });
}

/// The clock sleeps where nothing happens, and is told of the first thing that does.
#[test]
fn the_clock_hears_of_whatever_happens() {
    loom::model(|| {
        let (workers, _batching) = workers();
        let shared = Arc::new((Stir::default(), Notify::new(), AtomicBool::new(false)));
        shared.0.is_first(); // There has been work before.
        let (others, stirred) = (Arc::clone(&workers), Arc::clone(&shared));
        let thread = thread::spawn(move || {
            let (stir, clock, has_ended) = &*stirred;
            others.with(|_| has_ended.store(true, Ordering::Relaxed));
            if stir.is_first() {
                clock.notify();
            }
        });
        let (stir, clock, has_ended) = &*shared;
        loop {
            stir.settle();
            workers.tidy();
            if has_ended.load(Ordering::Relaxed) {
                break;
            }
            clock.wait();
        }
        thread.join().expect("whoever works ends");
    });
}

/// A stop meets somebody who comes and somebody who leaves: the clock ends, and nobody is left who
/// would need it.
#[test]
fn a_stop_ends_whoever_comes_and_goes() {
    loom::model(|| {
        let signs = Arc::new(());
        let presence = Arc::new(Presence::new(Arc::clone(&signs)));
        let shared = Arc::new((Stir::default(), Notify::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (inside, told, over) = (presence.clone(), shared.clone(), is_over.clone());
        let guest = thread::spawn(move || {
            let outbox: Arc<Outbox> = outbox();
            let Some((id, alive)) = inside.enter(&outbox) else {
                return;
            };
            assert!(!over.load(Ordering::SeqCst), "nobody would ever wake it");
            inside.leave(id);
            if told.0.is_first() {
                told.1.notify();
            }
            drop(alive);
        });
        let (inside, told, over) = (presence.clone(), shared.clone(), is_over.clone());
        let clock = thread::spawn(move || {
            loop {
                told.0.settle();
                if inside.is_over() {
                    break over.store(true, Ordering::SeqCst);
                }
                told.1.wait();
            }
        });
        if presence.stop() {
            shared.1.notify();
        }
        assert!(!presence.stop() && presence.is_stopping());
        guest.join().expect("the connection ends");
        clock.join().expect("the clock ends");
        assert!(presence.is_empty() && presence.sign().is_none());
        assert_eq!(Arc::strong_count(&signs), 1, "somebody is left");
    });
}

/// Whoever is inside when a stop comes is told to go.
#[test]
fn a_stop_tells_everybody_who_is_inside() {
    loom::model(|| {
        let presence = Arc::new(Presence::new(()));
        let inside = Arc::clone(&presence);
        let guest = thread::spawn(move || {
            let outbox: Arc<Outbox> = outbox();
            inside.enter(&outbox).map(|_| outbox)
        });
        presence.stop();
        let outbox = guest.join().expect("the connection has come");
        assert!(outbox.is_none_or(|it| it.status().ending.is_some()));
    });
}
