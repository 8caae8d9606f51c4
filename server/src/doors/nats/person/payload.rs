//! A counted payload that does not come whole: after a while the person is told how many bytes
//! have come, and that an empty line gives up.

use std::time::{Duration, Instant};

use dunlin_protocol::Body;

use super::Person;
use super::words::Words;
use crate::doors::nats::session::TextSession;
use crate::link::Wakes;

/// How long nothing must come before anything is said. A guess: longer than a line takes to be
/// sent, shorter than anybody waits in silence.
const HINT_AFTER: Duration = Duration::from_secs(2);

/// A payload on its way.
pub(super) struct Unfinished {
    body: Body,
    /// How much input there is of it, its control line included.
    len: usize,
    /// When to say so; none once it has been said.
    hint_at: Option<Instant>,
}

impl Unfinished {
    pub(super) fn due(&self) -> Option<Instant> {
        self.hint_at
    }

    /// An empty line would not complete it.
    fn can_be_given_up(&self) -> bool {
        self.hint_at.is_none() && self.body.came < self.body.size
    }
}

impl Person {
    /// `body` is awaited, and `len` bytes of input are there.
    pub(super) fn watch(&mut self, body: Option<Body>, len: usize, now: Instant) {
        let Some(body) = body else {
            self.unfinished = None;
            return;
        };
        let is_new = |known: &Unfinished| known.len != len;
        if self.unfinished.as_ref().is_none_or(is_new) {
            self.unfinished = Some(Unfinished {
                body,
                len,
                hint_at: Some(now + HINT_AFTER),
            });
        }
    }

    pub(super) fn hint_at_payload(
        &mut self,
        session: &TextSession,
        now: Instant,
        wakes: &mut Wakes,
    ) {
        let Some(known) = &mut self.unfinished else {
            return;
        };
        if known.hint_at.take_if(|at| *at <= now).is_none() {
            return;
        }
        let Body { size, came } = known.body;
        let line = match came < size {
            true => format!("{came} of {size} bytes have come, line ends counted"),
            false => format!("all {size} bytes have come, line ends counted"),
        };
        let then = match came < size {
            true => "type the rest, or an empty line to give up",
            false => "an empty line sends them",
        };
        let words = Words::default().line(&line).line(then);
        session.reader.say(words.bytes(), wakes);
    }

    /// How much of `rest` is a payload that somebody has given up with an empty line.
    pub(super) fn given_up(&self, rest: &[u8]) -> Option<usize> {
        let known = self.unfinished.as_ref()?;
        let is_empty_line = matches!(rest.get(known.len..)?, b"\n" | b"\r\n");
        (known.can_be_given_up() && is_empty_line).then_some(rest.len())
    }

    pub(super) fn give_up(&mut self, session: &TextSession, wakes: &mut Wakes) {
        self.unfinished = None;
        self.parser = Default::default();
        let words = Words::default().line("given up; nothing was sent");
        session.reader.say(words.bytes(), wakes);
    }
}
