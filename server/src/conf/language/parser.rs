//! Maps and arrays: from text to a tree.
//!
//! In: a text. Out: the map it means and everything that is wrong with it. After an error reading goes on behind it, at the end of the
//! line or at the bracket that closes the map or array, so that all errors are found at once.
//!
//! Nesting is bounded: no input exhausts the stack.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::cursor::{Cursor, is_blank, is_line_end, is_separator, is_white};
use super::scalar::{Read, Scalar, scalar};
use super::shared::Shared;
use super::value::{Entry, Map, Node, Value};
use crate::conf::report::{Diagnostic, Severity};
use crate::conf::source::Span;

/// How deep maps and arrays may lie inside each other, by writing or by variables; a guess far above
/// any real file (5).
const DEPTH_MAX: u32 = 64;
/// After so many errors nobody reads on.
const ERRORS_MAX: usize = 50;

impl Shared<'_> {
    /// Reads a whole file.
    pub(crate) fn file(&mut self, path: &Path) -> io::Result<Map> {
        let bytes = self.surroundings.file(path)?;
        let source = self.sources.add(path.to_owned(), bytes);
        let span = Span {
            source,
            start: 0,
            end: 0,
        };
        let (text, is_damaged) = {
            let source = self.sources.of(span);
            (Arc::clone(&source.text), source.is_damaged)
        };
        self.open_files.push(path.to_owned());
        let mut parser = Parser::new(self, Cursor::new(text, source));
        parser.is_damaged = is_damaged;
        let map = parser.whole();
        self.open_files.pop();
        Ok(map)
    }
}

/// Reads one text.
pub(crate) struct Parser<'p, 's> {
    pub(crate) shared: &'p mut Shared<'s>,
    pub(crate) cursor: Cursor,
    /// Whether the file has bytes that are no UTF-8.
    is_damaged: bool,
    /// The maps around the cursor, as far as they are read, the outermost first.
    pub(crate) maps: Vec<Map>,
}

impl<'p, 's> Parser<'p, 's> {
    pub(crate) fn new(shared: &'p mut Shared<'s>, cursor: Cursor) -> Self {
        Self {
            shared,
            cursor,
            is_damaged: false,
            maps: Vec::new(),
        }
    }

    /// A whole file: statements, perhaps in braces.
    pub(crate) fn whole(&mut self) -> Map {
        self.maps.push(Map::default());
        let mut braces = Vec::new();
        let errors = self.shared.diagnostics.len();
        loop {
            self.skip_white_and_comments();
            match self.cursor.peek() {
                None => break,
                Some('{') => {
                    braces.push(self.cursor.span_here());
                    self.cursor.next();
                }
                Some('}') => {
                    if braces.pop().is_none() {
                        self.stray_brace();
                    }
                    self.cursor.next();
                }
                Some(_) => self.statement_or_skip(),
            }
        }
        if let Some(open) = braces.pop()
            && self.shared.diagnostics.len() == errors
        {
            self.report(Diagnostic::error(open, "this { is never closed"));
        }
        self.maps.pop().unwrap_or_default()
    }

    /// A `}` that closes nothing: harmless behind a value or at the end of the file.
    fn stray_brace(&mut self) {
        let error = Diagnostic::error(self.cursor.span_here(), "this } closes nothing");
        let start = self.cursor.at();
        let is_last = self.cursor.rest()[1..]
            .trim()
            .chars()
            .all(|next| next == '}');
        let is_behind = start > 0 && self.is_behind_value();
        if is_last || is_behind {
            self.report(error.as_severity(Severity::Notice).help("take it out"));
        } else {
            self.report(error.help("is a { missing above, or is this one too many?"));
        }
    }

    /// Whether something stands before the cursor on its line.
    fn is_behind_value(&self) -> bool {
        let before = self.cursor.since(0);
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        !before[line..].trim().is_empty()
    }

    /// The statements of a map in braces; the opening one is read.
    fn map(&mut self, opening: Span) -> Read<Node> {
        let errors = self.shared.diagnostics.len();
        self.maps.push(Map::default());
        loop {
            self.skip_white_and_comments();
            match self.cursor.peek() {
                None if self.shared.diagnostics.len() == errors => {
                    self.maps.pop();
                    return Err(Diagnostic::error(opening, "this { is never closed"));
                }
                None => break,
                Some('}') => {
                    self.cursor.next();
                    break;
                }
                Some(_) => self.statement_or_skip(),
            }
        }
        let map = self.maps.pop().unwrap_or_default();
        self.bounded(Node::map(map, opening))
    }

    fn statement_or_skip(&mut self) {
        let is_nested = self.maps.len() > 1;
        if let Err(error) = self.statement(is_nested) {
            self.report(error);
            self.recover(if is_nested { '}' } else { '\0' });
        }
    }

