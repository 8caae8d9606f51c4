//! A place in a text, and the small steps from it.
//!
//! The grammar tells three kinds of white: blanks (space, tab), line ends (LF, CR), and, around
//! keys only, whatever Unicode calls white.

use std::sync::Arc;

use crate::conf::source::Span;

/// Where reading has come to in one source.
pub(crate) struct Cursor {
    text: Arc<str>,
    source: u32,
    /// The next byte; always at the start of a character.
    at: usize,
    /// The place that all spans get: for a text that stands in no file.
    fixed: Option<Span>,
}

impl Cursor {
    pub(crate) fn new(text: Arc<str>, source: u32) -> Self {
        Self {
            text,
            source,
            at: 0,
            fixed: None,
        }
    }

    /// Reads a text that came from elsewhere, in whose place `span` is shown.
    pub(crate) fn elsewhere(text: Arc<str>, span: Span) -> Self {
        Self {
            text,
            source: span.source,
            at: 0,
            fixed: Some(span),
        }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    pub(crate) fn starts_with(&self, lead: &str) -> bool {
        self.text[self.at..].starts_with(lead)
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    pub(crate) fn skip_while(&mut self, is_wanted: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&is_wanted) {
            self.next();
        }
    }

    pub(crate) fn skip_to_end(&mut self) {
        self.at = self.text.len();
    }

    /// Everything from `start` to here.
    pub(crate) fn since(&self, start: usize) -> &str {
        &self.text[start..self.at]
    }

    /// What is still to come.
    pub(crate) fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    pub(crate) fn span_since(&self, start: usize) -> Span {
        self.span(start, self.at)
    }

    /// The character here, or the end.
    pub(crate) fn span_here(&self) -> Span {
        let width = self.peek().map_or(0, char::len_utf8);
        self.span(self.at, self.at + width)
    }

    fn span(&self, start: usize, end: usize) -> Span {
        self.fixed.unwrap_or(Span {
            source: self.source,
            start: start as u32,
            end: end as u32,
        })
    }
}

pub(crate) fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t')
}

pub(crate) fn is_line_end(letter: char) -> bool {
    matches!(letter, '\n' | '\r')
}

/// White as around keys.
pub(crate) fn is_white(letter: char) -> bool {
    letter.is_whitespace()
}

pub(crate) fn is_separator(letter: char) -> bool {
    matches!(letter, ':' | '=')
}
