//! Models of an outbox where threads meet: every order of their steps is tried.
//!
//! `RUSTFLAGS="--cfg model" cargo test -p dunlin-server --no-default-features --lib models`

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Wake, Waker};

use bytes::Bytes;
use loom::sync::Notify;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use super::chunk::{Chunks, Pool};
use super::outbox::{Flushed, Outbox};
use super::sync::Mutex;
use super::{Dropped, ReadText, Reason, Wire};

/// A wire that takes so many bytes at a time, and says once that it is full.
pub(crate) struct Narrow {
    taken: Mutex<Vec<u8>>,
    step: usize,
    /// How many writes go through before it is full for one.
    before_full: AtomicUsize,
}

impl Narrow {
    pub(crate) fn new(step: usize, before_full: usize) -> Self {
        Self {
            taken: Mutex::default(),
            step,
            before_full: AtomicUsize::new(before_full),
        }
    }

    /// What it has taken so far.
    pub(crate) fn taken(&self) -> String {
        String::from_utf8_lossy(&self.taken.lock()).into_owned()
    }
}

impl Wire for Narrow {
    fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.before_full.fetch_sub(1, Ordering::Relaxed) == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let all = bufs.iter().flat_map(|buf| buf.iter().copied());
        let part: Vec<u8> = all.take(self.step).collect();
        self.taken.lock().extend_from_slice(&part);
        Ok(part.len())
    }
}

