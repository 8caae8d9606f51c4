//! Tables of keys: what reads each, or what is said of it instead.
//!
//! In: a map of the file and the table of its kind. Out: a filled structure, and a word about every
//! key that is unknown or cannot be obeyed.

use super::field::{Done, Field};
use crate::conf::language::{Entry, Map, Node, Value};
use crate::conf::nearest::nearest;
use crate::conf::report::{Diagnostic, SAID_MAX, Severity};

/// What becomes of a key.
pub(crate) enum Standing<T: 'static> {
    /// Its value is read.
    Obeyed(fn(&mut Field<'_>, &mut T) -> Done),
    /// The server works without it: one warning, with what is missing and what to do.
    Missing(&'static str, &'static str),
    /// To ignore it would let somebody in, or lose isolation, secrecy or messages.
    Refused(&'static str, &'static str),
    /// A block of a listener that does not exist: a warning, unless it holds one of [`GUARDS`].
    Listener(&'static str, &'static str),
}

/// One key.
pub(crate) struct Known<T: 'static> {
    pub(crate) names: &'static [&'static str],
    pub(crate) standing: Standing<T>,
}

/// `"name" / "alias" => standing;` for each key.
macro_rules! known {
    ($($name:literal $(/ $alias:literal)* => $standing:expr;)*) => {
        &[$($crate::conf::sections::table::Known {
            names: &[$name $(, $alias)*],
            standing: $standing,
        }),*]
    };
}
pub(crate) use known;

/// Keys that guard a listener: a block that has one is refused, not ignored.
const GUARDS: [&str; 9] = [
    "authorization",
    "authentication",
    "no_auth_user",
    "tls",
    "proxy_required",
    "jwt_cookie",
    "user_cookie",
    "pass_cookie",
    "token_cookie",
];

/// Keys that exist, but inside a block.
const INSIDE: [(&str, &str); 14] = [
    ("user", "authorization"),
    ("username", "authorization"),
    ("pass", "authorization"),
    ("password", "authorization"),
    ("token", "authorization"),
    ("users", "authorization"),
    ("permissions", "authorization"),
    ("default_permissions", "authorization"),
    ("auth_callout", "authorization"),
    ("timeout", "authorization"),
    ("cert_file", "tls"),
    ("key_file", "tls"),
    ("routes", "cluster"),
    ("remotes", "leafnodes"),
];

impl Field<'_> {
    /// Reads every key of a map by its row. `block` is what the map is called; nothing at the top.
    pub(crate) fn read_map<T>(
        &mut self,
        map: &Map,
        block: &str,
        table: &'static [Known<T>],
        into: &mut T,
    ) {
        for entry in map.entries() {
            match find(table, &entry.key) {
                Some(known) => {
                    self.read_entry(entry, known, into);
                }
                None if entry.is_used => {}
                None => self.unknown(entry, block, table),
            }
        }
    }

    /// Reads one key; whether there is a value now.
    pub(crate) fn read_entry<T>(
        &mut self,
        entry: &Entry,
        known: &'static Known<T>,
        into: &mut T,
    ) -> bool {
        let Standing::Obeyed(read) = &known.standing else {
            self.diagnostics.extend(unobeyed(entry, &known.standing));
            return false;
        };
        let mut field = self.at(&entry.key, &entry.node);
        let done = read(&mut field, into);
        let is_read = done.is_ok();
        self.diagnostics.extend(done.err());
        is_read
    }

    /// Advice takes a search, and is left out where nobody would read it.
    pub(crate) fn unknown<T>(&mut self, entry: &Entry, block: &str, table: &'static [Known<T>]) {
        let mut text = format!("unknown field \"{}\"", entry.key.escape_debug());
        if !block.is_empty() {
            text = format!("{text} in {block}");
        }
        let mut error = Diagnostic::error(entry.key_span, text);
        if self.diagnostics.len() < SAID_MAX {
            let advice = advice(table, &entry.key, block.is_empty());
            error.help.extend(advice);
        }
        self.diagnostics.push(error);
    }
}

/// The row of a key; keys are the same in any case of letters.
pub(crate) fn find<T>(table: &'static [Known<T>], key: &str) -> Option<&'static Known<T>> {
    let is_it = |name: &&str| name.eq_ignore_ascii_case(key);
    table.iter().find(|known| known.names.iter().any(is_it))
}

/// What somebody who wrote the unknown `key` may have meant.
fn advice<T>(table: &'static [Known<T>], key: &str, is_top: bool) -> Option<String> {
    let lower = key.to_lowercase();
    if let Some(rest) = key.strip_prefix('\u{feff}') {
        return Some(format!(
            "the file begins with a byte order mark: save it as UTF-8 without one, and the key is \"{rest}\""
        ));
    }
    if let Some((_, block)) = INSIDE.iter().find(|(name, _)| is_top && *name == lower) {
        return Some(format!("\"{key}\" belongs inside {block} {{ }}"));
    }
    if let Some((name, _)) = lower
        .split_once(['{', '[', '('])
        .filter(|(name, _)| find(table, name).is_some())
    {
        return Some(format!("a blank is missing behind \"{name}\""));
    }
    if lower == "include" {
        return Some("an include has no : or = and no quotes: include path".to_owned());
    }
    let names = table.iter().flat_map(|known| known.names.iter().copied());
    nearest(key, names).map(|name| format!("did you mean \"{name}\"?"))
}

/// What there is to say of a key that is known but not obeyed.
fn unobeyed<T>(entry: &Entry, standing: &Standing<T>) -> Option<Diagnostic> {
    let key = entry.key.as_ref();
    if is_off(&entry.node, key) {
        return None;
    }
    let say = |text: String| Diagnostic::error(entry.key_span, text);
    match standing {
        Standing::Obeyed(_) => None,
        Standing::Refused(missing, help) => {
            Some(say(format!("\"{key}\" cannot be obeyed: {missing}")).help(*help))
        }
        Standing::Missing(missing, help) => {
            let text = format!("\"{key}\" is ignored: {missing}");
            Some(say(text).as_severity(Severity::Notice).help(*help))
        }
        Standing::Listener(missing, help) => Some(match guard(&entry.node) {
            Some(guard) => say(format!(
                "\"{key}\" cannot be obeyed: {missing}, and its \"{}\" would guard nothing",
                guard.key
            ))
            .help("take the block out, if the server is of use without it"),
            None => say(format!("\"{key}\" is ignored: {missing}"))
                .as_severity(Severity::Notice)
                .help(*help),
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
