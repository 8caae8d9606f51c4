//! Where messages for a text connection go: one line and its body into the outbox.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dunlin_protocol::{ErrText, encode};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::lag::{Fate, Lags, Name};
use super::told;
use crate::link::{Outbox, Reason, Refused, Wakes, Writing};
use crate::peer::{Delivered, Delivery, Message, Party, Run, Sink, Subscription};

/// What stands before each message of a run: mostly short.
type Head = SmallVec<[u8; 64]>;

/// The receiving side of one text connection.
pub(super) struct Reader {
    pub(super) id: u64,
    pub(super) outbox: Arc<Outbox>,
    pub(super) party: Arc<Party>,
    /// Whether the connection receives what it published itself.
    pub(super) echo: AtomicBool,
    /// Whether it takes header blocks.
    pub(super) headers: AtomicBool,
    /// What becomes of messages that do not fit.
    pub(super) lags: Mutex<Lags>,
}

impl Sink for Reader {
    fn deliver(
        &self,
        subscription: &Arc<Subscription>,
        message: &Message<'_>,
        wakes: &mut Wakes,
    ) -> Delivery {
        // Both are set by CONNECT only; a message that passes it by is as good as one before it.
        if message.origin == self.id && !self.echo.load(Ordering::Relaxed) {
            return Delivery::Skipped;
        }
        if !message.headers.is_empty() && !self.headers.load(Ordering::Relaxed) {
            return self.deliver_stripped(subscription, message, wakes);
        }
        let verb: &[u8] = if message.headers.is_empty() {
            b"MSG "
        } else {
            b"HMSG "
        };
        let head = [verb, message.subject, b" ", subscription.sid()];
        if told::is_traced() {
            told::delivered(&self.party, head, message.verbatim);
        }
        let shared = message.shared(wakes);
        wakes.chunks().prepare();
        let mut outbox = self.outbox.lock();
        if subscription.is_closed() {
            return Delivery::Skipped;
        }
        let [verb, subject, blank, sid] = head;
        let result = match shared {
            Some(shared) => outbox.append_shared(head, shared.clone(), wakes.chunks()),
            None => {
                let parts = [verb, subject, blank, sid, message.verbatim];
                outbox.append(parts, wakes.chunks())
            }
        };
        let result = match result {
            Ok(must_note) => Ok(must_note),
            Err(refused) => {
                let verbatim = shared.map_or(message.verbatim, |_| b"");
                let parts = [verb, subject, blank, sid, verbatim];
                let name = Name { subject, sid };
                match self.squeeze(&mut outbox, name, &parts, shared, refused, wakes) {
                    Some(after_all) => after_all,
                    None => return Delivery::Skipped,
                }
            }
        };
        self.conclude(result, outbox, subscription, message.size(), wakes)
    }

    fn deliver_run(
        &self,
        subscription: &Arc<Subscription>,
        run: &Run<'_>,
        wakes: &mut Wakes,
    ) -> Delivered {
        if run.origin() == self.id && !self.echo.load(Ordering::Relaxed) {
            return Delivered {
                skipped: run.from(0),
                is_over: false,
            };
        }
        let mut head = Head::new();
        let parts: [&[u8]; 4] = [b"MSG ", run.subject, b" ", subscription.sid()];
        for part in parts {
            head.extend_from_slice(part);
        }
        if told::is_traced() {
            let pieces = run.pieces().iter();
            pieces.for_each(|piece| told::delivered(&self.party, parts, piece.verbatim));
        }
        wakes.chunks().prepare();
        let mut outbox = self.outbox.lock();
        let (mut taken, mut bytes, mut must_note) = (0, 0, false);
        let (mut skipped, mut refused) = (0, None);
        for (at, piece) in run.pieces().iter().enumerate() {
            if subscription.is_closed() {
                skipped |= run.from(at);
                break;
            }
            match outbox.append([&head, piece.verbatim], wakes.chunks()) {
                Ok(note) => must_note |= note,
                Err(refusal) => {
                    let (parts, sid) = ([&head, piece.verbatim], subscription.sid());
                    let subject = run.subject;
                    let name = Name { subject, sid };
                    match self.squeeze(&mut outbox, name, &parts, None, refusal, wakes) {
                        Some(Ok(note)) => must_note |= note,
                        Some(Err(refusal)) => {
                            skipped |= run.from(at);
                            refused = Some(refusal);
                            break;
                        }
                        None => {
                            skipped |= 1 << at;
                            continue;
                        }
                    }
                }
            }
            taken += 1;
            bytes += piece.payload.len();
            if subscription.count_delivery() {
                skipped |= run.from(at + 1);
                break;
            }
        }
        if taken > 0 {
            self.party.count_run_out(taken, bytes);
            self.party.note_active(wakes.now());
        }
        wakes.note(bytes, must_note.then_some(&self.outbox));
        let is_over = taken > 0 && subscription.is_closed();
        if let Some(Refused::Full(bytes)) = refused {
            self.cut(outbox, Some(subscription.sid()), bytes, wakes);
        }
        Delivered { skipped, is_over }
    }

