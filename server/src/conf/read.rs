//! From values to settings: each obeyed key with its type, unit and bound.
//!
//! In: one value. Out: a field of [`Settings`], or what was expected instead and how to write it.

use std::time::Duration;

use super::duration::{NoDuration, duration};
use super::report::{Diagnostic, Severity};
use super::settings::Settings;
use super::source::Sources;
use super::value::{Node, Value};

/// The largest size that counts in nats-server's 32 bits.
const SIZE_MAX: i64 = i32::MAX as i64;

/// One value on its way.
pub(crate) struct Reading<'r> {
    /// The key as written.
    pub(crate) key: &'r str,
    pub(crate) node: &'r Node,
    pub(crate) sources: &'r Sources,
    pub(crate) settings: &'r mut Settings,
    pub(crate) diagnostics: &'r mut Vec<Diagnostic>,
}

type Done = Result<(), Diagnostic>;

pub(crate) fn listen(reading: &mut Reading<'_>) -> Done {
    let text = match &reading.node.value {
        Value::Integer(_) => return port(reading),
        Value::Text(text) => text,
        _ => return Err(reading.wrong("a port or \"host:port\"")),
    };
    let example = "write listen: \"127.0.0.1:4222\", or a port alone: listen: 4222";
    let Some((host, port)) = split_address(text) else {
        let said = format!("could not parse address string \"{text}\"");
        return Err(reading.error(said).help(example));
    };
    let Ok(number) = port.parse() else {
        let said = format!("could not parse port \"{port}\"");
        return Err(reading.error(said).help(example));
    };
    let host = (!host.is_empty()).then(|| host.to_owned());
    reading.settings.port = reading.port_of(number)?;
    reading.settings.host = host;
    Ok(())
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

pub(crate) fn host(reading: &mut Reading<'_>) -> Done {
    let host = reading.text()?;
    reading.settings.host = (!host.is_empty()).then_some(host);
    Ok(())
}

pub(crate) fn port(reading: &mut Reading<'_>) -> Done {
    let number = reading.integer()?;
    reading.settings.port = reading.port_of(number)?;
    Ok(())
}

pub(crate) fn server_name(reading: &mut Reading<'_>) -> Done {
    let name = reading.text()?;
    if name.contains(' ') {
        return Err(reading.error("server name cannot contain spaces"));
    }
    reading.settings.server_name = (!name.is_empty()).then_some(name);
    Ok(())
}

pub(crate) fn max_connections(reading: &mut Reading<'_>) -> Done {
    // An explicit zero admits nobody, and so does anything below.
    let connections = reading.integer()?.max(0);
    reading.settings.max_connections = Some(connections as usize);
    Ok(())
}

pub(crate) fn max_subscriptions(reading: &mut Reading<'_>) -> Done {
    let subscriptions = reading.integer()?;
    reading.settings.max_subscriptions = (subscriptions > 0).then_some(subscriptions as usize);
    Ok(())
}

pub(crate) fn max_control_line(reading: &mut Reading<'_>) -> Done {
    reading.settings.max_control_line = reading.size(SIZE_MAX)?;
    Ok(())
}

pub(crate) fn max_payload(reading: &mut Reading<'_>) -> Done {
    reading.settings.max_payload = reading.size(SIZE_MAX)?;
    Ok(())
}

pub(crate) fn max_pending(reading: &mut Reading<'_>) -> Done {
    reading.settings.max_pending = reading.size(i64::MAX)?;
    Ok(())
}

pub(crate) fn ping_interval(reading: &mut Reading<'_>) -> Done {
    reading.settings.ping_interval = reading.duration()?;
    Ok(())
}

pub(crate) fn write_deadline(reading: &mut Reading<'_>) -> Done {
    reading.settings.write_deadline = reading.duration()?;
    Ok(())
}

pub(crate) fn ping_max(reading: &mut Reading<'_>) -> Done {
    let pings = reading.integer()?;
    let Ok(pings) = u32::try_from(pings) else {
        return Err(reading.error(format!(
            "ping_max must be 0 (the default, 2) to {}",
            u32::MAX
        )));
    };
    reading.settings.ping_max = (pings > 0).then_some(pings);
    Ok(())
}

pub(crate) fn no_header_support(reading: &mut Reading<'_>) -> Done {
    reading.settings.no_header_support = Some(reading.boolean()?);
    Ok(())
}

pub(crate) fn debug(reading: &mut Reading<'_>) -> Done {
    reading.settings.debug = Some(reading.boolean()?);
    Ok(())
}

/// `trace_verbose` and `trace_headers` set it too, and never unset it.
pub(crate) fn trace(reading: &mut Reading<'_>) -> Done {
    let is_on = reading.boolean()?;
    if is_on || reading.key.eq_ignore_ascii_case("trace") {
        reading.settings.trace = Some(is_on || reading.settings.trace == Some(true));
    }
    Ok(())
}

pub(crate) fn logtime(reading: &mut Reading<'_>) -> Done {
    reading.settings.logtime = Some(reading.boolean()?);
    Ok(())
}

pub(crate) fn logtime_utc(reading: &mut Reading<'_>) -> Done {
    reading.settings.logtime_utc = Some(reading.boolean()?);
    Ok(())
}

pub(crate) fn log_file(reading: &mut Reading<'_>) -> Done {
    let file = reading.text()?;
    reading.settings.log_file = (!file.is_empty()).then(|| file.into());
    Ok(())
}

pub(crate) fn pid_file(reading: &mut Reading<'_>) -> Done {
    let file = reading.text()?;
    reading.settings.pid_file = (!file.is_empty()).then(|| file.into());
    Ok(())
}

/// There is none: both answers are obeyed.
pub(crate) fn no_system_account(reading: &mut Reading<'_>) -> Done {
    reading.boolean().map(|_| ())
}

impl Reading<'_> {
    pub(crate) fn error(&self, text: impl Into<String>) -> Diagnostic {
        Diagnostic::error(self.node.span, text)
    }

    /// The value as it was written.
    fn written(&self) -> &str {
        self.sources.text(self.node.span)
    }

    fn is_variable(&self) -> bool {
        self.written().starts_with('$')
    }

    /// The value is of another type than `wanted`.
    fn wrong(&self, wanted: &str) -> Diagnostic {
        let found = self.node.value.described();
        let key = self.key;
        self.error(format!("{key} must be {wanted}, not {found}"))
    }

    fn text(&self) -> Result<String, Diagnostic> {
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

    fn integer(&self) -> Result<i64, Diagnostic> {
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

    fn boolean(&self) -> Result<bool, Diagnostic> {
        match &self.node.value {
            Value::Bool(is_on) => Ok(*is_on),
            _ => Err(self
                .wrong("true or false")
                .help("true, yes, on, false, no or off, without quotes")),
        }
    }

    /// A port: zero is the default, below zero takes a free one.
    fn port_of(&self, number: i64) -> Result<Option<u16>, Diagnostic> {
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
    fn size(&self, max: i64) -> Result<Option<usize>, Diagnostic> {
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
    fn duration(&mut self) -> Result<Option<Duration>, Diagnostic> {
        let key = self.key;
        let length = match &self.node.value {
            Value::Text(text) => self.parsed(text)?,
            Value::Integer(seconds) => {
                let warning = self.bare_seconds(*seconds);
                self.diagnostics.push(warning);
                let seconds = u64::try_from(*seconds)
                    .map_err(|_| self.error(format!("{key} must not be negative")))?;
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

    fn parsed(&self, text: &str) -> Result<Duration, Diagnostic> {
        let key = self.key;
        let example = format!("such as {key}: \"10s\", \"2m\" or \"1h30m\"");
        duration(text).map_err(|why| match why {
            NoDuration::Negative => self.error(format!("{key} must not be negative")),
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
