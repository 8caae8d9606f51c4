//! The keys at the top of a file, each read into the settings, or answered where it is not obeyed.

use super::keys::{self, GUARDS, Standing};
use super::read::Reading;
use super::report::{Diagnostic, SAID_MAX, Severity};
use super::settings::Settings;
use super::source::Sources;
use super::value::{Entry, Map, Node, Value};

/// The largest message when a file leaves it open, in bytes, as the server has it.
const PAYLOAD_DEFAULT: usize = 1024 * 1024;
/// The most that may wait for a reader when a file leaves it open, in bytes.
const PENDING_DEFAULT: usize = 64 * 1024 * 1024;

/// Reads every key of the top of a file.
pub(crate) fn settings(
    map: &Map,
    sources: &Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Settings {
    let mut settings = Settings::default();
    for entry in map.entries() {
        let Some(known) = keys::find(&entry.key) else {
            if !entry.is_used {
                let is_read = diagnostics.len() < SAID_MAX;
                diagnostics.push(unknown(entry, is_read));
            }
            continue;
        };
        let Standing::Obeyed(read) = known.standing else {
            diagnostics.extend(unobeyed(entry, known.standing));
            continue;
        };
        let mut reading = Reading {
            key: &entry.key,
            node: &entry.node,
            sources,
            settings: &mut settings,
            diagnostics,
        };
        match read(&mut reading) {
            Ok(()) => {
                settings.places.insert(known.names[0], entry.node.span);
            }
            Err(error) => diagnostics.push(error),
        }
    }
    diagnostics.extend(contradiction(&settings));
    settings
}

/// Advice takes a search, and is left out where nobody would read it.
fn unknown(entry: &Entry, is_read: bool) -> Diagnostic {
    let text = format!("unknown field \"{}\"", entry.key.escape_debug());
    let error = Diagnostic::error(entry.key_span, text);
    match is_read.then(|| keys::advice(&entry.key)).flatten() {
        Some(advice) => error.help(advice),
        None => error,
    }
}

/// What there is to say of a key that is known but not obeyed.
fn unobeyed(entry: &Entry, standing: Standing) -> Option<Diagnostic> {
    let key = entry.key.as_ref();
    if is_off(&entry.node, key) {
        return None;
    }
    let say = |text: String| Diagnostic::error(entry.key_span, text);
    match standing {
        Standing::Obeyed(_) => None,
        Standing::Refused(missing, help) => {
            Some(say(format!("\"{key}\" cannot be obeyed: {missing}")).help(help))
        }
        Standing::Missing(missing, help) => {
            let text = format!("\"{key}\" is ignored: {missing}");
            Some(say(text).as_severity(Severity::Notice).help(help))
        }
        Standing::Listener(missing, help) => Some(match guard(&entry.node) {
            Some(guard) => say(format!(
                "\"{key}\" cannot be obeyed: {missing}, and its \"{}\" would guard nothing",
                guard.key
            ))
            .help("take the block out, if the server is of use without it"),
            None => say(format!("\"{key}\" is ignored: {missing}"))
                .as_severity(Severity::Notice)
                .help(help),
        }),
    }
}

/// A value that asks for nothing: `false`, 0, an empty text or array, `jetstream: disabled`, or a
/// map of such values.
fn is_off(node: &Node, key: &str) -> bool {
    match &node.value {
        Value::Map(map) => map.entries().iter().all(|entry| {
            let is_map = matches!(entry.node.value, Value::Map(_));
            !is_map && is_plainly_off(&entry.node, &entry.key)
        }),
        _ => is_plainly_off(node, key),
    }
}

/// The same without looking inside, which variables could make endless.
fn is_plainly_off(node: &Node, key: &str) -> bool {
    match &node.value {
        Value::Bool(is_on) => !is_on,
        Value::Integer(number) => *number == 0,
        Value::Text(text) => {
            let text = text.to_lowercase();
            let is_disabled = key.eq_ignore_ascii_case("jetstream") && text.starts_with("disable");
            let is_usual = key.eq_ignore_ascii_case("write_timeout")
                && matches!(text.as_str(), "default" | "close");
            text.is_empty() || is_disabled || is_usual
        }
        Value::Array(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Float(_) | Value::Time(_) => false,
    }
}

/// The key in a block that guards it.
fn guard(node: &Node) -> Option<&Entry> {
    let Value::Map(map) = &node.value else {
        return None;
    };
    let is_guard = |key: &str| GUARDS.iter().any(|guard| guard.eq_ignore_ascii_case(key));
    map.entries()
        .iter()
        .find(|entry| is_guard(&entry.key) && !is_off(&entry.node, &entry.key))
}

/// Two settings that cannot both be.
fn contradiction(settings: &Settings) -> Option<Diagnostic> {
    let payload = settings.max_payload.unwrap_or(PAYLOAD_DEFAULT);
    let pending = settings.max_pending.unwrap_or(PENDING_DEFAULT);
    if payload <= pending {
        return None;
    }
    let places = &settings.places;
    let span = places.get("max_payload").or(places.get("max_pending"));
    let text = format!("max_payload ({payload}) cannot be higher than max_pending ({pending})");
    Some(
        Diagnostic::error(span.copied(), text)
            .help("a message larger than what may wait for a reader could never be delivered"),
    )
}
