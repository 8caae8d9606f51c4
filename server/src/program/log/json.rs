//! One JSON object a line, for programs that read logs.
//!
//! ```text
//! {"time":"2026-11-21T05:41:42.000001Z","level":"debug","pid":7,"message":"…",
//!  "remote":"127.0.0.1:4711","cid":5,"kind":"cid","client":"v1.2:go:me","user":"$G/user:u"}
//! ```
//!
//! The names stay; a field that says nothing is left out. Source: docs/configuration.md#logs.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::Style;
use super::event::{Label, Told, Value};

/// Appends the object without the end of its line.
pub(super) fn write(style: &Style, told: &Told, now: Timestamp, out: &mut Vec<u8>) {
    let mut object = Map::new();
    let mut add = |name: &str, value: Json| object.insert(name.to_owned(), value);
    if style.has_time {
        add("time", format!("{now:.6}").into());
    }
    add("level", level(told.label).into());
    add("pid", style.pid.into());
    add("message", told.text.clone().into());
    if let Some(cid) = told.cid {
        let kind = if told.kind.is_empty() {
            "cid"
        } else {
            &told.kind
        };
        add("cid", cid.into());
        add("kind", kind.into());
    }
    for (name, text) in [
        ("remote", &told.remote),
        ("client", &told.client),
        ("user", &told.user),
    ] {
        if !text.is_empty() {
            add(name, text.clone().into());
        }
    }
    if let Some(payload) = &told.payload {
        add("payload", style.shown(payload).into());
    }
    for (name, value) in &told.rest {
        add(name, of(value));
    }
    out.extend_from_slice(Json::Object(object).to_string().as_bytes());
}

fn of(value: &Value) -> Json {
    match value {
        Value::Text(text) => text.clone().into(),
        Value::Number(number) => (*number).into(),
        Value::Count(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Bool(is_on) => (*is_on).into(),
    }
}

fn level(label: Label) -> &'static str {
    match label {
        Label::Fatal => "fatal",
        Label::Error => "error",
        Label::Warning => "warning",
        Label::Info => "info",
        Label::Debug => "debug",
        Label::Trace => "trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_one_object_with_stable_names() {
        let style = Style {
            format: crate::conf::LogFormat::Json,
            pid: 7,
            zone: jiff::tz::TimeZone::UTC,
            has_time: true,
            has_colours: false,
            is_debug: false,
            payload_max: Some(4),
        };
        let mut told = Told::own("a \"b\"\n");
        told.cid = Some(5);
        told.user = "$G".to_owned();
        told.rest.push(("bytes", Value::Count(3)));
        let now: Timestamp = "2026-11-21T05:41:41.123456789Z".parse().unwrap();
        let mut out = Vec::new();
        write(&style, &told, now, &mut out);
        let text = String::from_utf8(out).unwrap();
        let found: Json = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "time": "2026-11-21T05:41:41.123456Z", "level": "info", "pid": 7,
            "message": "a \"b\"\n", "cid": 5, "kind": "cid", "user": "$G", "bytes": 3,
        });
        assert_eq!(found, expected);
        assert!(!text.contains('\n'), "{text}");
    }
}
