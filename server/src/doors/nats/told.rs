//! What connections say and hear, for the log: nats-server's lines of `trace`, and whose they are.
//!
//! In: operations as they pass. Out: events with the fields `remote`, `cid`, `kind`, `client`, `user`,
//! and `payload` in full. Costs one relaxed look at the level while nobody listens.

use std::borrow::Cow;
use std::net::IpAddr;

use dunlin_protocol::{ClientOp, HandOp, Publish, Quoted};
use serde_json::Value;
use tracing::Level;

use crate::peer::{ConnectionType, Party};

/// Members of CONNECT that nobody is to read.
const SECRETS: [&str; 5] = ["pass", "auth_token", "jwt", "nkey", "sig"];
/// What stands in their place, as in nats-server.
const REDACTED: &str = "[REDACTED]";

/// An event about a connection.
macro_rules! told {
    ($level:ident, $party:expr, $($what:tt)+) => {
        if tracing::enabled!(tracing::Level::$level) {
            let who = $crate::doors::nats::told::Who::of($party);
            tracing::event!(
                tracing::Level::$level,
                remote = who.remote,
                cid = who.cid,
                kind = who.kind,
                client = who.client,
                user = who.user,
                $($what)+
            );
        }
    };
}
pub(super) use told;

/// Whose connection it is.
pub(super) struct Who {
    pub(super) remote: String,
    pub(super) cid: u64,
    pub(super) kind: &'static str,
    /// `v1.2:go:name`, as far as it is known.
    pub(super) client: String,
    /// `$G/user:name`.
    pub(super) user: String,
}

impl Who {
    pub(super) fn of(party: &Party) -> Self {
        let remote = party.address.map(|address| address.to_string());
        let remote = remote.unwrap_or_else(|| "pipe".to_owned());
        let greeting = party.greeting().unwrap_or_default();
        let version = match &*greeting.version {
            "" => String::new(),
            version => format!("v{version}"),
        };
        let client = [&version, &*greeting.language, &*greeting.name];
        let known: Vec<&str> = client.into_iter().filter(|part| !part.is_empty()).collect();
        Self {
            remote: match party.forwarded_for() {
                None => remote,
                Some(IpAddr::V4(client)) => format!("{client}/{remote}"),
                Some(IpAddr::V6(client)) => format!("[{client}]/{remote}"),
            },
            cid: party.id,
            kind: match party.kind() {
                ConnectionType::Websocket => "wid",
                _ => "cid",
            },
            client: known.join(":"),
            user: match &*greeting.user {
                user if !user.is_empty() && party.is_admitted() => format!("$G/user:{user}"),
                _ => String::new(),
            },
        }
    }
}

/// Whether anybody listens to [`heard`] and [`said`].
pub(super) fn is_traced() -> bool {
    tracing::enabled!(Level::TRACE)
}

/// Traces what a client said.
#[cold]
pub(super) fn heard(party: &Party, op: &ClientOp<'_>) {
    let text = match op {
        ClientOp::Connect(json) => format!("CONNECT {}", redacted(json)),
        ClientOp::Publish(publish) => published(publish),
        ClientOp::Subscribe(subscribe) => {
            let queue = subscribe.queue.map(|queue| format!(" {}", text(queue)));
            let (subject, sid) = (text(subscribe.subject), text(subscribe.sid));
            format!("SUB {subject}{} {sid}", queue.unwrap_or_default())
        }
        ClientOp::Unsubscribe { sid, max } => {
            let max = max.map(|max| format!(" {max}"));
            format!("UNSUB {}{}", text(sid), max.unwrap_or_default())
        }
        ClientOp::Ping => "PING".to_owned(),
        ClientOp::Pong => "PONG".to_owned(),
        ClientOp::Ok => "OK".to_owned(),
        ClientOp::Info(json) => format!("INFO {}", text(json)),
        ClientOp::Err(words) => format!("-ERR {}", text(words)),
    };
    told!(TRACE, party, "<<- [{text}]");
    if let ClientOp::Publish(publish) = op {
        told!(TRACE, party, payload = publish.body, "<<- MSG_PAYLOAD");
    }
}

