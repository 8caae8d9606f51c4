//! Who is here, and whether anybody may still come.
//!
//! Entering and stopping meet under one lock: whoever entered before a stop is told to go by it, and
//! behind it nobody enters. So the server is over when it stops and nobody is left.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::open::Open;
use crate::link::sync::{AtomicBool, Mutex};
use crate::link::{Outbox, Reason};

/// The connections of a server; `A` is what each of its tasks holds as long as it runs.
pub(super) struct Presence<A> {
    inside: Mutex<Inside<A>>,
    is_stopping: AtomicBool,
}

struct Inside<A> {
    open: Open,
    /// None once nobody may come any more.
    alive: Option<A>,
}

impl<A: Clone> Presence<A> {
    pub(super) fn new(alive: A) -> Self {
        Self {
            inside: Mutex::new(Inside {
                open: Open::default(),
                alive: Some(alive),
            }),
            is_stopping: AtomicBool::new(false),
        }
    }

    /// A sign of life for a task that is no connection; none once the server stops.
    pub(super) fn sign(&self) -> Option<A> {
        self.inside.lock().alive.clone()
    }

    /// Takes the connection behind `outbox` in: its number, and its sign of life. None once the
    /// server stops.
    pub(super) fn enter(&self, outbox: &Arc<Outbox>) -> Option<(u32, A)> {
        let mut inside = self.inside.lock();
        let alive = inside.alive.clone()?;
        Some((inside.open.insert(Arc::clone(outbox)), alive))
    }

    /// Forgets the connection `id`; true if it was the last.
    pub(super) fn leave(&self, id: u32) -> bool {
        let mut inside = self.inside.lock();
        inside.open.remove(id);
        inside.open.is_empty()
    }

    /// Lets nobody in any more, and tells everybody to go; false if that has been done.
    pub(super) fn stop(&self) -> bool {
        if self.is_stopping.swap(true, Ordering::AcqRel) {
            return false;
        }
        let mut inside = self.inside.lock();
        let alive = inside.alive.take();
        let open = inside.open.all();
        drop(inside);
        drop(alive);
        for outbox in open {
            outbox.end(Reason::ServerShutdown);
            outbox.wake_owner();
        }
        true
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// Whether nobody is here, and nobody can come any more.
    pub(super) fn is_over(&self) -> bool {
        let inside = self.inside.lock();
        inside.alive.is_none() && inside.open.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inside.lock().open.is_empty()
    }

    pub(super) fn get(&self, id: u32) -> Option<Arc<Outbox>> {
        self.inside.lock().open.get(id)
    }

    pub(super) fn all(&self) -> Vec<Arc<Outbox>> {
        self.inside.lock().open.all()
    }
}
