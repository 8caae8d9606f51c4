//! Plain values: numbers with suffixes, times, and the four ways to write a text.
//!
//! ```text
//! 4222  -1  64mb  1.5      numbers; k m g t p e are powers of 1000, kb mb … of 1024
//! 2026-11-21T05:41:41Z     a time, always in UTC
//! "a\tb"  'a\tb'  a\tb     with escapes, raw, bare
//! (⏎ … ⏎)                  a block: closed by ) alone on its line
//! ```
//!
//! In: a cursor at the first character. Out: a value, or why there is none.

use std::sync::Arc;

use super::cursor::{Cursor, is_blank, is_line_end};
use super::value::Value;
use crate::conf::report::Diagnostic;

/// A plain value, or the name of a variable.
pub(crate) enum Scalar {
    Value(Value),
    Variable(String),
}

pub(crate) type Read<T> = Result<T, Diagnostic>;

/// Reads the plain value that begins here. Inside an array `]` ends a number.
pub(crate) fn scalar(cursor: &mut Cursor, is_in_array: bool) -> Read<Scalar> {
    let value = match cursor.peek() {
        Some('"') => quoted(cursor)?,
        Some('\'') => raw(cursor)?,
        Some('(') => block(cursor)?,
        Some('-') => negative(cursor, is_in_array)?,
        Some('0'..='9') => digits_first(cursor, is_in_array)?,
        Some('.') => {
            return Err(
                Diagnostic::error(cursor.span_here(), "a number must begin with a digit")
                    .help("write 0.5 instead of .5, or put a text into quotes"),
            );
        }
        _ => return bare(cursor, cursor.at()),
    };
    Ok(Scalar::Value(value))
}

fn text(text: impl AsRef<str>) -> Value {
    Value::Text(Arc::from(text.as_ref()))
}

/// `"…"`: escapes, may span lines.
fn quoted(cursor: &mut Cursor) -> Read<Value> {
    let start = cursor.at();
    cursor.next();
    let opening = cursor.span_since(start);
    let mut bytes = Vec::new();
    loop {
        match cursor.peek() {
            Some('"') => break,
            Some('\\') => escape(cursor, &mut bytes)?,
            Some(_) => push_next(cursor, &mut bytes),
            None => return Err(unclosed(opening, "this quote is never closed")),
        }
    }
    cursor.next();
    finish(cursor, start, bytes)
}

/// `'…'`: no escapes, may span lines.
fn raw(cursor: &mut Cursor) -> Read<Value> {
    let start = cursor.at();
    cursor.next();
    let opening = cursor.span_since(start);
    let inner = cursor.at();
    cursor.skip_while(|letter| letter != '\'');
    let value = text(cursor.since(inner));
    match cursor.next() {
        Some(_) => Ok(value),
        None => Err(unclosed(opening, "this quote is never closed")),
    }
}

/// `(` … `)`, the closing one alone on its line; the text between, line ends included.
fn block(cursor: &mut Cursor) -> Read<Value> {
    let start = cursor.at();
    cursor.next();
    let opening = cursor.span_since(start);
    let inner = cursor.at();
    loop {
        cursor.skip_while(|letter| letter != ')');
        let value = text(cursor.since(inner));
        if cursor.next().is_none() {
            return Err(unclosed(opening, "this block is never closed")
                .help("a block ends with a ) that stands alone on its line, without blanks"));
        }
        let is_bare = cursor.since(inner).ends_with("\n)");
        if is_bare && matches!(cursor.peek(), None | Some('\n')) {
            return Ok(value);
        }
    }
}

fn unclosed(opening: crate::conf::source::Span, what: &str) -> Diagnostic {
    Diagnostic::error(opening, what)
}

