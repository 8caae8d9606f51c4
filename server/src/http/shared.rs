//! What all requests share.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::Semaphore;

use super::events::Feed;
use super::gate::Gate;
use super::wishes::Wishes;
use crate::monitor::Monitor;

/// How many pages are put together at a time: one that is large must not hold up all others, and
/// many must not take the machine from the messages.
const BUILDERS_MAX: usize = 2;
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) monitor: Arc<Monitor>,
    pub(super) builders: Arc<Semaphore>,
    pub(super) feed: Feed,
    pub(super) wishes: Wishes,
    gate: Arc<RwLock<Arc<Gate>>>,
}

impl Shared {
    pub(super) fn new(
        monitor: Arc<Monitor>,
        feed: Feed,
        gate: Arc<RwLock<Arc<Gate>>>,
        wishes: Wishes,
    ) -> Self {
        Self {
            monitor,
            builders: Arc::new(Semaphore::new(BUILDERS_MAX)),
            feed,
            wishes,
            gate,
        }
    }

    pub(super) fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate.read())
    }
}
