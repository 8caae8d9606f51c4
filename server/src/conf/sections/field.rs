//! One value on its way into the settings: its type, unit and bound, or what was expected instead
//! and how to write it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::conf::language::{Map, NoDuration, Node, Value, duration};
use crate::conf::report::{Diagnostic, Severity};
use crate::conf::settings::Placed;
use crate::conf::source::Sources;

/// What came of reading a value into its place.
pub(crate) type Done = Result<(), Diagnostic>;

/// One value on its way.
pub(crate) struct Field<'r> {
    /// The key as written.
    pub(crate) key: &'r str,
    pub(crate) node: &'r Node,
    pub(crate) sources: &'r Sources,
    pub(crate) diagnostics: &'r mut Vec<Diagnostic>,
}

/// Puts what was read into its place.
pub(crate) fn set<T>(place: &mut T, value: Result<T, Diagnostic>) -> Done {
    *place = value?;
    Ok(())
}

impl Field<'_> {
    /// Another value, said about in the same place.
    pub(crate) fn at<'f>(&'f mut self, key: &'f str, node: &'f Node) -> Field<'f> {
        Field {
            key,
            node,
            sources: self.sources,
            diagnostics: self.diagnostics,
        }
    }

    pub(crate) fn error(&self, text: impl Into<String>) -> Diagnostic {
        Diagnostic::error(self.node.span, text)
    }

    /// The value as it was written.
    pub(crate) fn written(&self) -> &str {
        self.sources.text(self.node.span)
    }

    pub(crate) fn is_variable(&self) -> bool {
        self.written().starts_with('$')
    }

    /// The value is of another type than `wanted`.
    pub(crate) fn wrong(&self, wanted: &str) -> Diagnostic {
        let found = self.node.value.described();
        let key = self.key;
        self.error(format!("{key} must be {wanted}, not {found}"))
    }

    pub(crate) fn text(&self) -> Result<String, Diagnostic> {
        let error = match &self.node.value {
            Value::Text(text) => return Ok(text.as_ref().to_owned()),
            Value::Array(_) | Value::Map(_) => return Err(self.wrong("a text")),
            _ => self.wrong("a text"),
        };
        let (key, written) = (self.key, self.written());
        Err(if self.is_variable() {
            error.help("the value comes from a variable: put quotes inside it, '\"…\"'")
        } else {
            error.help(format!(
                "put it in quotes to keep it a text: {key}: \"{written}\""
            ))
        })
    }

    /// A text; nothing if it is empty.
    pub(crate) fn some_text(&self) -> Result<Option<String>, Diagnostic> {
        Ok(Some(self.text()?).filter(|text| !text.is_empty()))
    }

    /// The same with its place.
    pub(crate) fn some_placed(&self) -> Result<Option<Placed<String>>, Diagnostic> {
        Ok(self.some_text()?.map(|text| self.placed(text)))
    }

    /// A path; nothing if it is empty.
    pub(crate) fn some_path(&self) -> Result<Option<PathBuf>, Diagnostic> {
        Ok(self.some_text()?.map(PathBuf::from))
    }

    pub(crate) fn placed<T>(&self, value: T) -> Placed<T> {
        Placed {
            value,
            span: Some(self.node.span),
        }
    }

    /// One text, or an array of them; `what` is one of them in words.
    pub(crate) fn texts(&mut self, what: &str) -> Result<Vec<Placed<String>>, Diagnostic> {
        let items = match &self.node.value {
            Value::Text(text) => return Ok(vec![self.placed(text.as_ref().to_owned())]),
            Value::Array(items) => Arc::clone(items),
            _ => return Err(self.wrong(&format!("{what}, or an array of them"))),
        };
        let key = self.key;
        items
            .iter()
            .map(|node| {
                let item = self.at(key, node);
                Ok(item.placed(item.text()?))
            })
            .collect()
    }

    /// The map that this is.
    pub(crate) fn map(&self) -> Result<Arc<Map>, Diagnostic> {
        match &self.node.value {
            Value::Map(map) => Ok(Arc::clone(map)),
            _ => Err(self
                .wrong("a map")
                .help(format!("such as {} {{ … }}", self.key))),
        }
    }

    /// The values of an array.
    pub(crate) fn array(&self, of: &str) -> Result<Arc<[Node]>, Diagnostic> {
        match &self.node.value {
            Value::Array(items) => Ok(Arc::clone(items)),
            _ => Err(self.wrong(&format!("an array of {of}"))),
        }
    }

    /// A number that is not negative; zero is the default.
    pub(crate) fn count(&self) -> Result<Option<u64>, Diagnostic> {
        let number = self.integer()?;
        match u64::try_from(number) {
            Ok(number) => Ok((number > 0).then_some(number)),
            Err(_) => Err(self.error(format!("{} must not be negative", self.key))),
        }
    }

    pub(crate) fn integer(&self) -> Result<i64, Diagnostic> {
        let error = match &self.node.value {
            Value::Integer(number) => return Ok(*number),
            _ => self.wrong("a whole number"),
        };
        let Value::Text(text) = &self.node.value else {
            return Err(error);
        };
        let key = self.key;
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_quoted = self.written().starts_with(['"', '\'']);
        Err(if is_number && !self.is_variable() {
            error.help(format!("write it without quotes: {key}: {text}"))
        } else if is_quoted && text.starts_with(|letter: char| letter.is_ascii_digit()) {
            error.help("numbers stand without quotes: 4222, 64k (64 000), 64kb (65 536)")
        } else {
            error
        })
    }

    pub(crate) fn boolean(&self) -> Result<bool, Diagnostic> {
        match &self.node.value {
            Value::Bool(is_on) => Ok(*is_on),
            _ => Err(self
                .wrong("true or false")
                .help("true, yes, on, false, no or off, without quotes")),
        }
    }

    /// A port alone; zero is the default, below zero takes a free one.
    pub(crate) fn port(&self) -> Result<Option<u16>, Diagnostic> {
        self.port_of(self.integer()?)
    }

    /// A port, or `host:port`.
    pub(crate) fn address(&self) -> Result<(Option<String>, Option<u16>), Diagnostic> {
        let text = match &self.node.value {
            Value::Integer(_) => return Ok((None, self.port()?)),
            Value::Text(text) => text,
            _ => return Err(self.wrong("a port or \"host:port\"")),
        };
        let key = self.key;
        let example = format!("write {key}: \"127.0.0.1:4222\", or a port alone: {key}: 4222");
        let Some((host, port)) = split_address(text) else {
            let said = format!("could not parse address string \"{text}\"");
            return Err(self.error(said).help(example));
        };
        let Ok(number) = port.parse() else {
            let said = format!("could not parse port \"{port}\"");
            return Err(self.error(said).help(example));
        };
        let host = (!host.is_empty()).then(|| host.to_owned());
        Ok((host, self.port_of(number)?))
    }

    /// An address to tell others: a host, perhaps with a port.
    pub(crate) fn advertised(&self) -> Result<Option<Placed<String>>, Diagnostic> {
        let address = self.some_placed()?;
        let Some(text) = address.as_ref().map(|it| it.value.as_str()) else {
            return Ok(None);
        };
        let port = match text.strip_prefix('[') {
            Some(rest) => rest.split_once("]:").map(|(_, port)| port),
            None => text
                .rsplit_once(':')
                .filter(|(host, _)| !host.contains(':'))
                .map(|(_, port)| port),
        };
        // Zero and -1 are the port that is listened on.
        let is_port = |port: &str| port == "-1" || port.parse::<u16>().is_ok();
        if port.is_some_and(|port| !is_port(port)) {
            let text = format!("{text:?} is no address: its port is no number to 65535");
            return Err(self
                .error(text)
                .help("such as nats.example.com or 10.0.0.7:4222"));
        }
        Ok(address)
    }

    /// A port: zero is the default, below zero takes a free one.
    pub(crate) fn port_of(&self, number: i64) -> Result<Option<u16>, Diagnostic> {
        match number {
            ..0 => Ok(Some(0)),
            0 => Ok(None),
            1..=65535 => Ok(Some(number as u16)),
            _ => Err(self
                .error(format!("there is no port {number}"))
                .help("ports are 1 to 65535; -1 takes a free one")),
        }
    }

    /// A number of bytes; zero is the default.
    pub(crate) fn size(&self, max: i64) -> Result<Option<usize>, Diagnostic> {
        let bytes = self.integer()?;
        let key = self.key;
        if bytes > max {
            let text = format!("{key} value is too big");
            return Err(self.error(text).help(format!("{max} bytes is the most")));
        }
        if bytes < 0 {
            let text = format!("{key} must not be negative");
            return Err(self
                .error(text)
                .help("there is no \"unlimited\" here; 0 is the default"));
        }
        Ok((bytes > 0).then_some(bytes as usize))
    }

    /// A duration: a text, or whole seconds with a warning; zero is the default.
    pub(crate) fn duration(&mut self) -> Result<Option<Duration>, Diagnostic> {
        let key = self.key;
        let length = match &self.node.value {
            Value::Text(text) => self.parsed(text)?,
            Value::Integer(seconds) => {
                let warning = self.bare_seconds(*seconds);
                self.diagnostics.push(warning);
                let seconds = u64::try_from(*seconds).map_err(|_| self.negative())?;
                Duration::from_secs(seconds)
            }
            _ => {
                return Err(self
                    .wrong("a duration")
                    .help(format!("such as {key}: \"10s\", \"2m\" or \"1h30m\"")));
            }
        };
        Ok((!length.is_zero()).then_some(length))
    }

    pub(crate) fn parsed(&self, text: &str) -> Result<Duration, Diagnostic> {
        let key = self.key;
        let example = format!("such as {key}: \"10s\", \"2m\" or \"1h30m\"");
        duration(text).map_err(|why| match why {
            NoDuration::Negative => self.negative(),
            NoDuration::MissingUnit => self
                .error(format!(
                    "error parsing {key}: missing unit in duration \"{text}\""
                ))
                .help(example),
            NoDuration::UnknownUnit(unit) => self
                .error(format!(
                    "error parsing {key}: unknown unit \"{unit}\" in duration \"{text}\""
                ))
                .help("units are ns, us, ms, s, m and h"),
            NoDuration::Invalid => self
                .error(format!("error parsing {key}: invalid duration \"{text}\""))
                .help(example),
        })
    }

    /// A duration that nats-server takes as text only.
    pub(crate) fn text_duration(&self) -> Result<Duration, Diagnostic> {
        match &self.node.value {
            Value::Text(text) => self.parsed(text),
            Value::Integer(number) => {
                let key = self.key;
                let example = format!("write {key}: \"{number}s\"");
                Err(self.wrong("a duration in quotes").help(example))
            }
            _ => Err(self.wrong("a duration in quotes")),
        }
    }

    /// A number of seconds, whole or not, or a duration; zero is the default.
    pub(crate) fn seconds(&self) -> Result<Option<Duration>, Diagnostic> {
        let key = self.key;
        let length = match &self.node.value {
            Value::Text(text) => self.parsed(text)?,
            Value::Integer(seconds) => {
                let seconds = u64::try_from(*seconds);
                Duration::from_secs(seconds.map_err(|_| self.negative())?)
            }
            Value::Float(seconds) if *seconds < 0.0 => return Err(self.negative()),
            Value::Float(seconds) => Duration::try_from_secs_f64(*seconds)
                .map_err(|_| self.error(format!("{key} is too long")))?,
            _ => return Err(self.wrong("a number of seconds or a duration")),
        };
        Ok((!length.is_zero()).then_some(length))
    }

    fn negative(&self) -> Diagnostic {
        self.error(format!("{} must not be negative", self.key))
    }

    /// The warning about a duration without a unit, and what `2m` was read as.
    fn bare_seconds(&self, seconds: i64) -> Diagnostic {
        let (key, written) = (self.key, self.written());
        let text =
            format!("invalid use of field \"{key}\": {key} should be converted to a duration");
        let warning = self.error(text).as_severity(Severity::Warning);
        if written.ends_with(['m', 'M']) {
            return warning.help(format!(
                "{written} without quotes is the number {seconds}, in seconds; minutes need \
                 quotes: {key}: \"{written}\"",
            ));
        }
        warning.help(format!(
            "a number counts in seconds; write {key}: \"{seconds}s\""
        ))
    }
}

/// `host:port`, `:port` or `[v6]:port`.
fn split_address(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(host) => Some((host.strip_suffix(']')?, port)),
        None if host.contains([':', '[', ']']) => None,
        None => Some((host, port)),
    }
}
