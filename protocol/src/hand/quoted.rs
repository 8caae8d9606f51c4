//! A payload in quotes in the place of its size, so that nobody has to count.
//!
//! ```text
//! PUB subject [reply] "text"
//! REQ subject [reply] "text"
//! HPUB subject [reply] "Key: value" … "text"
//! ```
//!
//! A text goes from its quote to the last quote of the line, whatever stands between: nothing is
//! escaped. A header ends with the next quote, and holds none.

use super::line::{Line, trim};
use super::mistake::Mistake;
use crate::subject;

/// A message whose payload was not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted<'a> {
    /// Where it goes; no wildcards, no empty tokens.
    pub subject: &'a [u8],
    /// Where an answer is wanted.
    pub reply: Option<&'a [u8]>,
    /// Names and values.
    pub headers: Vec<(&'a str, &'a str)>,
    /// The payload.
    pub text: &'a [u8],
}

/// The message of a line whose word `start` begins with a quote.
pub(super) fn read<'a>(
    line: &Line<'a>,
    verb: &'static str,
    start: usize,
) -> Result<Quoted<'a>, Mistake<'a>> {
    let reply = match start {
        2 => return Err(line.missing(verb, 2, "subject")),
        3 => None,
        4 => Some(line.word(3)),
        _ => return Err(line.too_many(verb, 4)),
    };
    let (headers, rest) = match verb {
        "HPUB" => leading_headers(line.from(start))?,
        _ => (Vec::new(), line.from(start)),
    };
    if verb == "HPUB" && headers.is_empty() {
        return Err(line.missing(verb, start + 1, "text in quotes"));
    }
    let subject = deliverable(line.word(2))?;
    let reply = reply.map(deliverable).transpose()?;
    Ok(Quoted {
        subject,
        reply,
        headers,
        text: text(rest)?,
    })
}

/// A request that says nothing but its subject.
pub(super) fn without_text(subject: &[u8]) -> Result<Quoted<'_>, Mistake<'_>> {
    Ok(Quoted {
        subject: deliverable(subject)?,
        reply: None,
        headers: Vec::new(),
        text: b"",
    })
}

fn deliverable(subject: &[u8]) -> Result<&[u8], Mistake<'_>> {
    match subject::is_valid_literal(subject) {
        true => Ok(subject),
        false => Err(Mistake::Subject { subject }),
    }
}

/// What stands between the first quote of `rest`, which it begins with, and the last.
pub(super) fn text(rest: &[u8]) -> Result<&[u8], Mistake<'_>> {
    let end = memchr::memrchr(b'"', rest).unwrap_or(0);
    if end == 0 {
        return Err(Mistake::OpenQuote { text: rest });
    }
    let behind = trim(&rest[end + 1..]);
    if !behind.is_empty() {
        return Err(Mistake::BehindQuote { text: behind });
    }
    Ok(&rest[1..end])
}

/// Names and values.
type Headers<'a> = Vec<(&'a str, &'a str)>;

/// The headers that `rest` begins with, and what is behind them.
fn leading_headers(mut rest: &[u8]) -> Result<(Headers<'_>, &[u8]), Mistake<'_>> {
    let mut headers = Vec::new();
    while let Some((header, behind)) = leading_text(rest) {
        headers.push(split_header(header)?);
        rest = behind;
    }
    Ok((headers, rest))
}

/// A text that another text follows, and that other text; `rest` begins with a quote.
fn leading_text(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = 1 + memchr::memchr(b'"', &rest[1..])?;
    let behind = &rest[end + 1..];
    let next = behind.trim_ascii_start();
    let is_followed = next.len() < behind.len() && next.starts_with(b"\"");
    is_followed.then_some((&rest[1..end], next))
}

/// `Key: value`, both without blanks around them.
fn split_header(text: &[u8]) -> Result<(&str, &str), Mistake<'_>> {
    let wrong = Mistake::NotAHeader { text };
    let Ok(line) = std::str::from_utf8(text) else {
        return Err(wrong);
    };
    let Some((name, value)) = line.split_once(':') else {
        return Err(wrong);
    };
    let is_name = |byte: u8| (33..=126).contains(&byte);
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(wrong);
    }
    Ok((name, value.trim()))
}
