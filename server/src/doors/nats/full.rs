//! A connection for which there is no room: it is told so and shown out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dunlin_protocol::{ErrText, Info, encode};

use super::Nats;
use crate::link::{End, Input, Outbox, Reason, Session, Taken, Verdict, Wakes};
use crate::peer::{Departure, Party};

pub(super) struct FullHouse {
    pub(super) nats: Arc<Nats>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) party: Arc<Party>,
    /// None if it has been said.
    pub(super) info: Option<Box<Info>>,
    pub(super) text: ErrText<'static>,
    pub(super) opened: Instant,
}

impl Session for FullHouse {
    fn on_open(&mut self, _now: Instant, wakes: &mut Wakes) {
        let mut text = Vec::with_capacity(512);
        if let Some(info) = &self.info {
            encode::info(&mut text, info);
        }
        encode::err(&mut text, self.text);
        wakes.chunks().prepare();
        // Cannot be refused: the outbox is new, and its bound is far above two lines.
        let _ = self.outbox.lock().append_line(&text, wakes.chunks());
        wakes.note(text.len(), Some(&self.outbox));
        self.outbox.end(Reason::MaximumConnectionsExceeded);
    }

    fn on_bytes(&mut self, input: Input<'_>, _now: Instant, _wakes: &mut Wakes) -> Taken {
        let verdict = Verdict::Close(Reason::MaximumConnectionsExceeded);
        Taken {
            used: input.bytes.len(),
            need: 1,
            verdict,
        }
    }

    fn on_tick(&mut self, _now: Instant, _wakes: &mut Wakes) -> Verdict {
        Verdict::Close(Reason::MaximumConnectionsExceeded)
    }

    fn on_notice(&mut self, _now: Instant, _wakes: &mut Wakes) -> Verdict {
        Verdict::Close(Reason::MaximumConnectionsExceeded)
    }

    fn deadline(&self) -> Instant {
        self.opened + Duration::from_secs(5)
    }

    fn on_close(&mut self, end: End) {
        let departure = Departure::plain(end.reason);
        self.nats.host.table.leave(&self.party, departure, end.at);
    }
}