    /// `key value`, `key: value`, `include path`, and what ends it.
    fn statement(&mut self, is_nested: bool) -> Read<()> {
        if let Some(letter @ (':' | '=' | ',' | ';')) = self.cursor.peek() {
            let text = format!("expected a key, found {letter:?}");
            return Err(Diagnostic::error(self.cursor.span_here(), text));
        }
        if self.cursor.peek() == Some('/') {
            let here = self.cursor.span_here();
            return Err(Diagnostic::error(here, "expected a key, found '/'")
                .help("comments begin with # or //; a key that begins with / needs quotes"));
        }
        let (key, key_span, is_bare) = self.key()?;
        let next = self.cursor.peek();
        if is_bare && key.eq_ignore_ascii_case("include") && next.is_some_and(is_white) {
            self.include()?;
            return self.end_of_statement();
        }
        self.cursor.skip_while(is_white);
        if self.cursor.peek().is_some_and(is_separator) {
            self.cursor.next();
            self.cursor
                .skip_while(if is_nested { is_white } else { is_blank });
        }
        if matches!(self.cursor.peek(), None | Some(',' | ';' | '}'))
            || self.cursor.peek().is_some_and(is_line_end)
        {
            return Err(no_value(&key, key_span));
        }
        let node = self.value(false)?;
        self.set(Entry {
            key,
            key_span,
            node,
            is_used: false,
        });
        self.end_of_statement()
    }

    /// The key here, where it stands, and whether it had no quotes.
    fn key(&mut self) -> Read<(Arc<str>, Span, bool)> {
        let start = self.cursor.at();
        if let Some(quote @ ('"' | '\'')) = self.cursor.peek() {
            self.cursor.next();
            let opening = self.cursor.span_since(start);
            let inner = self.cursor.at();
            self.cursor.skip_while(|letter| letter != quote);
            let key = Arc::from(self.cursor.since(inner));
            if self.cursor.next().is_none() {
                return Err(Diagnostic::error(opening, "this quote is never closed"));
            }
            let span = self.cursor.span_since(start);
            self.undamaged(&key, span)?;
            return Ok((key, span, false));
        }
        self.cursor
            .skip_while(|letter| !is_white(letter) && !is_separator(letter));
        let key = Arc::from(self.cursor.since(start));
        let span = self.cursor.span_since(start);
        self.undamaged(&key, span)?;
        Ok((key, span, true))
    }

    /// One value of any kind.
    fn value(&mut self, is_in_array: bool) -> Read<Node> {
        let start = self.cursor.at();
        match self.cursor.peek() {
            Some('{') => self.nested(Self::map),
            Some('[') => self.nested(Self::array),
            _ => match scalar(&mut self.cursor, is_in_array)? {
                Scalar::Value(value) => {
                    let span = self.cursor.span_since(start);
                    if let Value::Text(text) = &value {
                        self.undamaged(text, span)?;
                    }
                    Ok(Node::plain(value, span))
                }
                Scalar::Variable(name) => self.variable(&name, self.cursor.span_since(start)),
            },
        }
    }

    /// Reads what a bracket opens, if there are not too many open.
    fn nested(&mut self, read: fn(&mut Self, Span) -> Read<Node>) -> Read<Node> {
        let opening = self.cursor.span_here();
        if self.shared.depth == DEPTH_MAX {
            self.cursor.skip_to_end();
            return Err(too_deep(opening));
        }
        self.cursor.next();
        self.shared.depth += 1;
        let node = read(self, opening);
        self.shared.depth -= 1;
        node
    }

    /// Variables can nest what is not written nested.
    fn bounded(&self, node: Node) -> Read<Node> {
        if node.depth > DEPTH_MAX {
            return Err(too_deep(node.span));
        }
        Ok(node)
    }

    /// The values of an array; the opening bracket is read.
    fn array(&mut self, opening: Span) -> Read<Node> {
        let errors = self.shared.diagnostics.len();
        let mut items = Vec::new();
        loop {
            self.skip_white_and_comments();
            match self.cursor.peek() {
                None if self.shared.diagnostics.len() == errors => {
                    return Err(Diagnostic::error(opening, "this [ is never closed"));
                }
                None => break,
                Some(']') => {
                    self.cursor.next();
                    break;
                }
                Some(_) => match self.item() {
                    Ok(node) => items.push(node),
                    Err(error) => {
                        self.report(error);
                        self.recover(']');
                    }
                },
            }
        }
        self.bounded(Node::array(items, opening))
    }

    /// A value of an array and what divides it from the next.
    fn item(&mut self) -> Read<Node> {
        let here = self.cursor.span_here();
        if let Some(letter @ (',' | ';' | '}')) = self.cursor.peek() {
            let text = format!("expected a value of the array, found {letter:?}");
            return Err(Diagnostic::error(here, text));
        }
        let node = self.value(true)?;
        self.cursor.skip_while(is_blank);
        match self.cursor.peek() {
            None | Some(']') => {}
            Some(',') => {
                self.cursor.next();
            }
            Some(letter) if is_line_end(letter) || self.is_at_comment() => {}
            Some(letter) => {
                let text = format!("expected , or ] behind a value of the array, found {letter:?}");
                return Err(Diagnostic::error(self.cursor.span_here(), text)
                    .help("values of an array are divided by commas or line ends"));
            }
        }
        Ok(node)
    }

