//! Bytes from the server: into the space, cut into operations, and what each of them does.

use bytes::{Buf, BytesMut};
use dunlin_protocol::{Info, ServerOp, ServerStep, encode};

use super::{Await, CONTROL_MAX, Engine};
use crate::error::{PublishErrorKind, RequestErrorKind, SubscribeErrorKind};
use crate::notice::{LinkError, Notice};
use crate::refusal::{ServerError, ServerErrorKind, Verdict};

impl Engine {
    /// Where to put the next bytes from the server: with room for a read of a decent size.
    pub(crate) fn space(&mut self) -> &mut BytesMut {
        let len = self.input.len();
        // A size is only a claim: what is set aside for it grows with what really came.
        let missing = self.need.saturating_sub(len).min(len.max(READ_AHEAD_MAX));
        if self.input.capacity() - len < missing.max(READ_MIN) {
            let read_size = READ_SIZE - len.min(READ_SIZE - READ_MIN);
            self.input.reserve(missing.max(read_size));
            self.input_size = self.input.capacity();
        }
        &mut self.input
    }

    /// Understands what stands in the space: all operations that are whole. What is not stays.
    ///
    /// # Errors
    ///
    /// The connection is over. What was understood before is delivered.
    pub(crate) fn receive(&mut self) -> Result<(), LinkError> {
        let mut input = std::mem::take(&mut self.input);
        let outcome = self.receive_from(&mut input);
        self.input = input;
        self.table.deliver(&mut self.notices, &mut self.tally);
        self.table.wake();
        outcome
    }

    fn receive_from(&mut self, input: &mut BytesMut) -> Result<(), LinkError> {
        let mut start = 0; // Of the operation in hand; what lies before it is done.
        while input.len() - start >= self.need {
            let step = self.parser.next(&input[start..], &self.options.limits);
            let (op, used) = match step.map_err(LinkError::Protocol)? {
                ServerStep::More { need } => {
                    self.need = need;
                    break;
                }
                ServerStep::Op { op, used } => (op, used),
            };
            self.need = 1;
            let ServerOp::Message(delivery) = op else {
                self.other(op)?;
                start += used;
                continue;
            };
            let payload_len = delivery.payload().len();
            let is_shared = payload_len >= SHARED_MIN.max(self.input_size / SHARED_FRACTION);
            let payload_start = start + delivery.body_start + delivery.header_len;
            start += used;
            let (notices, tally) = (&mut self.notices, &mut self.tally);
            let message = self.table.accept(&delivery, is_shared, notices, tally);
            if let (Some(message), true) = (message, is_shared) {
                input.advance(payload_start);
                message.payload = input.split_to(payload_len).freeze();
                start -= payload_start + payload_len; // The line end behind it is what is left.
            }
        }
        input.advance(start);
        Ok(())
    }

    /// Whatever is no message.
    fn other(&mut self, op: ServerOp<'_>) -> Result<(), LinkError> {
        match op {
            ServerOp::Ping if self.control.len() >= CONTROL_MAX => return Err(LinkError::Flood),
            ServerOp::Ping => self.control.extend_from_slice(encode::PONG),
            ServerOp::Pong => self.pong(),
            ServerOp::Info(json) => {
                // An INFO that cannot be read changes nothing: all of it is advice by now.
                let info = Info::from_json(json).map(Box::new);
                self.notices.extend(info.map(Notice::Info));
            }
            ServerOp::Err(text) => return self.refused(ServerError::parse(text)),
            ServerOp::Ok | ServerOp::Message(_) => {}
        }
        Ok(())
    }

