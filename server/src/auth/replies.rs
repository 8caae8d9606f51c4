//! The reply subjects that a connection may answer although nothing else lets it publish there.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use parking_lot::Mutex;

use super::permissions::Responses;

/// The most replies remembered for one connection; one more, and the oldest is forgotten. Four
/// times as many as the reference server keeps before it looks for expired ones.
const REPLIES_MAX: usize = 16 * 1024;

/// What one connection may answer. Written by whoever delivers to it, read by its own loop.
pub(crate) struct Replies {
    allowed: Responses,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: HashMap<Box<[u8]>, Open>,
    /// The same in the order of their coming, with the number of each coming: what was answered or
    /// came again leaves a row behind, which is skipped.
    order: VecDeque<(Box<[u8]>, u64)>,
    last: u64,
}

struct Open {
    number: u64,
    since: Instant,
    answers: u64,
}

impl Replies {
    pub(crate) fn new(allowed: Responses) -> Self {
        Self {
            allowed,
            state: Mutex::default(),
        }
    }

    /// A message that asks for answers at `reply` has been delivered.
    pub(crate) fn note(&self, reply: &[u8], now: Instant) {
        let mut state = self.state.lock();
        state.forget_old(&self.allowed, now);
        state.last += 1;
        let number = state.last;
        let open = Open {
            number,
            since: now,
            answers: 0,
        };
        state.open.insert(reply.into(), open);
        state.order.push_back((reply.into(), number));
    }

    /// Whether an answer may go to `subject`; if so, it is counted.
    pub(crate) fn take(&self, subject: &[u8], now: Instant) -> bool {
        let mut state = self.state.lock();
        let Some(open) = state.open.get_mut(subject) else {
            return false;
        };
        open.answers += 1;
        let is_in_time = self
            .allowed
            .expires
            .is_none_or(|expires| now - open.since <= expires);
        let is_left = self.allowed.max.is_none_or(|max| open.answers <= max);
        if !(is_in_time && is_left) {
            state.open.remove(subject);
        }
        is_in_time && is_left
    }
}

impl State {
    /// Forgets from the oldest on what has expired or is too much.
    fn forget_old(&mut self, allowed: &Responses, now: Instant) {
        while let Some((reply, number)) = self.order.front() {
            let is_current = |open: &&Open| open.number == *number;
            if let Some(open) = self.open.get(reply).filter(is_current) {
                let has_expired = allowed
                    .expires
                    .is_some_and(|expires| now - open.since > expires);
                if !has_expired && self.order.len() < REPLIES_MAX {
                    return;
                }
                self.open.remove(reply);
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_reply_may_be_answered_as_often_as_allowed() {
        let start = Instant::now();
        let replies = Replies::new(Responses {
            max: Some(2),
            expires: None,
        });
        assert!(!replies.take(b"r", start));
        replies.note(b"r", start);
        assert!(replies.take(b"r", start));
        assert!(replies.take(b"r", start + 1000 * MINUTE));
        assert!(!replies.take(b"r", start));
        assert!(!replies.take(b"other", start));
    }

    #[test]
    fn a_reply_expires() {
        let start = Instant::now();
        let replies = Replies::new(Responses::default());
        replies.note(b"r", start);
        assert!(!replies.take(b"r", start + 3 * MINUTE));
        replies.note(b"r", start);
        assert!(replies.take(b"r", start + MINUTE));
    }

    #[test]
    fn what_comes_again_counts_from_then_on() {
        let start = Instant::now();
        let replies = Replies::new(Responses::default());
        replies.note(b"r", start);
        assert!(replies.take(b"r", start));
        replies.note(b"r", start + 5 * MINUTE);
        assert!(replies.take(b"r", start + 6 * MINUTE));
        assert!(!replies.take(b"r", start + 6 * MINUTE));
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let start = Instant::now();
        let replies = Replies::new(Responses {
            max: None,
            expires: None,
        });
        for number in 0..=REPLIES_MAX {
            replies.note(number.to_string().as_bytes(), start);
        }
        let state = replies.state.lock();
        assert!(state.open.len() <= REPLIES_MAX && state.order.len() <= REPLIES_MAX);
        drop(state);
        assert!(!replies.take(b"0", start));
        assert!(replies.take(b"1", start));
    }
}
