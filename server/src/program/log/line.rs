//! nats-server's lines.
//!
//! ```text
//! [7] 2026/11/21 05:41:41.123456 [INF] Server is ready
//! [7] 2026/11/21 05:41:42.000001 [DBG] 127.0.0.1:4711 - cid:5 - "v1.2:go:me" - "$G/user:u" - text
//! ```

use std::io::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Style;
use super::event::{Label, Told};

/// Appends the line without its end; what a peer may have put into it cannot begin a new one.
pub(super) fn write(style: &Style, told: &Told, now: Timestamp, out: &mut Vec<u8>) {
    let _ = write!(out, "[{}] ", style.pid);
    if style.has_time {
        let _ = write!(out, "{} ", time(now, &style.zone));
    }
    let (label, colour) = label(told.label);
    let _ = match style.has_colours {
        true => write!(out, "[\x1b[{colour}m{label}\x1b[0m] "),
        false => write!(out, "[{label}] "),
    };
    let start = out.len();
    about(told, out);
    out.extend_from_slice(told.text.as_bytes());
    if let Some(payload) = &told.payload {
        let _ = write!(out, ": [\"{}\"]", style.shown(payload));
    }
    for (name, value) in &told.rest {
        let _ = write!(out, " {name}={value}");
    }
    for byte in &mut out[start..] {
        if byte.is_ascii_control() && *byte != b'\t' {
            *byte = b' ';
        }
    }
}

/// Whose connection it is.
fn about(told: &Told, out: &mut Vec<u8>) {
    if !told.remote.is_empty() {
        let _ = write!(out, "{} - ", told.remote);
    }
    if let Some(cid) = told.cid {
        let kind = if told.kind.is_empty() {
            "cid"
        } else {
            &told.kind
        };
        let _ = write!(out, "{kind}:{cid} - ");
    }
    for part in [&told.client, &told.user] {
        if !part.is_empty() {
            let _ = write!(out, "\"{part}\" - ");
        }
    }
}

/// `2026/11/21 05:41:41.123456`.
fn time(now: Timestamp, zone: &TimeZone) -> String {
    let now = zone.to_datetime(now);
    format!(
        "{:04}/{:02}/{:02} {:02}:{:02}:{:02}.{:06}",
        now.year(),
        now.month(),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        now.subsec_nanosecond() / 1000
    )
}

/// The three letters of an event, and the terminal's number for their colour.
fn label(label: Label) -> (&'static str, u8) {
    match label {
        Label::Fatal => ("FTL", 31),
        Label::Error => ("ERR", 31),
        Label::Warning => ("WRN", 33),
        Label::Info => ("INF", 32),
        Label::Debug => ("DBG", 36),
        Label::Trace => ("TRC", 35),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_written_as_nats_server_does() {
        let now: Timestamp = "2026-11-21T05:41:41.123456789Z".parse().unwrap();
        assert_eq!(time(now, &TimeZone::UTC), "2026/11/21 05:41:41.123456");
        let east = TimeZone::fixed(jiff::tz::offset(9));
        assert_eq!(time(now, &east), "2026/11/21 14:41:41.123456");
    }

    #[track_caller]
    fn check(told: &Told, expected: &str) {
        let style = Style {
            format: crate::conf::LogFormat::Text,
            pid: 7,
            zone: TimeZone::UTC,
            has_time: false,
            has_colours: false,
            is_debug: false,
            payload_max: Some(4),
        };
        let mut out = Vec::new();
        write(&style, told, Timestamp::UNIX_EPOCH, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_line_says_whose_connection_it_is() {
        let mut told = Told::own("text");
        check(&told, "[7] [INF] text");
        told.cid = Some(5);
        check(&told, "[7] [INF] cid:5 - text");
        told.remote = "127.0.0.1:1".to_owned();
        told.label = Label::Debug;
        check(&told, "[7] [DBG] 127.0.0.1:1 - cid:5 - text");
        told.client = "v1.2:go:me".to_owned();
        told.user = "$G/user:u".to_owned();
        told.kind = "wid".to_owned();
        let line = "[7] [DBG] 127.0.0.1:1 - wid:5 - \"v1.2:go:me\" - \"$G/user:u\" - text";
        check(&told, line);
        told.rest
            .push(("bytes", super::super::event::Value::Count(3)));
        check(&told, &format!("{line} bytes=3"));
    }

    #[test]
    fn nobody_can_forge_a_line() {
        check(
            &Told::own("a\r\n[7] [INF] b\x1b[0m"),
            "[7] [INF] a  [7] [INF] b [0m",
        );
    }
}