/// A text without quotes, begun at `start` and read up to here. It ends before a blank, a line end
/// or one of `, ; ] }`, and behind a `'`.
fn bare(cursor: &mut Cursor, start: usize) -> Read<Scalar> {
    let mut bytes = cursor.since(start).as_bytes().to_vec();
    let mut is_plain = true;
    loop {
        match cursor.peek() {
            Some('\\') => {
                is_plain = false;
                escape(cursor, &mut bytes)?;
            }
            Some('\'') => {
                let value = finish(cursor, start, bytes)?;
                cursor.next();
                return Ok(Scalar::Value(value));
            }
            None | Some(',' | ';' | ']' | '}') => break,
            Some(letter) if is_blank(letter) || is_line_end(letter) => break,
            Some(_) => push_next(cursor, &mut bytes),
        }
    }
    let word = cursor.since(start);
    if is_plain && let Some(name) = word.strip_prefix('$') {
        return Ok(Scalar::Variable(name.to_owned()));
    }
    if is_plain && let Some(is_on) = boolean(word) {
        return Ok(Scalar::Value(Value::Bool(is_on)));
    }
    finish(cursor, start, bytes).map(Scalar::Value)
}

fn boolean(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn push_next(cursor: &mut Cursor, bytes: &mut Vec<u8>) {
    let start = cursor.at();
    cursor.next();
    bytes.extend_from_slice(cursor.since(start).as_bytes());
}

/// Escapes may make bytes that are no text.
fn finish(cursor: &Cursor, start: usize, bytes: Vec<u8>) -> Read<Value> {
    String::from_utf8(bytes).map(text).map_err(|_| {
        Diagnostic::error(
            cursor.span_since(start),
            "the escapes of this text do not make UTF-8",
        )
    })
}

/// `\t \n \r \" \\ \xHH`.
fn escape(cursor: &mut Cursor, bytes: &mut Vec<u8>) -> Read<()> {
    let start = cursor.at();
    cursor.next();
    match cursor.next() {
        Some('t') => bytes.push(b'\t'),
        Some('n') => bytes.push(b'\n'),
        Some('r') => bytes.push(b'\r'),
        Some('"') => bytes.push(b'"'),
        Some('\\') => bytes.push(b'\\'),
        Some('x') => {
            let digits = cursor.at();
            for _ in 0..2 {
                if cursor
                    .peek()
                    .is_some_and(|letter| letter.is_ascii_hexdigit())
                {
                    cursor.next();
                }
            }
            let byte = u8::from_str_radix(cursor.since(digits), 16);
            match byte.ok().filter(|_| cursor.at() == digits + 2) {
                Some(byte) => bytes.push(byte),
                None => {
                    return Err(Diagnostic::error(
                        cursor.span_since(start),
                        "\\x must be followed by two hexadecimal digits",
                    ));
                }
            }
        }
        _ => {
            return Err(
                Diagnostic::error(cursor.span_since(start), "there is no such escape").help(
                    "escapes are \\t \\n \\r \\\" \\\\ and \\xHH; in single quotes there are none",
                ),
            );
        }
    }
    Ok(())
}

/// `-` and what follows: a number, or an error.
fn negative(cursor: &mut Cursor, is_in_array: bool) -> Read<Value> {
    let start = cursor.at();
    cursor.next();
    if !cursor.peek().is_some_and(|letter| letter.is_ascii_digit()) {
        return Err(
            Diagnostic::error(cursor.span_since(start), "- must be followed by a digit")
                .help("put a text that begins with - into quotes"),
        );
    }
    cursor.skip_while(|letter| letter.is_ascii_digit());
    match cursor.peek() {
        Some('.') => float(cursor, start),
        Some(letter) if is_suffix(letter) => suffixed(cursor, start, is_in_array),
        _ => integer(cursor, start),
    }
}

/// A number, a time, an address or a text that begins with a digit.
fn digits_first(cursor: &mut Cursor, is_in_array: bool) -> Read<Value> {
    let start = cursor.at();
    cursor.skip_while(|letter| letter.is_ascii_digit());
    match cursor.peek() {
        Some('-') => time(cursor, start),
        Some('.') => float(cursor, start),
        Some(letter) if is_suffix(letter) => suffixed(cursor, start, is_in_array),
        letter if ends_number(letter, is_in_array) => integer(cursor, start),
        _ => {
            cursor.next(); // Whatever it is, it belongs to the text now.
            text_of(bare(cursor, start)?)
        }
    }
}

/// A bare text that began with a digit can be no variable.
fn text_of(scalar: Scalar) -> Read<Value> {
    Ok(match scalar {
        Scalar::Value(value) => value,
        Scalar::Variable(name) => text(name),
    })
}

fn ends_number(letter: Option<char>, is_in_array: bool) -> bool {
    match letter {
        None | Some('}' | ',' | ';') => true,
        Some(']') => is_in_array,
        Some(letter) => is_blank(letter) || is_line_end(letter),
    }
}

fn is_suffix(letter: char) -> bool {
    "kmgtpe".contains(letter.to_ascii_lowercase())
}

/// Digits are read, a suffix stands here: `64k`, `64kib`; else it is a text, `64kx`.
fn suffixed(cursor: &mut Cursor, start: usize, is_in_array: bool) -> Read<Value> {
    cursor.next();
    cursor.skip_while(|letter| matches!(letter, 'b' | 'B' | 'i' | 'I'));
    if ends_number(cursor.peek(), is_in_array) {
        integer(cursor, start)
    } else {
        text_of(bare(cursor, start)?)
    }
}

fn integer(cursor: &Cursor, start: usize) -> Read<Value> {
    let written = cursor.since(start);
    let digits = written.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let suffix = written[digits.len()..].to_ascii_lowercase();
    let span = cursor.span_since(start);
    let Some(factor) = factor(&suffix) else {
        return Err(
            Diagnostic::error(span, format!("there is no suffix {suffix:?}"))
                .help("k m g t p e count in thousands; kb mb gb … and kib mib gib … in 1024s"),
        );
    };
    let number: Option<i64> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(factor))
        .map(Value::Integer)
        .ok_or_else(|| {
            Diagnostic::error(span, format!("the number {written} is out of range"))
                .help(format!("put it in quotes if it is a text: \"{written}\""))
        })
}

