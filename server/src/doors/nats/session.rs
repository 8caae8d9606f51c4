//! One text connection: operations in, effects on the bus and answers out.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dunlin_protocol::{
    ClientOp, ClientParser, ErrText, Info, Limits, ParseError, Publish, Step, Subscribe, encode,
    subject,
};
use parking_lot::Mutex;

use super::about;
use super::arrival::NatsArrival;
use super::login::{Facts, Standing};
use super::mood::Mood;
use super::person::Person;
use super::pings::Pings;
use super::sink::Reader;
use super::told::{self, told};
use super::violations::Violations;
use super::{Nats, Terms, Way};
use crate::link::{Dropped, End, Input, Outbox, Reason, Session, Taken, Verdict, Wakes};
use crate::peer::{Departure, Identity, Message, Party, Peer, Queued, RUN_MAX, Run};

/// How long after its last publish a connection still keeps what makes publishing fast. A guess
/// between the gaps of a busy program and the patience of somebody who counts memory.
pub(super) const REST_AFTER: Duration = Duration::from_secs(1);

pub(super) struct TextSession {
    pub(super) nats: Arc<Nats>,
    pub(super) terms: Arc<Terms>,
    pub(super) way: Arc<Way>,
    pub(super) standing: Standing,
    pub(super) facts: Option<Box<Facts>>,
    /// Who it is, where that is asked.
    pub(super) identity: Option<Arc<Identity>>,
    pub(super) is_guest: bool,
    pub(super) peer: Peer,
    pub(super) reader: Arc<Reader>,
    pub(super) mood: Mood,
    pub(super) pings: Pings,
    pub(super) speech: Speech,
    /// Only while a person speaks, and not while it is being heard.
    pub(super) person: Option<Box<Person>>,
    parser: ClientParser,
    /// INFO as this connection gets it; gone once it has been said for the last time.
    pub(super) info: Option<Box<Info>>,
    /// Whether the first INFO has been said before the session began.
    is_greeted: bool,
    /// When to see whether the connection still publishes.
    pub(super) rest_at: Option<Instant>,
    /// How many messages may be gathered before they are handed on.
    pub(super) run_max: usize,
    /// Until when it has published too much to be read from.
    pub(super) throttled_until: Option<Box<Instant>>,
    pub(super) violations: Violations,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    /// Nobody has said anything yet.
    Unheard,
    /// Somebody who types.
    Person,
    /// Whoever began with CONNECT.
    Program,
}

impl TextSession {
    pub(super) fn new(
        mut arrival: NatsArrival,
        outbox: Arc<Outbox>,
        party: Arc<Party>,
        now: Instant,
    ) -> Self {
        let facts = arrival.facts();
        let seat = arrival.take_seat();
        let NatsArrival {
            nats, terms, way, ..
        } = arrival;
        let secured = arrival.origin.secured.take();
        party.sit_down(Arc::clone(&outbox), secured, way.kind);
        let reader = Arc::new(Reader {
            id: party.id,
            outbox,
            party: Arc::clone(&party),
            echo: AtomicBool::new(true),
            headers: AtomicBool::new(false),
            lags: Mutex::default(),
        });
        let settings = &terms.settings;
        let mut peer = Peer::new(Arc::clone(&nats.host), reader.clone(), party);
        peer.sit_from_address(seat);
        Self {
            peer,
            reader,
            standing: Standing::new(terms.access(&way), now),
            facts,
            identity: None,
            is_guest: false,
            mood: Mood::default(),
            pings: Pings::new(
                way.ping_interval.unwrap_or(settings.ping_interval),
                settings.ping_max,
                now,
            ),
            speech: Speech::Unheard,
            person: None,
            parser: ClientParser::default(),
            info: Some(arrival.info),
            is_greeted: arrival.is_greeted,
            rest_at: None,
            run_max: RUN_MAX,
            throttled_until: None,
            violations: Violations::default(),
            nats,
            terms,
            way,
        }
    }

    pub(super) fn obey(
        &mut self,
        op: &ClientOp<'_>,
        owner: Option<&Bytes>,
        now: Instant,
        wakes: &mut Wakes,
    ) -> Verdict {
        match op {
            ClientOp::Publish(publish) => {
                self.publish(publish, owner, now, wakes);
                return self.verdict();
            }
            ClientOp::Subscribe(subscribe) => {
                self.subscribe(subscribe, now, wakes);
            }
            ClientOp::Unsubscribe { sid, max } => {
                self.pings.note_activity();
                self.peer.unsubscribe(sid, *max);
                self.say_ok(wakes);
            }
            ClientOp::Ping => self.answer_ping(wakes),
            ClientOp::Pong => {
                if let Some(took) = self.pings.note_pong(now) {
                    self.reader.party.note_round_trip(took);
                }
            }
            ClientOp::Connect(json) => return self.connect(json, now, wakes),
            ClientOp::Ok => {}
            ClientOp::Info(json) if Info::from_json(json).is_some() => {}
            ClientOp::Info(_) => return Verdict::Close(Reason::ProtocolViolation),
            ClientOp::Err(_) => return Verdict::Close(Reason::ParseError),
        }
        Verdict::Continue
    }

