//! A person at the other end: somebody who types lines, and whose first word was not CONNECT.
//!
//! In: the lines. Out: what nats-server would answer to each that it understands; to each that it
//! would hang up on, what was wrong and what to type instead. Programs never come here: they are
//! told apart by their first bytes, and a person who says CONNECT becomes one.
//! Source: protocol.md#by-hand.
//!
//! Invariant: behind a mistake nothing is obeyed before the person has had time to read of it. What
//! comes sooner was sent without looking, perhaps as a payload: it ends the connection.

mod help;
mod lines;
mod mistakes;
mod payload;
mod requests;
mod strangers;
mod view;
mod words;

use std::sync::Arc;
use std::time::{Duration, Instant};

use dunlin_protocol::{ErrText, HandParser, HandStep, ParseError};

use super::login::Standing;
use super::pings::Pings;
use super::session::{Speech, TextSession, reason};
use crate::link::{Input, Reason, Taken, Verdict, Wakes};
use payload::Unfinished;
use requests::Requests;
use view::Viewer;
use words::Words;

/// How many mistakes in a row end a session: who makes more is no person. From the contract.
const MISTAKES_MAX: u32 = 10;
/// How long after a mistake nothing may come: longer than a network holds back what was sent
/// together, shorter than anybody types. A guess.
const HUSH: Duration = Duration::from_millis(250);

/// What is kept of somebody who types.
pub(super) struct Person {
    parser: HandParser,
    viewer: Arc<Viewer>,
    /// What is still to be said of the last mistake.
    unsaid: Option<Unsaid>,
    mistakes: u32, // In a row.
    unfinished: Option<Unfinished>,
    requests: Requests,
}

/// The answer to a mistake, held back until it is clear that somebody waits for it.
struct Unsaid {
    words: Words,
    at: Instant,
    /// What ends the connection if something else comes first.
    otherwise: Otherwise,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Otherwise {
    Close,
    /// It was said by somebody who must say who it is.
    Refuse,
}

/// What becomes of the session after a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Go(Verdict),
    /// From now on a program speaks.
    Program,
}

/// Whether `input` begins with CONNECT; none if it may still.
fn begins_with_connect(input: &[u8]) -> Option<bool> {
    const CONNECT: &[u8] = b"CONNECT";
    let len = input.len().min(CONNECT.len());
    match input[..len].eq_ignore_ascii_case(&CONNECT[..len]) {
        true if len < CONNECT.len() => None,
        is_connect => Some(is_connect),
    }
}

impl TextSession {
    /// The first bytes decide who speaks here.
    pub(super) fn hear_first(
        &mut self,
        input: Input<'_>,
        now: Instant,
        wakes: &mut Wakes,
    ) -> Taken {
        match begins_with_connect(input.bytes) {
            None => Taken {
                used: 0,
                need: input.bytes.len() + 1,
                verdict: Verdict::Continue,
            },
            Some(true) => {
                self.speech = Speech::Program;
                self.hear_program(input, now, wakes)
            }
            Some(false) => {
                self.meet_person(now);
                self.hear_person(input, now, wakes)
            }
        }
    }

    /// Somebody types: what they subscribe to is to be shown as they like, and they are never asked
    /// for a PONG; that the connection stands is TCP's to find out.
    fn meet_person(&mut self, now: Instant) {
        let viewer = Arc::new(Viewer::new(Arc::clone(&self.reader)));
        self.speech = Speech::Person;
        if let Standing::Stranger { until } = &mut self.standing {
            *until += self.terms.access(&self.way).typing_more();
        }
        self.update_lags();
        self.pings = Pings::new(Duration::ZERO, 0, now);
        self.peer.receive_through(viewer.clone());
        self.person = Some(Box::new(Person {
            parser: HandParser::default(),
            viewer,
            unsaid: None,
            mistakes: 0,
            unfinished: None,
            requests: Requests::default(),
        }));
    }

    pub(super) fn hear_person(
        &mut self,
        input: Input<'_>,
        now: Instant,
        wakes: &mut Wakes,
    ) -> Taken {
        let Some(mut person) = self.person.take() else {
            return self.hear_program(input, now, wakes);
        };
        let (taken, is_program) = person.hear(self, input, now, wakes);
        if !is_program {
            self.person = Some(person);
            return taken;
        }
        person.leave(self, now);
        match taken.used {
            0 => self.hear_program(input, now, wakes), // Each look at the input takes something.
            _ => taken,
        }
    }

    /// The time has come for something that was to be said to a person.
    pub(super) fn tick_person(&mut self, now: Instant, wakes: &mut Wakes) -> Verdict {
        let Some(mut person) = self.person.take() else {
            return Verdict::Continue;
        };
        let verdict = person.tick(self, now, wakes);
        self.person = Some(person);
        verdict
    }
}