    /// The server has handled everything up to the oldest PING, and delivered what it led to.
    fn pong(&mut self) {
        self.pings_unanswered = 0;
        // Whoever waits for this may look into a queue next: what came before must be there.
        self.table.deliver(&mut self.notices, &mut self.tally);
        let Some(awaited) = self.awaiting.pop_front() else {
            return; // Nobody asked.
        };
        self.confirmed = self.confirmed.max(awaited.covers);
        match awaited.what {
            Await::KeepAlive | Await::Barrier => {}
            Await::Flush(flushed) => {
                let _ = flushed.send(Ok(())); // The caller may have given up.
            }
            Await::Publish(_, taken) => {
                let _ = taken.map(|taken| taken.send(Ok(())));
            }
            Await::Subscribe(sid) => self.table.confirm(sid),
            Await::Unsubscribe(sid, flushed) => {
                self.table.unsubscribe(sid, None);
                let _ = flushed.send(Ok(()));
            }
            Await::Drain => self.notices.push(Notice::Drained),
            Await::Farewell => self.notices.push(Notice::Parted),
        }
    }

    /// `-ERR`: fails the call that it belongs to, if its text says which that is.
    fn refused(&mut self, error: ServerError) -> Result<(), LinkError> {
        match &error.kind {
            ServerErrorKind::PublishDenied(subject) => {
                // Of another publish there is the notice alone.
                let _ = self.refuse_publish(subject) || self.replies.refuse(subject);
            }
            ServerErrorKind::ReplyDenied(reply) => {
                if let Some(token) = self.replies.token(reply.as_bytes()) {
                    self.replies.fail(token, RequestErrorKind::PermissionDenied);
                }
            }
            ServerErrorKind::SubscribeDenied {
                subject,
                queue,
                sid,
            } => {
                let sids = self.table.matching(subject, queue.as_deref(), *sid);
                self.refuse_all(&sids, SubscribeErrorKind::PermissionDenied);
            }
            ServerErrorKind::TooManySubscriptions => {
                // The text does not say which. Whoever waits longest is the best guess: the answer
                // stands before the PONG that would have confirmed it.
                let waiting = self
                    .awaiting
                    .iter()
                    .find_map(|awaited| match &awaited.what {
                        Await::Subscribe(sid) if self.table.is_waiting(*sid) => Some(*sid),
                        _ => None,
                    });
                if let Some(sid) = waiting {
                    encode::unsubscribe(&mut self.control, sid, None); // Had it been another one.
                }
                self.refuse_all(waiting.as_slice(), SubscribeErrorKind::TooMany);
            }
            _ => {}
        }
        match error.verdict() {
            Verdict::GoOn => {
                self.notices.push(Notice::Refused(error));
                Ok(())
            }
            Verdict::Reconnect | Verdict::GiveUp => Err(LinkError::Refused(error)),
        }
    }

    /// Fails the oldest call that waits for a message to `subject` to be taken; false if none does.
    /// The refusal stands before its PONG.
    fn refuse_publish(&mut self, subject: &str) -> bool {
        let mut waiting = self.awaiting.iter_mut();
        let refused = waiting.find_map(|awaited| match &mut awaited.what {
            Await::Publish(to, taken) if *to == *subject => taken.take(),
            _ => None,
        });
        let refused = refused.map(|taken| taken.send(Err(PublishErrorKind::PermissionDenied)));
        refused.is_some()
    }

    fn refuse_all(&mut self, sids: &[u64], kind: SubscribeErrorKind) {
        self.table.deliver(&mut self.notices, &mut self.tally);
        for &sid in sids {
            if self.table.refuse(sid, kind) {
                let denied = RequestErrorKind::PermissionDenied;
                self.replies.fail_all_but(&[], denied);
                self.notices.push(Notice::InboxRefused);
            }
        }
    }
}

/// How much is read at once: what a socket's buffer gives in one go. A guess to be measured.
const READ_SIZE: usize = 64 * 1024;
/// With less room than this a read is not worth its system call.
const READ_MIN: usize = 8 * 1024;
/// How much is set aside for an announced message that has not come yet: the default bound of a
/// payload, so that a usual one is read in place.
const READ_AHEAD_MAX: usize = 1024 * 1024 + 4096;
/// A payload shares the memory that it was read into if it is at least this part of it; smaller
/// ones are copied, so that one that is kept does not keep eight times its size alive.
const SHARED_FRACTION: usize = 8;
/// And it is at least this large: a copy of less costs no more than the sharing. A guess.
const SHARED_MIN: usize = 4096;
