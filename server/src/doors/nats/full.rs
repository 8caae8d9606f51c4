//! A connection for which there is no room: it is told so and shown out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dunlin_protocol::{ErrText, Info, encode};

use crate::link::{Input, Outbox, Reason, Session, Taken, Verdict, Wakes};

pub(super) struct FullHouse {
    outbox: Arc<Outbox>,
    /// None if it has been said.
    info: Option<Box<Info>>,
    text: ErrText<'static>,
    opened: Instant,
}

impl FullHouse {
    pub(super) fn new(
        outbox: Arc<Outbox>,
        info: Option<Box<Info>>,
        text: ErrText<'static>,
        now: Instant,
    ) -> Self {
        Self {
            outbox,
            info,
            text,
            opened: now,
        }
    }
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

    fn on_close(&mut self, _reason: Reason, _dropped: crate::link::Dropped) {}
}
