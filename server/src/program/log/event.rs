//! An event taken apart: its level, its text, who it is about, and what else it says.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::FATAL;

/// What an event says.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) label: Label,
    pub(super) text: String,
    /// `127.0.0.1:4222`: the other end of the connection that it is about.
    pub(super) remote: String,
    /// `cid`, or `wid` over WebSocket.
    pub(super) kind: String,
    /// The number of the connection.
    pub(super) cid: Option<u64>,
    /// `v1.2:go:name` of the client.
    pub(super) client: String,
    /// `$G/user:joe` of the client.
    pub(super) user: String,
    /// The payload of a message that it is about.
    pub(super) payload: Option<Vec<u8>>,
    /// Everything else, in order.
    pub(super) rest: Vec<(&'static str, Value)>,
}

/// The kind of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Label {
    Fatal,
    Error,
    Warning,
    #[default]
    Info,
    Debug,
    Trace,
}

/// What a field holds.
#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Count(u64),
    Float(f64),
    Bool(bool),
}

impl Told {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let metadata = event.metadata();
        let mut told = Self {
            label: match *metadata.level() {
                Level::ERROR if metadata.target() == FATAL => Label::Fatal,
                Level::ERROR => Label::Error,
                Level::WARN => Label::Warning,
                Level::INFO => Label::Info,
                Level::DEBUG => Label::Debug,
                Level::TRACE => Label::Trace,
            },
            ..Self::default()
        };
        event.record(&mut told);
        told
    }

    /// Something that the log says of itself.
    pub(super) fn own(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            ..Self::default()
        }
    }

    fn text_of(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "message" => &mut self.text,
            "remote" => &mut self.remote,
            "kind" => &mut self.kind,
            "client" => &mut self.client,
            "user" => &mut self.user,
            _ => return None,
        })
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match self.text_of(field.name()) {
            Some(text) => {
                let _ = write!(text, "{value:?}");
            }
            None => self
                .rest
                .push((field.name(), Value::Text(format!("{value:?}")))),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match self.text_of(field.name()) {
            Some(text) => text.push_str(value),
            None => self
                .rest
                .push((field.name(), Value::Text(value.to_owned()))),
        }
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        match field.name() {
            "payload" => self.payload = Some(value.to_owned()),
            name => self.rest.push((name, Value::Text(format!("{value:?}")))),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "cid" => self.cid = Some(value),
            name => self.rest.push((name, Value::Count(value))),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.rest.push((field.name(), Value::Number(value)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.rest.push((field.name(), Value::Float(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.rest.push((field.name(), Value::Bool(value)));
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Count(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Bool(is_on) => is_on.fmt(f),
        }
    }
}