impl Person {
    /// Takes lines until there is no whole one left; tells whether the last was a CONNECT, which
    /// is left where it is.
    fn hear(
        &mut self,
        session: &mut TextSession,
        input: Input<'_>,
        now: Instant,
        wakes: &mut Wakes,
    ) -> (Taken, bool) {
        let mut used = 0;
        loop {
            let rest = &input.bytes[used..];
            if self.unsaid.is_some() {
                let verdict = self.end_of_hush(session, rest, now);
                let used = input.bytes.len();
                return (taken(used, 1, verdict), false);
            }
            if let Some(blank) = self.given_up(rest) {
                used += blank;
                self.give_up(session, wakes);
                continue;
            }
            let step = match session.must_log_in() {
                true => strangers::next(&mut self.parser, rest, &session.limits()),
                false => self.parser.next(rest, &session.limits()),
            };
            let (step_used, next) = match step {
                Ok(HandStep::More {
                    used: more,
                    need,
                    body,
                }) => {
                    let rest = rest.len() - more;
                    self.watch(body, rest, now);
                    return (taken(used + more, need, Verdict::Continue), false);
                }
                Ok(HandStep::Op { op, used }) => {
                    (used, self.obey(session, &op, input.owner, now, wakes))
                }
                Ok(HandStep::Mistake { mistake, used }) => {
                    let next = self.answer_mistake(session, &mistake, now, wakes);
                    (used, next)
                }
                Err(error) => return (self.hang_up(session, error, used, wakes), false),
            };
            self.unfinished = None;
            let verdict = match next {
                Next::Program => {
                    let blanks = rest.iter().take_while(|it| it.is_ascii_whitespace());
                    return (taken(used + blanks.count(), 0, Verdict::Continue), true);
                }
                Next::Go(verdict) => verdict,
            };
            used += step_used;
            if verdict != Verdict::Continue || wakes.is_full() {
                return (taken(used, 0, verdict), false);
            }
        }
    }

    /// Something has come before the answer to a mistake: if it is more than a line end, it was
    /// sent without looking.
    fn end_of_hush(&mut self, session: &mut TextSession, rest: &[u8], now: Instant) -> Verdict {
        if rest.iter().all(u8::is_ascii_whitespace) {
            return Verdict::Continue;
        }
        match self.unsaid.take().map(|unsaid| unsaid.otherwise) {
            Some(Otherwise::Refuse) => session.refuse(now),
            _ => Verdict::Close(Reason::ProtocolViolation),
        }
    }

    /// What no hint can help with.
    fn hang_up(
        &self,
        session: &TextSession,
        error: ParseError,
        used: usize,
        wakes: &mut Wakes,
    ) -> Taken {
        if session.must_log_in() {
            session
                .reader
                .say_err(ErrText::AuthorizationViolation, wakes);
            return taken(used, 1, Verdict::Close(Reason::AuthenticationFailure));
        }
        if let Some(text) = error.err_text() {
            session.reader.say_err(text, wakes);
        }
        taken(used, 1, Verdict::Close(reason(error)))
    }

    /// Holds `words` back for a moment, and counts the mistake they are about.
    fn explain(&mut self, words: Words, otherwise: Otherwise, now: Instant) -> Next {
        self.mistakes += 1;
        self.unsaid = Some(Unsaid {
            words,
            at: now + HUSH,
            otherwise,
        });
        Next::Go(Verdict::Continue)
    }

    fn tick(&mut self, session: &mut TextSession, now: Instant, wakes: &mut Wakes) -> Verdict {
        if let Some(unsaid) = self.unsaid.take_if(|unsaid| unsaid.at <= now) {
            session.reader.say(unsaid.words.bytes(), wakes);
            if self.mistakes >= MISTAKES_MAX {
                session.reader.say_err(ErrText::TooManyMistakes, wakes);
                return Verdict::Close(Reason::ProtocolViolation);
            }
        }
        self.hint_at_payload(session, now, wakes);
        self.requests.tick(session, now, wakes);
        Verdict::Continue
    }

    /// When something is to be said.
    pub(super) fn due(&self) -> Option<Instant> {
        let unsaid = self.unsaid.as_ref().map(|unsaid| unsaid.at);
        let unfinished = self.unfinished.as_ref().and_then(Unfinished::due);
        let times = [unsaid, unfinished, self.requests.due()];
        times.into_iter().flatten().min()
    }

    /// A program speaks from now on: nothing of the person's comforts stays.
    fn leave(&mut self, session: &mut TextSession, now: Instant) {
        self.viewer.show_as_lines();
        self.requests.forget(session);
        let settings = &session.terms.settings;
        session.pings = Pings::new(settings.ping_interval, settings.ping_max, now);
        session.speech = Speech::Program;
    }
}

fn taken(used: usize, need: usize, verdict: Verdict) -> Taken {
    Taken {
        used,
        need,
        verdict,
    }
}
