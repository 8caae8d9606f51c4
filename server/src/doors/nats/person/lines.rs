//! What a person's lines do.

use std::time::Instant;

use bytes::Bytes;
use dunlin_protocol::number::Digits;
use dunlin_protocol::{ClientOp, Connect, ErrText, HandOp, HeaderMap, Info, Publish, Quoted};
use dunlin_protocol::{Subscribe, subject};

use super::mistakes::has_empty_token;
use super::words::{Words, typed};
use super::{Next, Otherwise, Person, help};
use crate::doors::nats::login::Standing;
use crate::doors::nats::session::TextSession;
use crate::doors::nats::told;
use crate::link::{Reason, Verdict, Wakes};

impl Person {
    pub(super) fn obey(
        &mut self,
        session: &mut TextSession,
        op: &HandOp<'_>,
        owner: Option<&Bytes>,
        now: Instant,
        wakes: &mut Wakes,
    ) -> Next {
        if told::is_traced() {
            told::typed(&session.reader.party, op);
        }
        match op {
            HandOp::Http => return http(session, wakes),
            HandOp::Tls => return tls(session, wakes),
            HandOp::Quit => return Next::Go(Verdict::Close(Reason::ClientClosed)),
            HandOp::Help(verb) => session.reader.say(help::about(*verb).bytes(), wakes),
            HandOp::Auth { user, secret } => {
                self.mistakes = 0;
                return Next::Go(log_in(session, *user, secret, now, wakes));
            }
            HandOp::Protocol(ClientOp::Connect(json)) => {
                return self.connect(session, json, now);
            }
            _ => return self.obey_admitted(session, op, owner, now, wakes),
        }
        self.mistakes = 0;
        Next::Go(Verdict::Continue)
    }

    /// What only who is let in may do; a guest is let in here.
    fn obey_admitted(
        &mut self,
        session: &mut TextSession,
        op: &HandOp<'_>,
        owner: Option<&Bytes>,
        now: Instant,
        wakes: &mut Wakes,
    ) -> Next {
        if matches!(session.standing, Standing::Stranger { .. }) {
            let verdict = session.enter_unasked(now, wakes);
            if verdict != Verdict::Continue {
                return Next::Go(verdict);
            }
        }
        match op {
            HandOp::Protocol(op) => return self.obey_protocol(session, op, owner, now, wakes),
            HandOp::Publish(message) => {
                publish(session, message, now, wakes);
            }
            HandOp::Request(question) => self.requests.ask(session, question, now, wakes),
            HandOp::View(true) => {
                self.viewer.show_readably(now);
                session.say_ok(wakes);
            }
            HandOp::View(false) => {
                self.viewer.show_as_lines();
                session.say_ok(wakes);
            }
            _ => {}
        }
        self.mistakes = 0;
        Next::Go(session.verdict())
    }

    /// What a program could have said as well does the same here; a hint may follow.
    fn obey_protocol(
        &mut self,
        session: &mut TextSession,
        op: &ClientOp<'_>,
        owner: Option<&Bytes>,
        now: Instant,
        wakes: &mut Wakes,
    ) -> Next {
        if let ClientOp::Info(json) = op
            && Info::from_json(json).is_none()
        {
            let words = Words::default().err(ErrText::WrongArguments);
            let words = words.line("INFO is for the server to say");
            return self.explain(words, Otherwise::Close, now);
        }
        self.mistakes = 0;
        let verdict = session.obey(op, owner, now, wakes);
        let hint = match op {
            ClientOp::Publish(publish) => hint_at_literal(publish.subject),
            ClientOp::Subscribe(subscribe) => hint_at_filter(subscribe),
            _ => None,
        };
        if let Some(hint) = hint {
            session.reader.say(hint.bytes(), wakes);
        }
        Next::Go(verdict)
    }

