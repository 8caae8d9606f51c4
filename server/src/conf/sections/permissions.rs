//! `permissions { }`: what somebody may publish, subscribe to, and answer.

use std::time::Duration;

use super::field::{Field, set};
use super::reach::unreachable;
use super::table::{Known, Standing, known};
use crate::conf::language::{NoDuration, Value, duration};
use crate::conf::report::{Diagnostic, Severity};
use crate::conf::settings::{Permissions, Placed, Responses, Subjects};

use Standing::Obeyed;

/// What may be answered to a message when a file does not say how often, as in nats-server.
const RESPONSES_DEFAULT: u64 = 1;
/// For how long, as in nats-server.
const EXPIRES_DEFAULT: Duration = Duration::from_secs(120);

const KEYS: &[Known<Permissions>] = known! {
    "publish" / "pub" / "import" =>
        Obeyed(|field, it| set(&mut it.publish, subjects(field, is_subject)));
    "subscribe" / "sub" / "export" =>
        Obeyed(|field, it| set(&mut it.subscribe, subjects(field, is_subject_and_queue)));
    "allow_responses" / "publish_allow_responses" =>
        Obeyed(|field, it| set(&mut it.responses, responses(field)));
};

const SUBJECT_KEYS: &[Known<Lists>] = known! {
    "allow" => Obeyed(|field, it| set(&mut it.allow, list(field, it.is_valid).map(Some)));
    "deny" => Obeyed(|field, it| set(&mut it.deny, list(field, it.is_valid)));
};

const RESPONSE_KEYS: &[Known<Responses>] = known! {
    "max" / "max_msgs" / "max_messages" / "max_responses" =>
        Obeyed(|field, it| set(&mut it.max, max(field)));
    "expires" / "expiration" / "ttl" => Obeyed(|field, it| set(&mut it.expires, expires(field)));
};

/// Whether an entry of a list can be.
type Check = fn(&str) -> bool;

/// Two lists as far as they are read.
struct Lists {
    is_valid: Check,
    allow: Option<Vec<Placed<String>>>,
    deny: Vec<Placed<String>>,
}

/// A block of permissions; an empty one allows everything, and still stands before the default.
pub(crate) fn permissions(field: &mut Field<'_>) -> Result<Option<Permissions>, Diagnostic> {
    let map = field.map()?;
    let mut it = Permissions::default();
    field.read_map(&map, "permissions", KEYS, &mut it);
    Ok(Some(it))
}

/// A subject, an array of them, or `{allow, deny}`.
fn subjects(field: &mut Field<'_>, is_valid: Check) -> Result<Subjects, Diagnostic> {
    let mut lists = Lists {
        is_valid,
        allow: None,
        deny: Vec::new(),
    };
    match field.map() {
        Ok(map) => field.read_map(&map, "a list of subjects", SUBJECT_KEYS, &mut lists),
        Err(_) => lists.allow = Some(list(field, is_valid)?),
    }
    if lists.allow.as_ref().is_some_and(Vec::is_empty) {
        lists.allow = None;
        let text = "an empty list allows every subject, as in nats-server";
        let notice = field.error(text).as_severity(Severity::Notice);
        let notice = notice.help(format!("to allow none: {} {{ deny: \">\" }}", field.key));
        field.diagnostics.push(notice);
    }
    let subjects = Subjects {
        allow: lists.allow,
        deny: lists.deny,
    };
    field.diagnostics.extend(unreachable(&subjects));
    Ok(subjects)
}

fn list(field: &mut Field<'_>, is_valid: Check) -> Result<Vec<Placed<String>>, Diagnostic> {
    let entries = field.texts("a subject")?;
    for entry in &entries {
        if !is_valid(entry) {
            let text = format!("subject {:?} is not a valid subject", entry.value);
            let error = Diagnostic::error(entry.span, text);
            field.diagnostics.push(explained(error, entry));
        }
    }
    Ok(entries)
}

/// What makes a subject invalid, where it is plain.
fn explained(error: Diagnostic, entry: &str) -> Diagnostic {
    if entry.contains(char::is_whitespace) {
        error.help("a subject has no blanks; subscribe entries may be \"subject queue\"")
    } else if entry.is_empty() || entry.split('.').any(str::is_empty) {
        error.help("a token between dots is empty")
    } else {
        error.help("> stands alone and last: a.> covers all that begins with a.")
    }
}

fn is_subject_and_queue(entry: &str) -> bool {
    let mut words = entry.split_whitespace();
    let (subject, queue) = (words.next(), words.next());
    let begins = subject.is_some_and(|subject| entry.starts_with(subject) && is_subject(subject));
    begins && queue.is_none_or(is_subject) && words.next().is_none()
}

/// Tokens without blanks between dots, `>` only as the last.
pub(crate) fn is_subject(entry: &str) -> bool {
    let mut tokens = entry.split('.').peekable();
    while let Some(token) = tokens.next() {
        let is_last = tokens.peek().is_none();
        if token.is_empty() || token.contains(char::is_whitespace) || (token == ">" && !is_last) {
            return false;
        }
    }
    true
}

fn responses(field: &mut Field<'_>) -> Result<Option<Responses>, Diagnostic> {
    let mut it = Responses {
        max: Some(RESPONSES_DEFAULT),
        expires: Some(EXPIRES_DEFAULT),
    };
    match &field.node.value {
        Value::Bool(is_on) => return Ok(is_on.then_some(it)),
        Value::Map(map) => field.read_map(map, "allow_responses", RESPONSE_KEYS, &mut it),
        _ => return Err(field.wrong("true, false or a map {max, expires}")),
    }
    Ok(Some(it))
}

/// Below zero is any number, zero is the default.
fn max(field: &mut Field<'_>) -> Result<Option<u64>, Diagnostic> {
    Ok(match field.integer()? {
        ..0 => None,
        0 => Some(RESPONSES_DEFAULT),
        number => Some(number.unsigned_abs()),
    })
}

/// Below zero is for ever, zero is the default.
fn expires(field: &mut Field<'_>) -> Result<Option<Duration>, Diagnostic> {
    if let Value::Text(text) = &field.node.value
        && duration(text) == Err(NoDuration::Negative)
    {
        return Ok(None);
    }
    let length = field.text_duration()?;
    Ok(Some(if length.is_zero() {
        EXPIRES_DEFAULT
    } else {
        length
    }))
}
