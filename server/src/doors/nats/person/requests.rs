//! Questions that a person waits for an answer to.
//!
//! Each has a subscription of its own, named `?1` and on, that ends with its first message.

use std::time::{Duration, Instant};

use dunlin_protocol::{ErrText, Quoted, Subscribe};

use super::lines;
use super::words::{Words, typed};
use crate::doors::nats::session::TextSession;
use crate::link::Wakes;
use crate::peer::nonce;

/// How long an answer may take. As long as somebody looks at a screen; a guess.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How many answers one person may wait for.
const REQUESTS_MAX: usize = 16;

#[derive(Default)]
pub(super) struct Requests {
    open: Vec<Request>,
}

struct Request {
    sid: Vec<u8>,
    subject: Vec<u8>,
    until: Instant,
}

impl Requests {
    /// Sends a question; the answer will come as a message.
    pub(super) fn ask(
        &mut self,
        session: &mut TextSession,
        question: &Quoted<'_>,
        now: Instant,
        wakes: &mut Wakes,
    ) {
        self.open.retain(|request| session.peer.has(&request.sid));
        if self.open.len() >= REQUESTS_MAX {
            let words = Words::default().err(ErrText::TooManyRequests);
            let words = words.line(&format!("{REQUESTS_MAX} requests wait for their answers"));
            return session.reader.say(words.bytes(), wakes);
        }
        let own = format!("_INBOX.{}", token());
        let reply = question.reply.unwrap_or(own.as_bytes());
        let sid = free_sid(session);
        let is_verbose = std::mem::take(&mut session.mood.is_verbose); // The answer is the answer.
        let subscribe = Subscribe {
            subject: reply,
            queue: None,
            sid: &sid,
        };
        let taken = session.subscribe(&subscribe, now, wakes).then(|| {
            session.peer.unsubscribe(&sid, Some(1));
            let question = Quoted {
                reply: Some(reply),
                ..question.clone()
            };
            lines::publish(session, &question, now, wakes)
        });
        session.mood.is_verbose = is_verbose;
        match taken.flatten() {
            None => session.peer.unsubscribe(&sid, None),
            Some(0) => {
                session.peer.unsubscribe(&sid, None);
                let words = Words::default().err(ErrText::NoResponders);
                let subject = typed(question.subject);
                let words = words.line(&format!("nobody is subscribed to {subject}"));
                session.reader.say(words.bytes(), wakes);
            }
            Some(_) => self.open.push(Request {
                sid,
                subject: question.subject.to_vec(),
                until: now + ANSWER_WITHIN,
            }),
        }
    }

    /// Gives up those that have waited long enough.
    pub(super) fn tick(&mut self, session: &mut TextSession, now: Instant, wakes: &mut Wakes) {
        self.open.retain(|request| {
            if !session.peer.has(&request.sid) {
                return false;
            }
            if request.until > now {
                return true;
            }
            session.peer.unsubscribe(&request.sid, None);
            let (subject, seconds) = (typed(&request.subject), ANSWER_WITHIN.as_secs());
            let words = Words::default().err(ErrText::RequestTimeout);
            let words = words.line(&format!(
                "nobody answered {subject} within {seconds} seconds"
            ));
            session.reader.say(words.bytes(), wakes);
            false
        });
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.open.iter().map(|request| request.until).min()
    }

    /// Waits for none of them any more.
    pub(super) fn forget(&mut self, session: &mut TextSession) {
        for request in self.open.drain(..) {
            session.peer.unsubscribe(&request.sid, None);
        }
    }
}

/// A name that no subscription of the session has.
fn free_sid(session: &TextSession) -> Vec<u8> {
    let names = (1u64..).map(|number| format!("?{number}").into_bytes());
    let mut free = names.filter(|name| !session.peer.has(name));
    free.next().unwrap_or_default()
}

/// What nobody can guess, so that nobody else can answer or listen.
fn token() -> String {
    match nonce() {
        chance if chance.is_empty() => format!("{:016x}", fastrand::u64(..)),
        chance => chance,
    }
}