/// A task that sleeps until it is woken.
struct Sleeper(Notify);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Woken {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Every three bytes are a message.
const READ: ReadText = |sight, queued| {
    let left = sight.text.len() - sight.sent;
    (0..left / 3).for_each(|_| queued.count(b"1", 3, sight.age));
};

fn chunks() -> Chunks {
    Chunks::new(Arc::<Pool>::default())
}

/// Appends one message, and flushes where the outbox asks for it; tells whether it was taken.
fn publish(outbox: &Outbox<Narrow>, text: &[u8]) -> bool {
    let mut chunks = chunks();
    let must_flush = outbox.lock().append([text], &mut chunks);
    if must_flush == Ok(true) {
        let flushed = outbox.flush(&mut chunks);
        assert!(flushed.is_ok(), "a narrow wire does not fail");
    }
    must_flush.is_ok()
}

/// What the loop of the connection does when it is woken.
fn serve(outbox: &Outbox<Narrow>) {
    let mut chunks = chunks();
    outbox.unblock();
    while outbox
        .flush(&mut chunks)
        .is_ok_and(|it| it == Flushed::Blocked)
    {
        outbox.unblock();
    }
}

#[test]
fn two_publishers_and_one_reader_lose_nothing_and_mix_nothing() {
    loom::model(|| {
        let outbox = Arc::new(Outbox::new(Narrow::new(3, usize::MAX), 1000));
        let other = Arc::clone(&outbox);
        let thread = thread::spawn(move || {
            publish(&other, b"<aa>");
            publish(&other, b"<AA>");
        });
        publish(&outbox, b"<bb>");
        thread.join().expect("the other publisher ends");
        let taken = outbox.wire().taken();
        let mut parts: Vec<&str> = taken.split_inclusive('>').collect();
        let first = parts.iter().position(|part| *part == "<aa>");
        assert!(
            first < parts.iter().position(|part| *part == "<AA>"),
            "{taken}"
        );
        parts.sort_unstable();
        assert_eq!(parts, ["<AA>", "<aa>", "<bb>"], "{taken}");
    });
}

#[test]
fn a_full_wire_wakes_its_loop_for_what_is_left() {
    loom::model(|| {
        let outbox = Arc::new(Outbox::new(Narrow::new(100, 1), 1000));
        let owner = Arc::<Woken>::default();
        outbox.set_owner(&Waker::from(Arc::clone(&owner)));
        let other = Arc::clone(&outbox);
        let thread = thread::spawn(move || {
            publish(&other, b"<a>");
        });
        publish(&outbox, b"<b>");
        thread.join().expect("the other publisher ends");
        if !outbox.status().is_empty {
            assert!(owner.count() > 0, "nobody is told that something is left");
            serve(&outbox);
        }
        assert!(outbox.status().is_empty);
        assert_eq!(outbox.wire().taken().len(), 6);
    });
}

#[test]
fn a_publisher_that_waits_is_woken() {
    loom::model(|| {
        let outbox = Arc::new(Outbox::new(Narrow::new(usize::MAX, usize::MAX), 1_000_000));
        let much = Bytes::from_static(&[b'x'; 600_000]);
        let appended = outbox.lock().append_shared([b"MSG "], much, &mut chunks());
        assert_eq!(appended, Ok(true));
        let publisher = Arc::<Woken>::default();
        let other = Arc::clone(&outbox);
        let thread = thread::spawn(move || other.flush(&mut chunks()).is_ok());
        let has_room = outbox.has_room_or_wake(&Waker::from(Arc::clone(&publisher)));
        assert!(thread.join().expect("the flush ends"));
        assert!(has_room || publisher.count() > 0, "it waits for ever");
    });
}

#[test]
fn an_end_is_told_once_and_nothing_comes_behind_it() {
    loom::model(|| {
        let outbox = Arc::new(Outbox::new(Narrow::new(2, usize::MAX), 1000));
        let owner = Arc::<Woken>::default();
        outbox.set_owner(&Waker::from(Arc::clone(&owner)));
        let other = Arc::clone(&outbox);
        let thread = thread::spawn(move || {
            publish(&other, b"<a>");
        });
        outbox.end(Reason::ServerShutdown);
        outbox.wake_owner();
        thread.join().expect("the publisher ends");
        let late = outbox.lock().append([b"<late>"], &mut chunks());
        assert!(late.is_err(), "something was appended behind the end");
        serve(&outbox);
        assert!(outbox.status().is_empty && owner.count() > 0);
        let len = outbox.wire().taken().len();
        assert!(len == 0 || len == 3, "half a message: {len}");
    });
}

/// The reader makes room for others, and its own loop and whoever needs the room count what it has
/// lost: each message once, and none after the end.
#[test]
fn what_is_lost_is_counted_once_whoever_reads_it() {
    loom::model(|| {
        let outbox = Arc::new(Outbox::new(Narrow::new(0, 0), 1000));
        for text in [b"<a>", b"<b>"] {
            let appended = outbox.lock().append([text], &mut chunks());
            assert!(appended.is_ok(), "there is room");
        }
        outbox.evict(b"E", &mut chunks());
        let other = Arc::clone(&outbox);
        let thread = thread::spawn(move || other.reclaim(READ, usize::MAX, &mut chunks()));
        assert!(outbox.try_discard(&mut chunks()), "nobody writes");
        while !outbox.count_lost(READ, 1, &mut chunks()) {
            thread::yield_now();
        }
        let dropped = outbox.take_dropped();
        let read = dropped.by_sid.map(|queued| queued.messages);
        assert_eq!((dropped.messages, read), (2, Some(2)));
        thread.join().expect("whoever needs room ends");
        assert_eq!(outbox.take_dropped(), Dropped::default());
    });
}

/// The reader is given up while somebody writes to it: what was taken has gone out or is counted.
#[test]
fn what_was_taken_and_not_sent_is_counted() {
    loom::model(|| {
        let outbox = Arc::new(Outbox::new(Narrow::new(3, 1), 1000));
        let owner = Arc::new(Sleeper(Notify::new()));
        outbox.set_owner(&Waker::from(Arc::clone(&owner)));
        let other = Arc::clone(&outbox);
        let thread = thread::spawn(move || {
            usize::from(publish(&other, b"<a>")) + usize::from(publish(&other, b"<A>"))
        });
        outbox.end(Reason::SlowConsumerWriteDeadline);
        while !outbox.try_discard(&mut chunks()) {
            owner.0.wait();
        }
        let taken = thread.join().expect("the publisher ends");
        assert!(outbox.count_lost(READ, usize::MAX, &mut chunks()));
        let counted = outbox.take_dropped().messages as usize;
        assert_eq!(outbox.wire().taken().len() / 3 + counted, taken);
    });
}

#[test]
fn a_notice_is_never_lost() {
    loom::model(|| {
        let outbox = Arc::new(Outbox::new(Narrow::new(3, 1), 1000));
        let owner = Arc::new(Sleeper(Notify::new()));
        outbox.set_owner(&Waker::from(Arc::clone(&owner)));
        let news = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let (other, told) = (Arc::clone(&outbox), Arc::clone(&news));
        let thread = thread::spawn(move || {
            for news in &*told {
                news.store(true, Ordering::Relaxed);
                other.notify();
            }
        });
        let mut known = 0;
        while known < news.len() {
            if outbox.status().is_notified {
                outbox.take_notice();
                known = news.iter().filter(|it| it.load(Ordering::Relaxed)).count();
            } else {
                owner.0.wait();
            }
        }
        thread.join().expect("whoever has news ends");
    });
}