/// Traces what somebody typed.
#[cold]
pub(super) fn typed(party: &Party, op: &HandOp<'_>) {
    let text = match op {
        HandOp::Protocol(op) => return heard(party, op),
        HandOp::Publish(message) => return quoted(party, "PUB", message),
        HandOp::Request(message) => return quoted(party, "REQ", message),
        HandOp::Auth { .. } => "AUTH [REDACTED]",
        HandOp::Help(_) => "HELP",
        HandOp::View(true) => "VIEW on",
        HandOp::View(false) => "VIEW off",
        HandOp::Quit => "QUIT",
        HandOp::Http | HandOp::Tls => return, // A warning of its own.
    };
    told!(TRACE, party, "<<- [{text}]");
}

/// Traces a message whose bytes were not counted.
fn quoted(party: &Party, verb: &str, message: &Quoted<'_>) {
    let words = [Some(message.subject), message.reply];
    let words = words.into_iter().flatten();
    let line = words.fold(verb.to_owned(), |line, word| line + " " + &text(word));
    told!(TRACE, party, "<<- [{line} {}]", message.text.len());
    told!(TRACE, party, payload = message.text, "<<- MSG_PAYLOAD");
}

/// Traces a line that a client is told.
#[cold]
pub(super) fn said(party: &Party, line: &[u8]) {
    let line = line.split(|byte| matches!(byte, b'\r' | b'\n')).next();
    let line = text(line.unwrap_or_default());
    let line = line.trim_start_matches('+').replace('\'', "");
    if !line.starts_with("INFO ") {
        told!(TRACE, party, "->> [{line}]");
    }
}

/// Traces a delivery.
#[cold]
pub(super) fn delivered(party: &Party, head: [&[u8]; 4], verbatim: &[u8]) {
    let end = verbatim.windows(2).position(|pair| pair == b"\r\n");
    let (arguments, body) = verbatim.split_at(end.unwrap_or(verbatim.len()));
    let line = format!("{}{}", text(&head.concat()), text(arguments));
    told!(TRACE, party, "->> [{line}]");
    let body = body.strip_prefix(b"\r\n").unwrap_or(body);
    let body = body.strip_suffix(b"\r\n").unwrap_or(body);
    told!(TRACE, party, payload = body, "->> MSG_PAYLOAD");
}

fn published(publish: &Publish<'_>) -> String {
    let verb = if publish.header_size.is_some() {
        "HPUB"
    } else {
        "PUB"
    };
    let words = [
        Some(publish.subject),
        publish.reply,
        publish.header_size,
        Some(publish.size),
    ];
    let words = words.into_iter().flatten();
    words.fold(verb.to_owned(), |line, word| line + " " + &text(word))
}

/// CONNECT without its secrets.
fn redacted(json: &[u8]) -> String {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(json) else {
        return "(no JSON object)".to_owned();
    };
    for (name, value) in &mut members {
        let is_secret = SECRETS
            .iter()
            .any(|secret| secret.eq_ignore_ascii_case(name));
        if is_secret && value.as_str() != Some("") {
            *value = REDACTED.into();
        }
    }
    Value::Object(members).to_string()
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn secrets_are_not_traced() {
        let json = br#"{"user":"u","pass":"p","AUTH_TOKEN":"t","sig":"","name":"n"}"#;
        let shown = redacted(json);
        assert!(shown.contains(r#""pass":"[REDACTED]""#), "{shown}");
        assert!(shown.contains(r#""AUTH_TOKEN":"[REDACTED]""#), "{shown}");
        assert!(
            shown.contains(r#""sig":"""#) && shown.contains(r#""name":"n""#),
            "{shown}"
        );
        assert_eq!(redacted(b"{\"pass\":\"p\""), "(no JSON object)");
    }
}
