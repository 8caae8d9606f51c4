//! JSON as the reference server writes it: indented by two spaces, `<`, `>` and `&` escaped so that
//! a page can be shown anywhere, whole numbers without a fraction whatever their type.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// `value` over many lines.
pub(crate) fn pretty(value: &impl Serialize) -> Vec<u8> {
    let formatter = Careful(PrettyFormatter::with_indent(b"  "));
    write(value, formatter)
}

/// `value` in one line.
pub(crate) fn compact(value: &impl Serialize) -> Vec<u8> {
    write(value, Careful(CompactFormatter))
}

fn write<F: Formatter>(value: &impl Serialize, formatter: F) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2048);
    let mut serializer = Serializer::with_formatter(&mut bytes, formatter);
    value
        .serialize(&mut serializer)
        .expect("plain data with text as keys, written into memory");
    bytes
}

/// Another formatter, but for texts and fractions.
struct Careful<F>(F);

impl<F: Formatter> Formatter for Careful<F> {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        write!(writer, "{value}") // 2 and not 2.0; never an exponent.
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let is_special = |letter: char| matches!(letter, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
        let mut rest = fragment;
        while let Some(at) = rest.find(is_special) {
            let letter = rest[at..].chars().next().unwrap_or_default();
            write!(writer, "{}\\u{:04x}", &rest[..at], u32::from(letter))?;
            rest = &rest[at + letter.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(to, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(to, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &serde_json::Value, expected: &str) {
        assert_eq!(String::from_utf8(compact(value)).unwrap(), expected);
    }

    #[test]
    fn what_a_browser_could_take_for_markup_is_escaped() {
        check(&"a.>".into(), r#""a.\u003e""#);
        check(
            &"<script>&\u{2028}é\u{7}\"".into(),
            r#""\u003cscript\u003e\u0026\u2028é\u0007\"""#,
        );
    }

    #[test]
    fn whole_fractions_are_whole() {
        check(&2.0.into(), "2");
        check(&0.16666666666666666.into(), "0.16666666666666666");
    }

    #[test]
    fn pages_are_indented_and_what_is_empty_is_short() {
        let page = pretty(&serde_json::json!({"a": [1], "b": {}, "c": []}));
        let expected = "{\n  \"a\": [\n    1\n  ],\n  \"b\": {},\n  \"c\": []\n}";
        assert_eq!(String::from_utf8(page).unwrap(), expected);
    }
}