    /// Consumes what ends a statement, or leaves a `}` to whoever it closes.
    fn end_of_statement(&mut self) -> Read<()> {
        self.cursor.skip_while(is_blank);
        match self.cursor.peek() {
            None | Some('}') => Ok(()),
            Some(',' | ';') => {
                self.cursor.next();
                Ok(())
            }
            Some(letter) if is_line_end(letter) || self.is_at_comment() => Ok(()),
            Some(letter) => {
                let text = format!("expected the end of the line, found {letter:?}");
                Err(Diagnostic::error(self.cursor.span_here(), text).help(
                    "two statements on a line are divided by ; or , and a text with blanks or \
                     brackets needs quotes",
                ))
            }
        }
    }

    pub(crate) fn set(&mut self, entry: Entry) {
        if let Some(map) = self.maps.last_mut() {
            map.set(entry);
        }
    }

    /// Bytes that are no UTF-8 may stand in comments only.
    fn undamaged(&self, text: &str, span: Span) -> Read<()> {
        if self.is_damaged && text.contains('\u{fffd}') {
            return Err(Diagnostic::error(span, "this is not UTF-8")
                .help("save the file as UTF-8, or write the bytes as \\xHH in double quotes"));
        }
        Ok(())
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.shared.diagnostics.push(diagnostic);
        if self.shared.diagnostics.len() > ERRORS_MAX {
            self.cursor.skip_to_end();
        }
    }

    fn is_at_comment(&self) -> bool {
        self.cursor.starts_with("#") || self.cursor.starts_with("//")
    }

    fn skip_white_and_comments(&mut self) {
        loop {
            self.cursor.skip_while(is_white);
            if !self.is_at_comment() {
                return;
            }
            self.cursor.skip_while(|letter| !is_line_end(letter));
        }
    }

    /// Goes on behind an error: to the end of the line, or to the `closer` of the map or array.
    fn recover(&mut self, closer: char) {
        let mut open = 0_usize;
        while let Some(letter) = self.cursor.peek() {
            if is_line_end(letter) || (letter == closer && open == 0) {
                return;
            }
            match letter {
                '{' | '[' => open += 1,
                '}' | ']' => open = open.saturating_sub(1),
                _ => {}
            }
            self.cursor.next();
        }
    }
}

fn no_value(key: &str, span: Span) -> Diagnostic {
    let error = Diagnostic::error(span, format!("expected a value for \"{key}\" on this line"));
    if key.len() > 1 && key.ends_with('}') {
        let bare = key.trim_end_matches('}');
        return error.help(format!(
            "the }} belongs to the key here: put a blank before it, \"{bare} }}\""
        ));
    }
    error
}

pub(crate) fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(span, "maps and arrays lie too deep inside each other")
        .help(format!("{DEPTH_MAX} is the most"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::{Loaded, Surroundings, load};

    /// One file, and nothing around it.
    struct Alone<'b>(&'b [u8]);

    impl Surroundings for Alone<'_> {
        fn file(&self, _: &Path) -> io::Result<Vec<u8>> {
            Ok(self.0.to_vec())
        }

        fn variable(&self, _: &str) -> Option<String> {
            None
        }
    }

    fn loaded(bytes: &[u8]) -> Loaded {
        let loaded = load(Path::new("a"), &Alone(bytes)).unwrap();
        for diagnostic in &loaded.diagnostics {
            diagnostic.render(&loaded.sources);
        }
        loaded
    }

    #[test]
    fn no_nesting_exhausts_the_stack() {
        for bracket in ["[", "{a ", "{a [", "{"] {
            let text = format!("a {}", bracket.repeat(100_000));
            assert!(loaded(text.as_bytes()).has(Severity::Error), "{bracket}");
        }
        let mut text = String::from("a0 [1]\n");
        for at in 1..2_000 {
            text += &format!("a{at} [$a{}, $a{}]\n", at - 1, at - 1);
        }
        let loaded = loaded(text.as_bytes());
        let deep = |found: &Diagnostic| found.text.contains("too deep");
        assert!(loaded.diagnostics.iter().any(deep));
    }

    #[test]
    fn bytes_that_are_no_text_may_stand_in_comments_only() {
        assert!(loaded(b"# \xff\nport: 1\n").diagnostics.is_empty());
        for bad in [
            &b"server_name: \xff\n"[..],
            b"\xff: 1\n",
            b"server_name: '\xff'\n",
        ] {
            assert!(loaded(bad).has(Severity::Error));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_ends(text in "[a-c0-9km.,;:={}\\[\\]()\"'$#/\\\\ \n-]{0,60}") {
            loaded(text.as_bytes());
        }

        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            loaded(&bytes);
        }
    }
}
