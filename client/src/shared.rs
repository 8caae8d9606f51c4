//! What the handles of one client and its driver have in common.
//!
//! Every part has its own lock, or none; nobody holds two of them at once.

use std::sync::{Arc, Mutex, PoisonError};

use dunlin_protocol::Info;

use crate::events::EventHub;
use crate::ids::Random;
use crate::options::ConnectOptions;
use crate::outgoing::{Outgoing, OutgoingLimits};
use crate::replies::Replies;
use crate::statistics::{Counters, Statistics};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: ConnectOptions,
    pub(crate) outgoing: Outgoing,
    pub(crate) replies: Arc<Replies>,
    pub(crate) events: EventHub,
    pub(crate) counters: Counters,
    pub(crate) random: Random,
    info: Mutex<Arc<Info>>,
}

impl Shared {
    pub(crate) fn new(options: ConnectOptions, random: Random) -> Self {
        let inbox = format!("{}.{}", options.inbox_prefix, random.name());
        let limits = OutgoingLimits {
            connected: options.outgoing_bytes,
            disconnected: options.reconnect_bytes,
            when_unsent: options.when_unsent,
        };
        let replies = Arc::new(Replies::new(&inbox));
        Self {
            options,
            outgoing: Outgoing::new(limits, Arc::clone(&replies)),
            replies,
            events: EventHub::default(),
            counters: Counters::default(),
            random,
            info: Mutex::default(),
        }
    }

    /// What the server said of itself last; all empty before the first connection.
    pub(crate) fn info(&self) -> Arc<Info> {
        let info = self.info.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&info)
    }

    pub(crate) fn set_info(&self, info: Box<Info>) {
        *self.info.lock().unwrap_or_else(PoisonError::into_inner) = Arc::from(info);
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let totals = self.outgoing.totals();
        Statistics {
            out_messages: totals.messages,
            out_bytes: totals.bytes,
            discarded: totals.discarded,
            unconfirmed: totals.unconfirmed,
            ..self.counters.snapshot()
        }
    }
}
