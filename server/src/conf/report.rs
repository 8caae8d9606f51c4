//! What is wrong with a configuration, said so that it can be put right.
//!
//! ```text
//! a.conf:3:1: unknown field "prot"        file, line and column, what is wrong
//!   3 | prot: 4223                        the line
//!     | ^^^^                              the place in it
//!     = did you mean "port"?              what to do
//! ```
//!
//! Values of keys that hold secrets are never shown.

use std::fmt::Write;

use super::source::{Sources, Span, range};

/// Keys whose values are secrets; what follows them on a line is not shown.
const SECRETS: [&str; 7] = [
    "pass",
    "password",
    "token",
    "seed",
    "nkey",
    "credentials",
    "sig",
];
/// The most that is said of one configuration; a guess at what anybody reads.
pub(crate) const SAID_MAX: usize = 100;
/// The most of a line that is shown, in characters; a guess at what fits a terminal.
const LINE_MAX: usize = 160;

/// How bad something is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but nats-server too would complain, and call the file invalid when asked to test it.
    Warning,
    /// A key that cannot be obeyed, or a doubt of our own; the file is valid.
    Notice,
}

/// One thing to say.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where; nothing when it concerns no place in a file.
    pub span: Option<Span>,
    /// What is wrong, in one line.
    pub text: String,
    /// What to do about it, a line each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// Something that makes the configuration unusable.
    pub fn error(span: impl Into<Option<Span>>, text: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            span: span.into(),
            text: text.into(),
            help: Vec::new(),
        }
    }

    /// The same, less bad.
    #[must_use]
    pub fn as_severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// With one more line of advice.
    #[must_use]
    pub fn help(mut self, line: impl Into<String>) -> Self {
        self.help.push(line.into());
        self
    }

    /// The whole text, several lines, without a newline at the end.
    pub fn render(&self, sources: &Sources) -> String {
        let mut out = String::new();
        if let Some(span) = self.span {
            let place = sources.place(span);
            let name = sources.of(span).name.display().to_string();
            let _ = write!(out, "{name}:{}:{}: ", place.line, place.column);
        }
        if self.severity != Severity::Error {
            out.push_str("warning: ");
        }
        out.push_str(&self.text);
        let mut margin = String::from("   ");
        if let Some(span) = self.span {
            margin = quote(&mut out, span, sources);
        }
        for line in &self.help {
            let _ = write!(out, "\n{margin} = {line}");
        }
        out
    }
}

/// Appends the line of `span` and carets below it; returns the blanks left of the bar.
fn quote(out: &mut String, span: Span, sources: &Sources) -> String {
    let number = format!("{:>3}", sources.place(span).line);
    let margin = " ".repeat(number.chars().count());
    let line = sources.line(span);
    let text = &sources.of(span).text;
    let shown = masked(&text[line.clone()]);
    let within = range(span).start.clamp(line.start, line.end);
    let before = text[line.start..within].chars().count();
    let end = range(span).end.clamp(within, line.end);
    let width = text[within..end].chars().count().max(1);
    if before + 1 > LINE_MAX {
        return margin; // A place that far out is told by its column.
    }
    let cut: String = shown.chars().take(LINE_MAX).collect();
    let pad: String = cut
        .chars()
        .take(before)
        .map(|letter| if letter == '\t' { '\t' } else { ' ' })
        .collect();
    let carets = "^".repeat(width.min(LINE_MAX - before));
    let _ = write!(out, "\n{number} | {}", cut.trim_end());
    let _ = write!(out, "\n{margin} | {pad}{carets}");
    margin
}

/// `line` with the letters of secrets, and all that cannot be printed, replaced; as many characters.
fn masked(line: &str) -> String {
    let mut letters: Vec<char> = line.chars().collect();
    let lower: Vec<char> = letters.iter().map(char::to_ascii_lowercase).collect();
    for name in SECRETS {
        let name: Vec<char> = name.chars().collect();
        for at in 0..lower.len() {
            let is_word = at == 0 || !(lower[at - 1].is_alphanumeric() || lower[at - 1] == '_');
            if is_word && lower[at..].starts_with(&name) {
                mask_value(&mut letters, at + name.len());
            }
        }
    }
    mask_logins(&mut letters);
    letters
        .into_iter()
        .map(|letter| match letter {
            '\t' => '\t',
            letter if letter.is_control() => '\u{fffd}',
            letter => letter,
        })
        .collect()
}

/// Replaces what stands between `://` and the `@` of an address.
fn mask_logins(letters: &mut [char]) {
    for at in 0..letters.len() {
        if !letters[at..].starts_with(&[':', '/', '/']) {
            continue;
        }
        let is_end = |letter: &char| matches!(letter, ' ' | '\t' | '/' | '"' | '\'' | ',' | ']');
        let rest = &mut letters[at + 3..];
        let end = rest.iter().position(is_end).unwrap_or(rest.len());
        if let Some(login) = rest[..end].iter().rposition(|letter| *letter == '@') {
            rest[..login].fill('*');
        }
    }
}

/// Replaces the value that follows a key which ends at `at`, if the key does end there.
fn mask_value(letters: &mut [char], mut at: usize) {
    let is_separator = |letter: char| matches!(letter, ':' | '=' | ' ' | '\t' | '"' | '\'');
    if !letters.get(at).is_some_and(|&letter| is_separator(letter)) {
        return;
    }
    let mut quote = None;
    while let Some(&letter) = letters.get(at).filter(|&&letter| is_separator(letter)) {
        quote = matches!(letter, '"' | '\'').then_some(letter);
        at += 1;
    }
    while let Some(letter) = letters.get_mut(at) {
        let is_end = match quote {
            Some(quote) => *letter == quote,
            None => matches!(*letter, ' ' | '\t' | ',' | ';' | '}' | ']' | '{' | '['),
        };
        if is_end {
            return;
        }
        *letter = '*';
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        assert_eq!(masked(line), expected);
    }

    #[test]
    fn secrets_are_not_shown() {
        check("password: s3cr3t", "password: ******");
        check(
            "{user: a, pass: \"a b\", x: 1}",
            "{user: a, pass: \"***\", x: 1}",
        );
        check("\"token\": \"abc\"", "\"token\": \"***\"");
        check("token=abc;port: 1", "token=***;port: 1");
        check("passport: 12", "passport: 12");
        check("pass", "pass");
        check(
            "[nats://joe:x@h:1, tls://h:2]",
            "[nats://*****@h:1, tls://h:2]",
        );
    }

    #[test]
    fn what_cannot_be_printed_is_replaced() {
        check("a\u{1b}[31mb\tc", "a\u{fffd}[31mb\tc");
    }
}