    /// Sends a message; tells how many took it, or none if it was refused.
    pub(super) fn publish(
        &mut self,
        publish: &Publish<'_>,
        owner: Option<&Bytes>,
        now: Instant,
        wakes: &mut Wakes,
    ) -> Option<usize> {
        self.pings.note_activity();
        if self.mood.is_pedantic && !subject::is_valid_literal(publish.subject) {
            self.reader.say_err(ErrText::InvalidPublishSubject, wakes);
        }
        let admitted = match self.peer.admit(publish.subject, publish.reply, now) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                self.reader.party.count_in(publish.body.len());
                self.refuse_publish(refusal, publish.subject, publish.reply, now, wakes);
                return None;
            }
        };
        if self.mood.is_verbose {
            self.reader.say(encode::OK, wakes);
        }
        let rebuilt;
        let (verbatim, owner) = match publish.verbatim {
            // An empty header block is passed on as no block at all.
            Some(verbatim) if publish.header_size.is_none() || publish.header_len > 0 => {
                (verbatim, owner)
            }
            _ => {
                rebuilt = rebuild(publish);
                (&rebuilt[..], None)
            }
        };
        let message = Message {
            subject: publish.subject,
            reply: publish.reply,
            headers: publish.headers(),
            payload: publish.payload(),
            verbatim,
            owner,
            at: now,
            origin: self.reader.id,
            kept: OnceCell::new(),
        };
        let mut taken = admitted.publish(&message, wakes);
        if let Some(reply) = publish.reply.filter(|_| about::is_asked(publish.subject)) {
            self.tell_user_info(reply, now, wakes);
            taken += 1;
        }
        if let Some(until) = self.peer.charge(message.size(), now) {
            self.throttled_until = Some(Box::new(until));
            self.nats.host.table.count_throttle();
        }
        self.note_published(now);
        if let (0, true, Some(reply)) = (taken, self.mood.no_responders, publish.reply) {
            self.report_no_responders(publish.subject, reply, wakes);
        }
        Some(taken)
    }

    /// Tells the publisher that nobody took its message, if it listens for the answer.
    ///
    /// ```text
    /// HMSG <reply> <sid> <n> <n>⏎NATS/1.0 503⏎Nats-Subject: <subject>⏎⏎⏎
    /// ```
    fn report_no_responders(&mut self, subject: &[u8], reply: &[u8], wakes: &mut Wakes) {
        let Some(own) = self.peer.own_plain(reply) else {
            return;
        };
        let headers = [b"NATS/1.0 503\r\nNats-Subject: ", subject, b"\r\n\r\n"].concat();
        let mut line = Vec::with_capacity(headers.len() + reply.len() + 32);
        let status = encode::Message {
            subject: reply,
            sid: own.sid(),
            reply: None,
            headers: &headers,
            payload: b"",
        };
        encode::message(&mut line, &status);
        self.reader.say(&line, wakes);
    }

    /// Subscribes; tells whether that was allowed.
    pub(super) fn subscribe(
        &mut self,
        subscribe: &Subscribe<'_>,
        now: Instant,
        wakes: &mut Wakes,
    ) -> bool {
        self.pings.note_activity();
        let Subscribe {
            subject,
            queue,
            sid,
        } = *subscribe;
        match self.peer.subscribe(subject, queue, sid) {
            Ok(()) => self.say_ok(wakes),
            Err(refusal) => {
                self.refuse_subscription(refusal, subscribe, now, wakes);
                return false;
            }
        }
        true
    }

    /// What a line and a message may be.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            has_headers: self.mood.has_headers,
            ..self.terms.settings.limits
        }
    }

    /// Whether the connection is to be read from now.
    pub(super) fn verdict(&self) -> Verdict {
        match self.throttled_until {
            Some(_) => Verdict::Pause,
            None => self.standing.verdict(),
        }
    }

    /// A program speaks: the protocol to the byte. It began with CONNECT, so it has been let in
    /// before anything else is obeyed.
    pub(super) fn hear_program(
        &mut self,
        input: Input<'_>,
        now: Instant,
        wakes: &mut Wakes,
    ) -> Taken {
        self.reader.party.note_active(now);
        let mut run = Run::new(self.reader.id, now);
        let mut limits = self.limits();
        let mut used = 0;
        let (need, verdict) = loop {
            let verdict = match self.parser.next(&input.bytes[used..], &limits) {
                Ok(Step::Op { op, used: step }) => {
                    used += step;
                    if told::is_traced() {
                        told::heard(&self.reader.party, &op);
                    }
                    if self.gather(&op, &mut run, wakes) {
                        Verdict::Continue
                    } else {
                        self.end_run(&mut run, wakes);
                        let verdict = self.obey(&op, input.owner, now, wakes);
                        limits.has_headers = self.mood.has_headers;
                        verdict
                    }
                }
                Ok(Step::More { used: step, need }) => {
                    used += step;
                    break (need, Verdict::Continue);
                }
                Err(error) => {
                    self.end_run(&mut run, wakes);
                    self.note_parse_error(error, &input.bytes[used..]);
                    if let Some(text) = error.err_text() {
                        self.reader.say_err(text, wakes);
                    }
                    break (1, Verdict::Close(reason(error)));
                }
            };
            if verdict != Verdict::Continue || wakes.is_full() {
                break (0, verdict);
            }
        };
        self.end_run(&mut run, wakes);
        Taken {
            used,
            need,
            verdict,
        }
    }

    pub(super) fn say_ok(&self, wakes: &mut Wakes) {
        if self.mood.is_verbose {
            self.reader.say(encode::OK, wakes);
        }
    }
}

