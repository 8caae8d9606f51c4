//! The connection while the driver sleeps: a caller who has something to say writes it itself.
//!
//! The driver leaves the connection here when it goes to sleep with nothing unsent. One caller may
//! take it, with its lines, for one write that does not wait. Until the driver has looked again
//! everybody else finds it gone and leaves lines in the buffer, as for a driver that is awake: so a
//! single message goes out at once, and of many only the first one does.
//!
//! ```text
//! driver ──sleeps──▶ Idle ──▶ Lent ──one write──▶ Returned ──▶ driver
//! ```

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::AsyncWrite;

use super::state::State;
use super::{Outgoing, Phase};
use crate::transport::Transport;

/// Where the connection is.
#[derive(Debug, Default)]
pub(super) enum Place {
    /// With the driver, or nowhere.
    #[default]
    Driver,
    Idle(Transport),
    Lent,
    Returned(Returned),
}

/// What the driver gets back.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) transport: Transport,
    /// What the caller had to say.
    pub(crate) lines: Vec<u8>,
    /// How much of it is said.
    pub(crate) written: usize,
    /// Whether the stream may still hold back what was written.
    pub(crate) needs_flush: bool,
}

/// The connection in a caller's hand.
#[derive(Debug)]
pub(crate) struct Loan {
    returned: Returned,
    /// Whom the connection wakes.
    driver: Waker,
    /// Whether the driver should look at once.
    is_hasty: bool,
}

impl Loan {
    /// Writes what the connection takes at once. What goes wrong is left for the driver to meet.
    pub(crate) fn write(&mut self) {
        let mut cx = Context::from_waker(&self.driver);
        let returned = &mut self.returned;
        let mut transport = Pin::new(&mut returned.transport);
        let lines = &returned.lines[returned.written..];
        if let Poll::Ready(Ok(len)) = transport.as_mut().poll_write(&mut cx, lines) {
            returned.written += len;
            returned.needs_flush = !matches!(transport.poll_flush(&mut cx), Poll::Ready(Ok(())));
        }
    }
}

impl Returned {
    /// Whether nothing is left to do.
    fn is_done(&self) -> bool {
        self.written == self.lines.len() && !self.needs_flush
    }
}

impl State {
    /// The connection and what is in the buffer, if the driver sleeps and it is one short message.
    /// `is_answered`: the driver will be woken by what comes of it.
    pub(super) fn lend(&mut self, is_answered: bool) -> Option<Box<Loan>> {
        let is_idle = matches!(self.place, Place::Idle(_)) && self.phase == Phase::Connected;
        if !is_idle || self.buffer.len() > LENT_MAX || !self.commands.is_empty() {
            return None;
        }
        let driver = self.driver.clone()?;
        let Place::Idle(transport) = mem::replace(&mut self.place, Place::Lent) else {
            return None;
        };
        self.messages_in_hand = mem::take(&mut self.messages);
        self.taken += self.messages_in_hand;
        self.untold += self.messages_in_hand;
        Some(Box::new(Loan {
            returned: Returned {
                transport,
                lines: mem::take(&mut self.buffer),
                written: 0,
                needs_flush: false,
            },
            driver,
            is_hasty: !(is_answered && self.is_timed),
        }))
    }
}

impl Outgoing {
    /// Takes back what was lent, and wakes the driver if it is needed.
    pub(crate) fn give_back(&self, loan: Loan) {
        let mut returned = loan.returned;
        let mut state = self.lock();
        if !matches!(state.place, Place::Lent) {
            return; // The driver has gone, and counted what is in here.
        }
        let is_done = returned.is_done();
        if is_done {
            state.messages_in_hand = 0;
            returned.lines.clear();
            returned.written = 0;
            if state.buffer.capacity() == 0 {
                state.buffer = mem::take(&mut returned.lines);
            }
        }
        state.place = Place::Returned(returned);
        let is_needed = !is_done || state.is_awaited || loan.is_hasty;
        let is_needed = is_needed || !state.buffer.is_empty() || !state.commands.is_empty();
        let driver = is_needed.then(|| state.driver.take()).flatten();
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// The connection, for the driver that wakes up; none while a caller has it, who wakes the
    /// driver again.
    pub(crate) fn reclaim(&self, cx: &Context<'_>) -> Option<Returned> {
        let mut state = self.lock();
        let returned = match mem::take(&mut state.place) {
            Place::Idle(transport) => Returned {
                transport,
                lines: Vec::new(),
                written: 0,
                needs_flush: false,
            },
            Place::Returned(returned) => returned,
            place @ (Place::Lent | Place::Driver) => {
                state.place = place;
                state.driver = Some(cx.waker().clone());
                state.is_awaited = true;
                return None;
            }
        };
        state.is_awaited = false;
        Some(returned)
    }
}

/// The most that a caller writes itself, in bytes: the copy of more is the driver's work. A guess.
const LENT_MAX: usize = 16 * 1024;
