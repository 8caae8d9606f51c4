//! What a client was not allowed to do: told to it, and to the log in nats-server's words.
//!
//! Every violation is answered; the log has no more of one connection each second than somebody can
//! read, and says how many it left out.

use std::fmt;
use std::time::{Duration, Instant};

use dunlin_protocol::{ErrText, ParseError, Subscribe};

use super::session::TextSession;
use super::told::told;
use crate::link::Wakes;
use crate::peer::{Party, Refusal};

/// The most lines about one connection in an interval; a guess at what is enough to find a fault.
const LINES_MAX: u64 = 10;
/// The time in which they are counted.
const INTERVAL: Duration = Duration::from_secs(1);
/// How much of what could not be parsed is shown, in bytes, as the reference server has it.
const SHOWN_MAX: usize = 32;

/// The violations of one connection; takes no memory before the first.
#[derive(Default)]
pub(super) struct Violations(Option<Box<Recent>>);

struct Recent {
    until: Instant,
    /// In the interval that ends then.
    seen: u64,
}

impl Violations {
    /// Logs `what`, unless there has been much of the kind.
    fn note(&mut self, party: &Party, what: fmt::Arguments<'_>, now: Instant) {
        if self.0.as_ref().is_none_or(|recent| recent.until <= now) {
            self.settle(party);
            let until = now + INTERVAL;
            self.0 = Some(Box::new(Recent { until, seen: 0 }));
        }
        let Some(recent) = &mut self.0 else { return };
        recent.seen += 1;
        if recent.seen <= LINES_MAX {
            told!(ERROR, party, "{what}");
        }
    }

    /// Logs how many were left out; called again when the connection ends.
    pub(super) fn settle(&mut self, party: &Party) {
        let seen = self.0.take().map_or(0, |recent| recent.seen);
        if seen > LINES_MAX {
            let more = seen - LINES_MAX;
            told!(ERROR, party, "{more} more violations are not shown");
        }
    }
}

impl TextSession {
    /// Tells that a message may not be published.
    pub(super) fn refuse_publish(
        &mut self,
        refusal: Refusal,
        subject: &[u8],
        reply: Option<&[u8]>,
        now: Instant,
        wakes: &mut Wakes,
    ) {
        let (text, role, name) = match (refusal, reply) {
            (Refusal::Reply, Some(reply)) => (ErrText::ReplyViolation(reply), "Reply", reply),
            _ => (ErrText::PublishViolation(subject), "Subject", subject),
        };
        self.reader.say_err(text, wakes);
        let name = String::from_utf8_lossy(name);
        let what = format_args!("Publish Violation - {role} {name:?}");
        self.violations.note(&self.reader.party, what, now);
    }

    /// Tells that a subscription is not made.
    pub(super) fn refuse_subscription(
        &mut self,
        refusal: Refusal,
        subscribe: &Subscribe<'_>,
        now: Instant,
        wakes: &mut Wakes,
    ) {
        let (subject, queue) = (subscribe.subject, subscribe.queue);
        let text = match refusal {
            Refusal::InvalidFilter => ErrText::InvalidSubject,
            Refusal::TooManySubscriptions => ErrText::MaximumSubscriptions,
            Refusal::TooManyTokens => ErrText::TooManyTokens(subject),
            _ => ErrText::SubscribeViolation { subject, queue },
        };
        self.reader.say_err(text, wakes);
        let party = &self.reader.party;
        let kind = match text {
            ErrText::TooManyTokens(_) => "Subscription Violation Too Many Tokens",
            ErrText::SubscribeViolation { .. } => "Subscription Violation",
            ErrText::MaximumSubscriptions => {
                let what = format_args!("maximum subscriptions exceeded");
                return self.violations.note(party, what, now);
            }
            _ => return,
        };
        let [subject, sid] = [subject, subscribe.sid].map(String::from_utf8_lossy);
        let queue = queue.map(|queue| format!(", Queue: {:?}", String::from_utf8_lossy(queue)));
        let queue = queue.unwrap_or_default();
        let what = format_args!("{kind} - Subject {subject:?}{queue}, SID {sid}");
        self.violations.note(party, what, now);
    }

    /// Logs what could not be parsed, which ends the connection; `rest` begins with it.
    pub(super) fn note_parse_error(&self, error: ParseError, rest: &[u8]) {
        let party = &self.reader.party;
        match error {
            ParseError::PayloadTooLarge => {
                let max = self.limits().payload_max;
                told!(ERROR, party, "maximum payload exceeded: more than {max}");
            }
            ParseError::ControlLineTooLong => {
                told!(ERROR, party, "maximum control line exceeded");
            }
            ParseError::UnknownOperation | ParseError::Malformed => {
                let shown = String::from_utf8_lossy(&rest[..rest.len().min(SHOWN_MAX)]);
                told!(
                    ERROR,
                    party,
                    "Client parser ERROR: {error}: proto={shown:?}..."
                );
            }
        }
    }
}