/// What a suffix multiplies with.
fn factor(suffix: &str) -> Option<i64> {
    let power = |letter: &str| "kmgtpe".find(letter).map(|at| at as u32 + 1);
    match suffix.len() {
        0 => Some(1),
        1 => power(suffix).map(|power| 1000_i64.pow(power)),
        _ if matches!(&suffix[1..], "b" | "i" | "ib") => {
            power(&suffix[..1]).map(|power| 1024_i64.pow(power))
        }
        _ => None,
    }
}

/// Digits are read, a point stands here. A second point makes it an address: `127.0.0.1:4222`.
fn float(cursor: &mut Cursor, start: usize) -> Read<Value> {
    cursor.next();
    let decimals = cursor.at();
    cursor.skip_while(|letter| letter.is_ascii_digit());
    if cursor.at() == decimals {
        return Err(Diagnostic::error(
            cursor.span_since(start),
            "the point of a number must be followed by a digit",
        )
        .help("put a text that begins with a digit into quotes"));
    }
    if cursor.peek() == Some('.') {
        cursor.skip_while(|letter| letter.is_ascii_digit() || matches!(letter, '.' | ':' | '-'));
        return Ok(text(cursor.since(start)));
    }
    let number = cursor.since(start).parse();
    Ok(Value::Float(number.unwrap_or_default()))
}

/// Digits are read, a `-` stands here: `2026-11-21T05:41:41Z`, nothing shorter.
fn time(cursor: &mut Cursor, start: usize) -> Read<Value> {
    let is_wanted = |letter: char| letter.is_ascii_digit() || "-:TZ".contains(letter);
    cursor.skip_while(is_wanted);
    let written = cursor.since(start);
    let z = written.find('Z').map_or(written.len(), |at| at + 1);
    if z == written.len() && is_time(written) {
        return Ok(Value::Time(Arc::from(written)));
    }
    Err(Diagnostic::error(
        cursor.span_since(start),
        "a number followed by - must be a whole time in UTC",
    )
    .help("such as 2026-11-21T05:41:41Z; put a text that begins with a digit into quotes"))
}

fn is_time(written: &str) -> bool {
    const FORM: &str = "dddd-dd-ddTdd:dd:ddZ";
    let has_form = written.len() == FORM.len()
        && written.bytes().zip(FORM.bytes()).all(|(byte, form)| {
            if form == b'd' {
                byte.is_ascii_digit()
            } else {
                byte == form
            }
        });
    if !has_form {
        return false;
    }
    let part = |from: usize, to: usize| written[from..to].parse().unwrap_or(u32::MAX);
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day) && part(11, 13) < 24 && part(14, 16) < 60 && part(17, 19) < 60
}