    fn owner(&self) -> u64 {
        self.id
    }

    fn limit(&self, subscription: &Subscription, max: u64) -> bool {
        let _outbox = self.outbox.lock();
        subscription.limit(max)
    }
}

impl Reader {
    /// The message without its header block, for a reader that never asked for headers.
    #[cold]
    fn deliver_stripped(
        &self,
        subscription: &Arc<Subscription>,
        message: &Message<'_>,
        wakes: &mut Wakes,
    ) -> Delivery {
        let mut line = Vec::with_capacity(message.payload.len() + 128);
        let stripped = encode::Message {
            subject: message.subject,
            sid: subscription.sid(),
            reply: message.reply,
            headers: b"",
            payload: message.payload,
        };
        encode::message(&mut line, &stripped);
        let bare = Message {
            headers: b"",
            kept: OnceCell::new(),
            ..*message
        };
        self.deliver_text(&line, subscription, &bare, wakes)
    }

    /// `message`, written as `text`.
    pub(super) fn deliver_text(
        &self,
        text: &[u8],
        subscription: &Subscription,
        message: &Message<'_>,
        wakes: &mut Wakes,
    ) -> Delivery {
        wakes.chunks().prepare();
        let mut outbox = self.outbox.lock();
        if subscription.is_closed() {
            return Delivery::Skipped;
        }
        let result = match outbox.append([text], wakes.chunks()) {
            Ok(must_note) => Ok(must_note),
            Err(refused) => {
                let (subject, sid) = (message.subject, subscription.sid());
                let name = Name { subject, sid };
                match self.squeeze(&mut outbox, name, &[text], None, refused, wakes) {
                    Some(after_all) => after_all,
                    None => return Delivery::Skipped,
                }
            }
        };
        self.conclude(result, outbox, subscription, message.size(), wakes)
    }

    fn conclude(
        &self,
        result: Result<bool, Refused>,
        outbox: Writing<'_>,
        subscription: &Subscription,
        size: usize,
        wakes: &mut Wakes,
    ) -> Delivery {
        match result {
            Ok(must_note) => {
                wakes.note(size, must_note.then_some(&self.outbox));
                self.party.count_out(size);
                if must_note || !outbox.is_noted() {
                    self.party.note_active(wakes.now()); // Else it was, a moment ago.
                }
                match subscription.count_delivery() {
                    true => Delivery::TakenLast,
                    false => Delivery::Taken,
                }
            }
            Err(Refused::Ending) => Delivery::Skipped,
            Err(Refused::Full(bytes)) => {
                self.cut(outbox, Some(subscription.sid()), bytes, wakes);
                Delivery::Skipped
            }
        }
    }

    /// Sends what is no delivery; too much of it cuts the connection as messages do.
    pub(super) fn say(&self, text: &[u8], wakes: &mut Wakes) {
        if told::is_traced() {
            told::said(&self.party, text);
        }
        wakes.chunks().prepare();
        let mut outbox = self.outbox.lock();
        let mut result = outbox.append_line(text, wakes.chunks());
        if let Err(Refused::Full(len)) = result
            && self.decide(&mut outbox, None, len, wakes) == Fate::Fits
        {
            result = outbox.append_late(text, 0, None, wakes.chunks());
        }
        match result {
            Ok(must_note) => wakes.note(text.len(), must_note.then_some(&self.outbox)),
            Err(Refused::Full(bytes)) => self.cut(outbox, None, bytes, wakes),
            Err(Refused::Ending) => {}
        }
    }

    /// Sends `-ERR '<text>'`.
    pub(super) fn say_err(&self, text: ErrText<'_>, wakes: &mut Wakes) {
        let mut line = Vec::with_capacity(64);
        encode::err(&mut line, text);
        self.say(&line, wakes);
    }

    /// Ends the connection between two messages and says why; `bytes` that did not fit, a message
    /// if they have a `sid`, are lost with what is queued.
    #[cold]
    fn cut(&self, mut outbox: Writing<'_>, sid: Option<&[u8]>, bytes: usize, wakes: &mut Wakes) {
        self.party.count_unqueued(u64::from(sid.is_some()));
        let reason = Reason::SlowConsumerPendingBytes;
        let owner = outbox.cut(reason, sid, bytes, slow_words(), wakes.chunks());
        drop(outbox);
        if let Some(owner) = owner {
            owner.wake();
        }
    }
}

/// What a reader is told that is cut because it reads too slowly.
pub(super) fn slow_words() -> Vec<u8> {
    let mut words = Vec::new();
    encode::err(&mut words, ErrText::SlowConsumer);
    words
}