    /// CONNECT makes a program of who says it, if it can be read.
    fn connect(&mut self, session: &TextSession, json: &[u8], now: Instant) -> Next {
        let Err(error) = Connect::default().merge_json(json) else {
            return Next::Program;
        };
        let words = Words::default().err(ErrText::WrongArguments);
        let words = words.line(&format!("CONNECT takes a JSON object: {error}"));
        let words = words.example("CONNECT {\"verbose\":false}");
        let otherwise = match session.must_log_in() {
            true => Otherwise::Refuse,
            false => Otherwise::Close,
        };
        self.explain(words, otherwise, now)
    }
}

/// Sends a message that was not counted; tells how many took it, or none if it was refused.
pub(super) fn publish(
    session: &mut TextSession,
    message: &Quoted<'_>,
    now: Instant,
    wakes: &mut Wakes,
) -> Option<usize> {
    let mut headers = HeaderMap::new();
    for (name, value) in &message.headers {
        // Cannot fail: the parser has let nothing else through.
        let _ = headers.append(name, value);
    }
    let mut body = Vec::with_capacity(message.text.len());
    if !headers.is_empty() {
        if !session.terms.settings.limits.has_headers {
            let words = Words::default().err(ErrText::WrongArguments);
            let words = words.line("headers are switched off on this server");
            session.reader.say(words.bytes(), wakes);
            return None;
        }
        headers.encode(&mut body);
    }
    let header_len = body.len();
    body.extend_from_slice(message.text);
    if body.len() > session.limits().payload_max {
        let max = session.limits().payload_max;
        let words = Words::default().err(ErrText::MaximumPayload);
        let words = words.line(&format!("{} bytes are over the limit of {max}", body.len()));
        session.reader.say(words.bytes(), wakes);
        return None;
    }
    let (head, size) = (
        Digits::new(header_len as u64),
        Digits::new(body.len() as u64),
    );
    let publish = Publish {
        subject: message.subject,
        reply: message.reply,
        header_size: (header_len > 0).then(|| head.as_bytes()),
        size: size.as_bytes(),
        body: &body,
        header_len,
        verbatim: None,
    };
    session.publish(&publish, None, now, wakes)
}

fn log_in(
    session: &mut TextSession,
    user: Option<&[u8]>,
    secret: &[u8],
    now: Instant,
    wakes: &mut Wakes,
) -> Verdict {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut connect = session.chosen_so_far();
    match user {
        Some(user) => (connect.user, connect.pass) = (text(user), text(secret)),
        None => connect.auth_token = text(secret),
    }
    session.is_guest = false;
    session.log_in(connect, now, wakes)
}

fn http(session: &TextSession, wakes: &mut Wakes) -> Next {
    let port = session.terms.settings.http_port;
    let cid = session.reader.id;
    tracing::warn!(cid, "HTTP was spoken on a port for messages");
    session.reader.say_err(ErrText::HttpSpoken { port }, wakes);
    Next::Go(Verdict::Close(Reason::ProtocolViolation))
}

fn tls(session: &TextSession, wakes: &mut Wakes) -> Next {
    let cid = session.reader.id;
    tracing::warn!(cid, "TLS was spoken on a port without it");
    session.reader.say_err(ErrText::TlsSpoken, wakes);
    Next::Go(Verdict::Close(Reason::ProtocolViolation))
}

/// The message has gone its way, as it does for programs.
fn hint_at_literal(subject: &[u8]) -> Option<Words> {
    if subject::is_valid_literal(subject) {
        return None;
    }
    let words = Words::default();
    Some(match has_empty_token(subject) {
        true => words.line(&format!(
            "it was sent, and reaches nobody: \"{}\" has a dot too many",
            typed(subject)
        )),
        false => words.line("it was sent, with its wildcard as plain text; wildcards are for SUB"),
    })
}

fn hint_at_filter(subscribe: &Subscribe<'_>) -> Option<Words> {
    let filter = subscribe.subject;
    if subject::is_valid_filter(filter) {
        return None;
    }
    let shown = typed(filter);
    let words = Words::default();
    let words = match has_empty_token(filter) {
        true => words.line(&format!(
            "word 2, \"{shown}\", has an empty token: a dot too many"
        )),
        false => words.line(&format!(
            "word 2, \"{shown}\", has a > that is not at its end"
        )),
    };
    Some(words.example("SUB greet.> 1"))
}
