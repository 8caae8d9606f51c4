//! Requests that wait for their answers.
//!
//! One inbox serves all of them: `_INBOX.<name>.<token>`, where the token says which request is
//! answered. In: an answer, or a reason why none will come. Out: the waiting call resumes; one that
//! wants many answers finds them in a queue.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dunlin_protocol::number::Digits;
use tokio::sync::oneshot;

use crate::error::RequestErrorKind;
use crate::ids::{NumberMap, number};
use crate::message::{Message, StatusCode, Subject};
use crate::queue::{End, Queue};

/// What a request comes to.
pub(crate) type Answer = Result<Message, RequestErrorKind>;

#[derive(Debug)]
pub(crate) struct Replies {
    /// `_INBOX.<name>.`; a token is put behind it.
    prefix: String,
    key: RandomState,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By token. Bounded by the calls that are waiting: each takes its entry out when it goes.
    pending: NumberMap<Pending>,
    last_token: u64,
}

#[derive(Debug)]
struct Pending {
    answer: Taker,
    /// What was asked, as a hash: enough to find it again when the server refuses it by name.
    subject_hash: u64,
}

/// Who takes the answers.
#[derive(Debug)]
enum Taker {
    One(oneshot::Sender<Answer>),
    Many(Arc<Queue>),
}

impl Taker {
    /// No answer, or no more of them; false if nobody waits any longer.
    fn fail(self, kind: RequestErrorKind) -> bool {
        match self {
            Self::One(answer) => answer.send(Err(kind)).is_ok(),
            Self::Many(queue) => {
                queue.end(End::Failed(kind));
                true
            }
        }
    }
}

impl Replies {
    pub(crate) fn new(inbox: &str) -> Self {
        Self {
            prefix: format!("{inbox}."),
            key: RandomState::new(),
            state: Mutex::default(),
        }
    }

    /// The subscription that all answers come to.
    pub(crate) fn filter(&self) -> Subject {
        Subject::from(format!("{}*", self.prefix))
    }

    /// Makes an entry for a request on `subject`. Returns its token and where the answer will be.
    pub(crate) fn register(&self, subject: &str) -> (u64, oneshot::Receiver<Answer>) {
        let (answer, receiver) = oneshot::channel();
        (self.enter(subject, Taker::One(answer)), receiver)
    }

    /// Makes an entry for a request on `subject` whose answers go into `queue`. Returns its token.
    pub(crate) fn register_many(&self, subject: &str, queue: Arc<Queue>) -> u64 {
        self.enter(subject, Taker::Many(queue))
    }

    fn enter(&self, subject: &str, answer: Taker) -> u64 {
        let subject_hash = self.key.hash_one(subject.as_bytes());
        let mut state = self.lock();
        state.last_token += 1;
        let token = state.last_token;
        state.pending.insert(
            token,
            Pending {
                answer,
                subject_hash,
            },
        );
        token
    }

    /// Appends the reply subject of `token`.
    pub(crate) fn write_subject(&self, token: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.prefix.as_bytes());
        out.extend_from_slice(Digits::new(token).as_bytes());
    }

    /// The token in a subject of the inbox, if it is one.
    pub(crate) fn token(&self, subject: &[u8]) -> Option<u64> {
        let digits = subject.strip_prefix(self.prefix.as_bytes())?;
        number(digits)
    }

    /// Takes the entry out: the caller waits no longer.
    pub(crate) fn forget(&self, token: u64) {
        self.lock().pending.remove(&token);
    }

    /// Hands `message` to the request it answers; false if nobody waits for it.
    pub(crate) fn complete(&self, token: u64, message: Message) -> bool {
        let is_refusal =
            message.status == Some(StatusCode::NO_RESPONDERS) && message.payload.is_empty();
        let mut state = self.lock();
        let queue = match state.pending.get(&token) {
            Some(Pending {
                answer: Taker::Many(queue),
                ..
            }) if !is_refusal => Some(Arc::clone(queue)),
            _ => None,
        };
        if let Some(queue) = queue {
            drop(state);
            queue.push(&mut VecDeque::from([message]));
            return true;
        }
        let pending = state.pending.remove(&token);
        drop(state);
        match pending.map(|pending| pending.answer) {
            Some(taker) if is_refusal => taker.fail(RequestErrorKind::NoResponders),
            Some(Taker::One(answer)) => answer.send(Ok(message)).is_ok(),
            _ => false,
        }
    }

    /// Fails one request.
    pub(crate) fn fail(&self, token: u64, kind: RequestErrorKind) {
        let pending = self.lock().pending.remove(&token);
        if let Some(pending) = pending {
            pending.answer.fail(kind); // The caller may have gone in this moment.
        }
    }

    /// Fails the oldest request on `subject`; false if there is none.
    pub(crate) fn refuse(&self, subject: &str) -> bool {
        let hash = self.key.hash_one(subject.as_bytes());
        let mut state = self.lock();
        let asked = state.pending.iter().filter(|(_, p)| p.subject_hash == hash);
        let Some(oldest) = asked.map(|(&token, _)| token).min() else {
            return false;
        };
        let pending = state.pending.remove(&oldest);
        drop(state);
        pending.is_some_and(|pending| pending.answer.fail(RequestErrorKind::PermissionDenied))
    }

    /// Fails all requests but those in `kept`, which is sorted.
    pub(crate) fn fail_all_but(&self, kept: &[u64], kind: RequestErrorKind) {
        let mut state = self.lock();
        let is_lost = |token: &u64| kept.binary_search(token).is_err();
        let lost: Vec<_> = state
            .pending
            .extract_if(|token, _| is_lost(token))
            .collect();
        drop(state);
        for (_, pending) in lost {
            pending.answer.fail(kind); // The caller may have gone in this moment.
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_its_subject_only() {
        let replies = Replies::new("_INBOX.x");
        assert_eq!(replies.filter(), "_INBOX.x.*");
        let mut subject = Vec::new();
        replies.write_subject(17, &mut subject);
        assert_eq!(replies.token(&subject), Some(17));
        for other in [
            "_INBOX.x.",
            "_INBOX.x.a",
            "_INBOX.y.1",
            "",
            "_INBOX.x.99999999999999999999",
        ] {
            assert_eq!(replies.token(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn the_oldest_request_on_a_refused_subject_fails() {
        let replies = Replies::new("_INBOX.x");
        let (_, mut first) = replies.register("a");
        let (_, mut second) = replies.register("a");
        let (_, mut other) = replies.register("b");
        assert!(replies.refuse("a") && !replies.refuse("c"));
        assert_eq!(
            first.try_recv(),
            Ok(Err(RequestErrorKind::PermissionDenied))
        );
        assert!(second.try_recv().is_err() && other.try_recv().is_err());
    }

    #[test]
    fn what_was_not_sent_yet_survives_a_lost_connection() {
        let replies = Replies::new("_INBOX.x");
        let (_, mut sent) = replies.register("a");
        let (kept, mut unsent) = replies.register("a");
        replies.fail_all_but(&[kept], RequestErrorKind::Disconnected);
        assert_eq!(sent.try_recv(), Ok(Err(RequestErrorKind::Disconnected)));
        assert!(unsent.try_recv().is_err());
        replies.forget(kept);
        assert_eq!(replies.lock().pending.len(), 0);
    }
}
