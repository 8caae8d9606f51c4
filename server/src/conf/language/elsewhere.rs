//! What a file takes from elsewhere: variables and included files.
//!
//! A variable is a key above its use, in the same map or one around it, or a variable of the
//! environment, whose text is read like a value. An included file stands where it is named, and
//! sees no variables but its own. Both are bounded in depth, and files in number.

use std::path::Path;
use std::sync::Arc;

use super::cursor::{Cursor, is_blank, is_line_end};
use super::parser::{Parser, too_deep};
use super::scalar::Read;
use super::value::{Node, Value};
use crate::conf::report::{Diagnostic, Severity};
use crate::conf::source::Span;

/// How deep files may include files; a guess.
const INCLUDE_MAX: usize = 16;
/// How many files may be read in all; a guess.
const FILES_MAX: usize = 1000;

impl Parser<'_, '_> {
    pub(crate) fn variable(&mut self, name: &str, span: Span) -> Read<Node> {
        if name.starts_with("2a$") {
            // A bcrypt hash may stand without quotes.
            return Ok(Node::plain(Value::Text(format!("${name}").into()), span));
        }
        for map in self.maps.iter_mut().rev() {
            if let Some(entry) = map.entry_mut(name) {
                entry.is_used = true;
                let mut node = entry.node.clone();
                node.span = span;
                return Ok(node);
            }
        }
        self.environment(name, span)
    }

    /// The value of a variable of the environment, whose text is read like a value of a file.
    fn environment(&mut self, name: &str, span: Span) -> Read<Node> {
        if self.shared.open_variables.iter().any(|open| open == name) {
            let text = format!("variable reference cycle for \"{name}\"");
            return Err(Diagnostic::error(span, text));
        }
        let Some(text) = self.shared.surroundings.variable(name) else {
            return Err(unknown_variable(name, span));
        };
        if text.is_empty() {
            return Ok(Node::plain(Value::Text(Arc::from("")), span));
        }
        if self.shared.open_variables.len() == INCLUDE_MAX {
            return Err(too_deep(span));
        }
        self.shared.open_variables.push(name.to_owned());
        let errors = self.shared.diagnostics.len();
        let cursor = Cursor::elsewhere(format!("v={text}").into(), span);
        let mut map = Parser::new(self.shared, cursor).whole();
        self.shared.open_variables.pop();
        let mut found = self.shared.diagnostics.drain(errors..);
        if let Some(error) = found.find(|found| found.severity == Severity::Error) {
            let text = format!("environment variable \"{name}\": {}", error.text);
            return Err(Diagnostic::error(span, text).help(
                "its text is read like a value of this file; put quotes inside the variable",
            ));
        }
        drop(found);
        let node = map.entry_mut("v").map(|entry| entry.node.clone());
        node.ok_or_else(|| unknown_variable(name, span))
    }

    /// `include path`: the keys of that file as if they stood here.
    pub(crate) fn include(&mut self) -> Read<()> {
        self.cursor.skip_while(is_blank);
        let start = self.cursor.at();
        let path = self.path()?;
        let span = self.cursor.span_since(start);
        let parent = self.shared.open_files.last().cloned().unwrap_or_default();
        let folder = parent.parent().unwrap_or(Path::new(""));
        // Also an absolute path is looked up below the folder, as nats-server does.
        let full = folder.join(path.trim_start_matches('/'));
        if self.shared.open_files.contains(&full) {
            return Err(Diagnostic::error(span, "this file includes itself"));
        }
        if self.shared.open_files.len() == INCLUDE_MAX || self.shared.sources.count() == FILES_MAX {
            return Err(Diagnostic::error(span, "too many files include each other"));
        }
        let found = self.shared.file(&full).map_err(|error| {
            let text = format!("cannot read {}: {error}", full.display());
            Diagnostic::error(span, text)
                .help("a path is looked up from the folder of the including file, even with a / before it")
        })?;
        for entry in found.into_entries() {
            self.set(entry);
        }
        Ok(())
    }

    fn path(&mut self) -> Read<String> {
        let start = self.cursor.at();
        let expected = |here, what: &str| {
            let text = format!("expected the path of a file behind include, found {what}");
            Err(Diagnostic::error(here, text))
        };
        match self.cursor.peek() {
            None => expected(self.cursor.span_here(), "the end of the file"),
            Some(letter) if is_line_end(letter) => {
                expected(self.cursor.span_here(), "the end of the line")
            }
            Some(letter @ ('[' | '{' | '(' | '\\' | '-' | '0'..='9')) => {
                let error = expected(self.cursor.span_here(), &format!("{letter:?}"));
                error.map_err(|error: Diagnostic| error.help("put the path into quotes"))
            }
            Some(quote @ ('"' | '\'')) => {
                self.cursor.next();
                let inner = self.cursor.at();
                self.cursor.skip_while(|letter| letter != quote);
                let path = self.cursor.since(inner).to_owned();
                if self.cursor.next().is_none() {
                    let span = self.cursor.span_since(start);
                    return Err(Diagnostic::error(span, "this quote is never closed"));
                }
                Ok(path)
            }
            Some(_) => {
                let is_end = |letter| matches!(letter, ';' | '}' | '\'');
                self.cursor.skip_while(|letter| {
                    !is_end(letter) && !is_blank(letter) && !is_line_end(letter)
                });
                Ok(self.cursor.since(start).to_owned())
            }
        }
    }
}

fn unknown_variable(name: &str, span: Span) -> Diagnostic {
    let text = format!("variable \"{name}\" is not defined");
    let error = Diagnostic::error(span, text).help(
        "it must be a key above, in this map or one around it, or a variable of the environment",
    );
    if name.is_empty() || name.contains('$') {
        return error.help(format!(
            "put a text that begins with $ into quotes: \"${name}\""
        ));
    }
    error
}
