//! What flows: the subjects and publishers with the most of it, what nobody reads, what is refused.
//!
//! Nothing is counted before it is switched on. Then each publisher has a [`Sampler`] that says
//! which messages are looked at, and those are written into one of a few shards, chosen by
//! publisher and merged by whoever asks. No message ever waits: where somebody reads a shard at the
//! moment, the next message is looked at instead. Memory is fixed: four times two sketches a shard.

mod sampler;
mod sketch;

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use foldhash::fast::SeedableRandomState;
use parking_lot::Mutex;

pub(super) use sampler::Sampler;
pub(crate) use sketch::{HALF_LIFE, Heavy, KEY_MAX, Key};
use sketch::{Scale, Sketch};

/// The most shards; more cores than that share them.
const SHARDS_MAX: usize = 8;

/// The traffic of one server.
pub(crate) struct Traffic {
    is_on: AtomicBool,
    /// Made when it is switched on first.
    shards: OnceLock<Box<[Mutex<Shard>]>>,
    hasher: SeedableRandomState,
    /// How often [`Denied::Publish`] and [`Denied::Subscribe`] have come; counted in any case.
    denials: [AtomicU64; 2],
}

/// What some of the publishers did.
struct Shard {
    scale: Scale,
    subjects: Ranking,
    publishers: Ranking,
    unheard: Sketch,
    denied: Sketch, // Nothing of it fades.
}

/// The same keys by two measures.
struct Ranking {
    by_messages: Sketch,
    by_bytes: Sketch,
}

/// Messages that were published, all to one subject.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) publisher: u64,
    pub(super) subject: &'a [u8],
    pub(super) messages: usize,
    /// Of all of them together.
    pub(super) bytes: usize,
    /// How many took one of them.
    pub(super) taken: usize,
    /// How many of them nobody took.
    pub(super) unheard: usize,
    pub(super) at: Instant,
}

impl Seen<'_> {
    /// How many of them nobody took. What is asked of the server itself is another matter.
    pub(super) fn unheard(&self) -> usize {
        match self.unheard {
            0 => 0,
            _ if self.subject.starts_with(b"$SYS.") => 0,
            unheard => unheard,
        }
    }
}

/// What is refused for want of permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    Publish,
    Subscribe,
}

/// What there is to tell, each list in no order. What came by several shards is added up.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) subjects_by_messages: Vec<Heavy>,
    pub(crate) subjects_by_bytes: Vec<Heavy>,
    /// Keys are numbers of connections, as [`publisher`] reads them.
    pub(crate) publishers_by_messages: Vec<Heavy>,
    pub(crate) publishers_by_bytes: Vec<Heavy>,
    pub(crate) unheard: Vec<Heavy>,
    /// Keys begin with what was denied, as [`denied`] reads them; `beside` is not used.
    pub(crate) denied: Vec<Heavy>,
}

impl Traffic {
    pub(super) fn new(hasher: SeedableRandomState) -> Self {
        Self {
            is_on: AtomicBool::new(false),
            shards: OnceLock::new(),
            hasher,
            denials: Default::default(),
        }
    }