impl Session for TextSession {
    fn on_open(&mut self, _now: Instant, wakes: &mut Wakes) {
        self.share_outbox();
        self.update_lags();
        if let Some(info) = self.info.as_deref().filter(|_| !self.is_greeted) {
            self.say_info(info, wakes);
        }
    }

    fn on_bytes(&mut self, input: Input<'_>, now: Instant, wakes: &mut Wakes) -> Taken {
        match self.speech {
            Speech::Program => self.hear_program(input, now, wakes),
            Speech::Person => self.hear_person(input, now, wakes),
            Speech::Unheard => self.hear_first(input, now, wakes),
        }
    }

    fn on_tick(&mut self, now: Instant, wakes: &mut Wakes) -> Verdict {
        if self.rest_at.is_some_and(|at| at <= now) {
            self.rest_at = self.peer.rest().then(|| now + REST_AFTER);
        }
        if self.pings.is_due(now) {
            let verdict = self.tick_pings(now, wakes);
            if verdict != Verdict::Continue {
                return verdict;
            }
        }
        self.throttled_until.take_if(|until| **until <= now);
        if let Verdict::Close(reason) = self.tick_person(now, wakes) {
            return Verdict::Close(reason);
        }
        match self.tick_standing(now, wakes) {
            Verdict::Close(reason) => Verdict::Close(reason),
            _ => self.verdict(),
        }
    }

    fn on_notice(&mut self, now: Instant, wakes: &mut Wakes) -> Verdict {
        if let Verdict::Close(reason) = self.adopt_terms(now, wakes) {
            return Verdict::Close(reason);
        }
        match self.finish_check(now, wakes) {
            Verdict::Close(reason) => Verdict::Close(reason),
            _ => self.verdict(),
        }
    }

    fn deadline(&self) -> Instant {
        let person = self.person.as_ref().and_then(|person| person.due());
        [
            self.rest_at,
            self.standing.due(),
            self.throttled_until.as_deref().copied(),
            person,
        ]
        .into_iter()
        .flatten()
        .fold(self.pings.due(), Instant::min)
    }

    fn on_stall(&mut self) {
        self.nats.host.table.count_stall();
        told!(
            INFO,
            &self.reader.party,
            "Slow Consumer State: write deadline exceeded"
        );
    }

    fn on_pace(&mut self) {
        self.reader.party.count_pause();
    }

    fn on_close(&mut self, end: End) {
        let (party, reason) = (Arc::clone(&self.reader.party), end.reason);
        let Dropped {
            messages,
            bytes,
            by_sid,
        } = end.dropped;
        let by_sid = by_sid.filter(|_| reason.is_slow_consumer());
        let lost = by_sid.map_or_else(Queued::default, |queued| *queued);
        let mut departure = Departure::of(&party, reason, end.backlog, lost);
        self.violations.settle(&party);
        if let Some(rest) = self.peer.leave() {
            self.nats.background.run(Box::new(rest));
        }
        // What who leaves by itself did not read is its own choice.
        if reason.is_slow_consumer() {
            departure.dropped_messages = messages;
            departure.dropped_bytes = bytes;
            let text = "what it had not read is dropped";
            told!(WARN, &party, messages, bytes, "{reason}: {text}");
        } else {
            told!(DEBUG, &party, "Client connection closed: {reason}");
        }
        self.nats.host.leave(&party, departure, end.at);
    }
}

/// What stands behind the sid of a delivery, where the publisher's line could not be passed on.
#[cold]
fn rebuild(publish: &Publish<'_>) -> Vec<u8> {
    let mut tail = Vec::with_capacity(publish.body.len() + 64);
    let header_size = publish.header_size.filter(|_| publish.header_len > 0);
    for arg in [publish.reply, header_size, Some(publish.size)]
        .into_iter()
        .flatten()
    {
        tail.push(b' ');
        tail.extend_from_slice(arg);
    }
    tail.extend_from_slice(b"\r\n");
    tail.extend_from_slice(publish.body);
    tail.extend_from_slice(b"\r\n");
    tail
}

pub(super) fn reason(error: ParseError) -> Reason {
    match error {
        ParseError::UnknownOperation | ParseError::Malformed => Reason::ProtocolViolation,
        ParseError::ControlLineTooLong => Reason::MaximumControlLineExceeded,
        ParseError::PayloadTooLarge => Reason::MaximumPayloadExceeded,
    }
}
