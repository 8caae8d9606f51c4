//! One subscription: whom to call, and for what.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use smallvec::SmallVec;

use super::{Message, Run};
use crate::link::Wakes;
use crate::link::sync::AtomicBool;

/// Whoever receives messages.
pub(crate) trait Sink: Send + Sync {
    /// Takes `message` for `subscription`, or declines it. Never waits.
    fn deliver(
        &self,
        subscription: &Arc<Subscription>,
        message: &Message<'_>,
        wakes: &mut Wakes,
    ) -> Delivery;

    /// Takes the messages of `run` one after the other, as far as it can.
    fn deliver_run(
        &self,
        subscription: &Arc<Subscription>,
        run: &Run<'_>,
        wakes: &mut Wakes,
    ) -> Delivered {
        Delivered::of(run, |message| self.deliver(subscription, message, wakes))
    }

    /// The number of whoever receives: two sinks with the same number are one reader.
    fn owner(&self) -> u64;

    /// Calls [`Subscription::limit`] under the lock that `deliver` takes.
    fn limit(&self, subscription: &Subscription, max: u64) -> bool;
}

/// What a sink did with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Taken,
    /// Taken, and the subscription wants no more.
    TakenLast,
    Skipped,
}

/// What a sink did with a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// A bit for each message that it did not take, the lowest for the first.
    pub(crate) skipped: u64,
    /// The last that it took was the last that the subscription wants.
    pub(crate) is_over: bool,
}

impl Delivered {
    /// What comes of it if `deliver` gets each message of `run` by itself.
    pub(crate) fn of(run: &Run<'_>, mut deliver: impl FnMut(&Message<'_>) -> Delivery) -> Self {
        let mut delivered = Self::default();
        for (at, message) in run.messages().enumerate() {
            match deliver(&message) {
                Delivery::Taken => {}
                Delivery::TakenLast => {
                    delivered.skipped |= run.from(at + 1);
                    delivered.is_over = true;
                    break;
                }
                Delivery::Skipped => delivered.skipped |= 1 << at,
            }
        }
        delivered
    }
}

/// One subscription, shared by its connection and the index.
///
/// There may be a million of them: some 70 bytes here, the texts in one allocation, one pointer in
/// the index and one in the connection. The counters are written under the sink's lock only, so
/// plain loads and stores (relaxed) are enough.
pub(crate) struct Subscription {
    sink: Arc<dyn Sink>,
    /// Filter, queue group and sid, one behind the other; in place where they are short.
    texts: SmallVec<[u8; 16]>,
    filter_len: u32,
    queue_len: u32, // 0: no queue group, whose names are never empty.
    delivered: AtomicU64,
    /// How many deliveries end it, counted from its start; 0: as many as come.
    max: AtomicU64,
    is_closed: AtomicBool,
    /// Its place in the list of the index that holds it; guarded by the index's lock.
    place: AtomicU32,
}

impl Subscription {
    pub(crate) fn new(
        sink: Arc<dyn Sink>,
        filter: &[u8],
        queue: Option<&[u8]>,
        sid: &[u8],
    ) -> Arc<Self> {
        let queue = queue.unwrap_or_default();
        let mut texts = SmallVec::new();
        texts.reserve_exact(filter.len() + queue.len() + sid.len());
        for text in [filter, queue, sid] {
            texts.extend_from_slice(text);
        }
        Arc::new(Self {
            sink,
            texts,
            filter_len: filter.len() as u32,
            queue_len: queue.len() as u32,
            delivered: AtomicU64::new(0),
            max: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            place: AtomicU32::new(0),
        })
    }

    /// The same for another sink, as far as it has come.
    pub(crate) fn moved_to(&self, sink: Arc<dyn Sink>) -> Arc<Self> {
        Arc::new(Self {
            sink,
            texts: self.texts.clone(),
            filter_len: self.filter_len,
            queue_len: self.queue_len,
            delivered: AtomicU64::new(self.delivered.load(Ordering::Relaxed)),
            max: AtomicU64::new(self.max.load(Ordering::Relaxed)),
            is_closed: AtomicBool::new(self.is_closed()),
            place: AtomicU32::new(0),
        })
    }

    /// Takes `message` for this subscription's sink.
    pub(crate) fn deliver(self: &Arc<Self>, message: &Message<'_>, wakes: &mut Wakes) -> Delivery {
        self.sink.deliver(self, message, wakes)
    }

    /// The same for messages that follow each other.
    pub(crate) fn deliver_run(self: &Arc<Self>, run: &Run<'_>, wakes: &mut Wakes) -> Delivered {
        self.sink.deliver_run(self, run, wakes)
    }

    /// The number of whoever receives.
    pub(crate) fn owner(&self) -> u64 {
        self.sink.owner()
    }

    /// Whether `sink` is the one that receives.
    pub(crate) fn is_for(&self, sink: &dyn Sink) -> bool {
        std::ptr::addr_eq(&raw const *self.sink, &raw const *sink)
    }

    pub(crate) fn filter(&self) -> &[u8] {
        &self.texts[..self.filter_len as usize]
    }

    pub(crate) fn queue(&self) -> Option<&[u8]> {
        let start = self.filter_len as usize;
        let queue = &self.texts[start..start + self.queue_len as usize];
        (!queue.is_empty()).then_some(queue)
    }

    pub(crate) fn sid(&self) -> &[u8] {
        &self.texts[(self.filter_len + self.queue_len) as usize..]
    }

    /// How many messages it has received.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// After how many it ends; 0 for never.
    pub(crate) fn max(&self) -> u64 {
        self.max.load(Ordering::Relaxed)
    }

    /// Whether it takes no more. Exact under the sink's lock, a hint elsewhere.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Takes no more from now on. Call under the sink's lock.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// Counts a delivery; true if it was the last one wanted. Call under the sink's lock.
    pub(crate) fn count_delivery(&self) -> bool {
        let delivered = self.delivered.load(Ordering::Relaxed) + 1;
        self.delivered.store(delivered, Ordering::Relaxed);
        let is_last = delivered == self.max.load(Ordering::Relaxed);
        if is_last {
            self.close();
        }
        is_last
    }

    /// Ends after `max` deliveries, counted from the start; false if they have been already, and
    /// it is closed now. Call under the sink's lock.
    pub(crate) fn limit(&self, max: u64) -> bool {
        self.max.store(max, Ordering::Relaxed);
        let goes_on = self.delivered.load(Ordering::Relaxed) < max && !self.is_closed();
        if !goes_on {
            self.close();
        }
        goes_on
    }

    pub(super) fn place(&self) -> usize {
        self.place.load(Ordering::Relaxed) as usize
    }

    pub(super) fn set_place(&self, place: usize) {
        self.place.store(place as u32, Ordering::Relaxed);
    }
}
