//! Permissions that cannot mean what they seem to: what a list says twice, and what it allows and
//! denies at once.

use crate::conf::report::{Diagnostic, Severity};
use crate::conf::settings::{Placed, Subjects};

/// The most pairs of entries that are compared; lists that long are made by programs.
const PAIRS_MAX: usize = 250_000;

/// Notices about entries that can never match, or say nothing new.
pub(crate) fn unreachable(subjects: &Subjects) -> Vec<Diagnostic> {
    let allow = subjects.allow.as_deref().unwrap_or_default();
    let deny = &subjects.deny;
    let entries = allow.len() + deny.len();
    if entries * entries > PAIRS_MAX {
        return Vec::new();
    }
    let denied = allow.iter().filter_map(|entry| {
        let by = deny.iter().find(|deny| covers(deny, entry))?;
        let text = format!(
            "{:?} can never match: {:?} denies it",
            entry.value, by.value
        );
        Some(notice(entry, text))
    });
    denied
        .chain(said_before(allow))
        .chain(said_before(deny))
        .collect()
}

/// Entries that another one covers; of two equal ones the later.
fn said_before(list: &[Placed<String>]) -> impl Iterator<Item = Diagnostic> + '_ {
    list.iter().enumerate().filter_map(|(at, entry)| {
        let is_other =
            |other: usize| other != at && (list[other].value != entry.value || other < at);
        let mut others = (0..list.len()).filter(|other| is_other(*other));
        let by = others.find(|other| covers(&list[*other], entry))?;
        let text = format!(
            "{:?} says nothing new: {:?} covers it",
            entry.value, list[by].value
        );
        Some(notice(entry, text))
    })
}

fn notice(entry: &Placed<String>, text: String) -> Diagnostic {
    Diagnostic::error(entry.span, text).as_severity(Severity::Notice)
}

/// Whether everything that `entry` matches is matched by `wider`. Entries with queue groups are left
/// alone: they mean other things at once.
fn covers(wider: &str, entry: &str) -> bool {
    if wider.contains(char::is_whitespace) || entry.contains(char::is_whitespace) {
        return false;
    }
    let mut tokens = entry.split('.');
    for wanted in wider.split('.') {
        match (wanted, tokens.next()) {
            (">", token) => return token.is_some(),
            ("*", Some(token)) if token != ">" => {}
            (_, Some(token)) if token == wanted => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(allow: &[&str], deny: &[&str], expected: &[&str]) {
        let list = |list: &[&str]| -> Vec<Placed<String>> {
            list.iter()
                .map(|entry| Placed::nowhere((*entry).to_owned()))
                .collect()
        };
        let subjects = Subjects {
            allow: Some(list(allow)),
            deny: list(deny),
        };
        let found: Vec<String> = unreachable(&subjects)
            .into_iter()
            .map(|it| it.text)
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_denied_is_not_allowed() {
        check(
            &["a.b"],
            &["a.>"],
            &["\"a.b\" can never match: \"a.>\" denies it"],
        );
        check(&["a.*"], &["a.b"], &[]);
        check(&["a.>"], &["a.*"], &[]);
        check(&["a"], &[">"], &["\"a\" can never match: \">\" denies it"]);
        check(&["a q"], &["a"], &[]);
    }

    #[test]
    fn what_is_said_once_is_enough() {
        check(
            &["a.b", "a.>"],
            &[],
            &["\"a.b\" says nothing new: \"a.>\" covers it"],
        );
        check(
            &["a", "a"],
            &[],
            &["\"a\" says nothing new: \"a\" covers it"],
        );
        check(
            &["a.*", "a.>"],
            &[],
            &["\"a.*\" says nothing new: \"a.>\" covers it"],
        );
        check(&["*.b", "a.*"], &["x", "y"], &[]);
    }
}