    /// Whether anything is counted.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed) // Pairs with nothing: a message more or less.
    }

    /// Counts from `now` on, or stops and forgets everything.
    pub(crate) fn switch(&self, is_on: bool, now: Instant) {
        if is_on {
            self.shards.get_or_init(|| {
                let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get());
                let shards = 0..(2 * cores).min(SHARDS_MAX);
                shards
                    .map(|_| Mutex::new(Shard::new(&self.hasher, now)))
                    .collect()
            });
        }
        let was_on = self.is_on.swap(is_on, Ordering::Relaxed);
        if was_on != is_on {
            for shard in self.shards() {
                *shard.lock() = Shard::new(&self.hasher, now);
            }
        }
    }

    fn shards(&self) -> &[Mutex<Shard>] {
        self.shards.get().map_or(&[], |shards| shards)
    }

    fn shard_of(&self, publisher: u64) -> Option<&Mutex<Shard>> {
        let shards = self.shards();
        shards.get(publisher as usize % shards.len().max(1))
    }

    /// Notes what was published, if it is its turn.
    #[inline]
    pub(super) fn note(&self, sampler: &mut Option<Box<Sampler>>, seen: Seen<'_>) {
        let sampler = sampler.get_or_insert_with(|| Box::new(Sampler::new(seen.publisher)));
        if let Some(stands_for) = sampler.pass(seen.messages as u32) {
            self.look(sampler, stands_for, seen);
        }
    }

    #[cold]
    fn look(&self, sampler: &mut Sampler, stands_for: u32, seen: Seen<'_>) {
        let shard = self.shard_of(seen.publisher);
        let Some(mut shard) = shard.and_then(|shard| shard.try_lock()) else {
            return sampler.put_off();
        };
        let messages = u64::from(stands_for);
        let many = (seen.messages as u64).max(1);
        let bytes = messages * seen.bytes as u64 / many;
        let scale = shard.scale_at(seen.at);
        shard.subjects.add(seen.subject, messages, bytes, scale);
        let publisher = seen.publisher.to_be_bytes();
        shard.publishers.add(&publisher, messages, bytes, scale);
        if let unheard @ 1.. = seen.unheard() as u64 {
            let (messages, bytes) = (messages * unheard / many, bytes * unheard / many);
            shard.unheard.add(seen.subject, messages, bytes, scale);
        }
        drop(shard);
        sampler.note_look(seen.at);
    }

    /// Notes that `publisher` was refused `subject` so many times.
    #[cold]
    pub(super) fn note_denied(&self, what: Denied, publisher: u64, subject: &[u8], times: u64) {
        self.denials[what as usize].fetch_add(times, Ordering::Relaxed);
        if !self.is_on() {
            return;
        }
        let mark = match what {
            Denied::Publish => b'P',
            Denied::Subscribe => b'S',
        };
        if let Some(shard) = self.shard_of(publisher) {
            let mut key = Key::from_slice(&[mark]);
            key.extend_from_slice(&subject[..subject.len().min(KEY_MAX)]);
            shard.lock().denied.add(&key, times, 0, 1.0);
        }
    }

    /// How often `what` was refused since the start.
    pub(crate) fn denials(&self, what: Denied) -> u64 {
        self.denials[what as usize].load(Ordering::Relaxed)
    }

    /// What there is to tell at `now`.
    pub(crate) fn told(&self, now: Instant) -> Told {
        let mut told = Told::default();
        for shard in self.shards() {
            let shard = shard.lock();
            let unit = shard.scale.unit(now);
            for (list, sketch, unit) in [
                (
                    &mut told.subjects_by_messages,
                    &shard.subjects.by_messages,
                    unit,
                ),
                (&mut told.subjects_by_bytes, &shard.subjects.by_bytes, unit),
                (
                    &mut told.publishers_by_messages,
                    &shard.publishers.by_messages,
                    unit,
                ),
                (
                    &mut told.publishers_by_bytes,
                    &shard.publishers.by_bytes,
                    unit,
                ),
                (&mut told.unheard, &shard.unheard, unit),
                (&mut told.denied, &shard.denied, 1.0),
            ] {
                list.extend(sketch.heavy(unit));
            }
        }
        for list in [
            &mut told.subjects_by_messages,
            &mut told.subjects_by_bytes,
            &mut told.unheard,
            &mut told.denied,
        ] {
            add_up(list);
        }
        told
    }
}

impl Shard {
    fn new(hasher: &SeedableRandomState, now: Instant) -> Self {
        let sketch = || Sketch::new(hasher.clone());
        let ranking = || Ranking {
            by_messages: sketch(),
            by_bytes: sketch(),
        };
        Self {
            scale: Scale::new(now),
            subjects: ranking(),
            publishers: ranking(),
            unheard: sketch(),
            denied: sketch(),
        }
    }

    /// How heavy the present is.
    fn scale_at(&mut self, now: Instant) -> f64 {
        let (scale, fade) = self.scale.at(now);
        if let Some(factor) = fade {
            for ranking in [&mut self.subjects, &mut self.publishers] {
                ranking.by_messages.fade(factor);
                ranking.by_bytes.fade(factor);
            }
            self.unheard.fade(factor);
        }
        scale
    }
}

impl Ranking {
    fn add(&mut self, key: &[u8], messages: u64, bytes: u64, scale: f64) {
        self.by_messages.add(key, messages, bytes, scale);
        self.by_bytes.add(key, bytes, messages, scale);
    }
}

/// The number of the connection that `key` stands for.
pub(crate) fn publisher(key: &Key) -> u64 {
    key.first_chunk()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// What `key` says was denied, and for which subject.
pub(crate) fn denied(key: &Key) -> (Denied, &[u8]) {
    match key.split_first() {
        Some((b'S', subject)) => (Denied::Subscribe, subject),
        Some((_, subject)) => (Denied::Publish, subject),
        None => (Denied::Publish, &[]),
    }
}

/// Makes one of those that have the same key.
fn add_up(list: &mut Vec<Heavy>) {
    let mut sums = HashMap::<Key, Heavy>::with_capacity(list.len());
    for heavy in list.drain(..) {
        match sums.get_mut(&heavy.key) {
            Some(sum) => {
                sum.rate += heavy.rate;
                sum.doubt += heavy.doubt;
                sum.beside += heavy.beside;
                sum.total += heavy.total;
            }
            None => _ = sums.insert(heavy.key.clone(), heavy),
        }
    }
    list.extend(sums.into_values());
}
