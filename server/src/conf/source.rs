//! The files that were read, and places in them.
//!
//! In: names and bytes. Out: a [`Span`] for anything that stands in one of them, and back from a
//! span to line, column and text.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// A stretch of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which source, counted in the order of reading.
    pub source: u32,
    /// First byte.
    pub start: u32,
    /// Behind the last byte; never below `start`.
    pub end: u32,
}

/// Line and column of a place, both counted from one; the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One text that was read.
#[derive(Debug)]
pub struct Source {
    /// The path as the user, or the including file, wrote it.
    pub name: PathBuf,
    /// Its text; bytes that are no UTF-8 stand as U+FFFD.
    pub text: Arc<str>,
    /// Whether some bytes were no UTF-8.
    pub is_damaged: bool,
    /// The bytes as they were read.
    pub bytes: Vec<u8>,
}

/// Every text that was read, the configuration file first.
#[derive(Debug, Default)]
pub struct Sources {
    all: Vec<Source>,
}

impl Sources {
    /// Keeps a file; the number names it in spans.
    pub(crate) fn add(&mut self, name: PathBuf, bytes: Vec<u8>) -> u32 {
        let text = String::from_utf8_lossy(&bytes);
        let is_damaged = matches!(text, std::borrow::Cow::Owned(_));
        let text = Arc::from(text.as_ref());
        self.all.push(Source {
            name,
            text,
            is_damaged,
            bytes,
        });
        self.all.len() as u32 - 1
    }

    /// The files in the order of reading.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.all.iter()
    }

    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// The source that a span lies in.
    pub fn of(&self, span: Span) -> &Source {
        &self.all[span.source as usize]
    }

    /// What stands at a span.
    pub fn text(&self, span: Span) -> &str {
        self.of(span).text.get(range(span)).unwrap_or_default()
    }

    /// Where a span begins.
    pub fn place(&self, span: Span) -> Place {
        let before = self.of(span).text.get(..span.start as usize);
        let before = before.unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Place {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// The whole line in which a span begins, without its end.
    pub(crate) fn line(&self, span: Span) -> Range<usize> {
        let text = &self.of(span).text;
        let at = (span.start as usize).min(text.len());
        let start = text[..at].rfind('\n').map_or(0, |found| found + 1);
        let end = text[at..].find('\n').map_or(text.len(), |found| at + found);
        let end = start + text[start..end].trim_end_matches('\r').len();
        start..end
    }
}

/// The bytes of a span.
pub(crate) fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}
