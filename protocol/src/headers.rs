//! Headers: named values that travel in front of a payload.
//!
//! In: a header block cut out of its message, or names and values. Out: an ordered map of both, or
//! the block. The server passes blocks on unread, so what arrives may be anything at all.
//!
//! ```text
//! NATS/1.0[ <status>[ <description>]]⏎
//! Name: value⏎                                 any number of them, repeats allowed
//! ⏎
//! ```

use std::fmt;

use memchr::memchr;

/// Named values in the order in which they were added; a name may have several.
///
/// Names keep their case and are looked up case-sensitively, as all present NATS clients do.
/// Source: protocol.md#headers. One map is two allocations, however many entries it has.
///
/// ```
/// use dunlin_protocol::HeaderMap;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("Trace-Id", "7")?;
/// assert_eq!(headers.get("Trace-Id"), Some("7"));
/// # Ok::<(), dunlin_protocol::HeaderError>(())
/// ```
#[derive(Clone, Default)]
pub struct HeaderMap {
    /// All names and values, one behind the other.
    text: String,
    /// Where they stand in `text`; always on character boundaries.
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: usize,
    name_len: usize,
    value_len: usize, // The value stands right behind the name.
}

impl HeaderMap {
    /// An empty map; allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `name` to `value` alone, in the place of its first entry if it had any.
    ///
    /// # Errors
    ///
    /// As [`HeaderMap::append`]; the map is unchanged then.
    pub fn insert(
        &mut self,
        name: impl AsRef<str>,
        value: impl AsRef<str>,
    ) -> Result<(), HeaderError> {
        let name = name.as_ref();
        let value = checked(name, value.as_ref())?;
        let place = self.iter().position(|(candidate, _)| candidate == name);
        self.remove(name);
        let entry = self.write_entry(name, value);
        self.entries
            .insert(place.unwrap_or(self.entries.len()), entry);
        Ok(())
    }

    /// Adds `value` to those that `name` has. Blanks around the value are not kept.
    ///
    /// # Errors
    ///
    /// A name must be printable ASCII without blank and colon, and not empty; a value must not
    /// hold a CR or LF. The map is unchanged then.
    pub fn append(
        &mut self,
        name: impl AsRef<str>,
        value: impl AsRef<str>,
    ) -> Result<(), HeaderError> {
        let value = checked(name.as_ref(), value.as_ref())?;
        let entry = self.write_entry(name.as_ref(), value);
        self.entries.push(entry);
        Ok(())
    }

    /// Takes all values of `name` out; says how many there were.
    pub fn remove(&mut self, name: &str) -> usize {
        let removed = self.get_all(name).count();
        if removed > 0 {
            // Written anew, so that a map whose values are set again and again does not grow.
            let old = std::mem::take(self);
            for (kept, value) in old.iter().filter(|(candidate, _)| *candidate != name) {
                let entry = self.write_entry(kept, value);
                self.entries.push(entry);
            }
        }
        removed
    }

    /// The first value of `name`, which must be spelled in the same case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// The last value of `name`.
    pub fn get_last(&self, name: &str) -> Option<&str> {
        self.get_all(name).next_back()
    }

    /// The first value of `name` in any case of its ASCII letters.
    pub fn get_ignore_case(&self, name: &str) -> Option<&str> {
        let mut entries = self.iter();
        let found = entries.find(|(candidate, _)| candidate.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    /// All values of `name`, in order.
    pub fn get_all<'a>(&'a self, name: &str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.iter()
            .filter(move |(candidate, _)| *candidate == name)
            .map(|(_, value)| value)
    }

    /// All entries, name and value, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> + ExactSizeIterator {
        let text = &*self.text;
        self.entries
            .iter()
            .map(move |entry| (entry.name(text), entry.value(text)))
    }

    /// How many entries there are; a repeated name counts each time.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The length of the block that [`HeaderMap::encode`] writes, in bytes.
    pub fn encoded_len(&self) -> usize {
        let entries = self.entries.iter();
        let lines = entries.map(|entry| entry.name_len + entry.value_len + ": \r\n".len());
        VERSION.len() + "\r\n\r\n".len() + lines.sum::<usize>()
    }

    /// Appends the block, its last empty line included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(VERSION);
        out.extend_from_slice(b"\r\n");
        for (name, value) in self.iter() {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Reads a block, with the status that its first line may carry.
    ///
    /// Lines may end with a bare LF. Bytes that are no UTF-8 are replaced by U+FFFD.
    ///
    /// # Errors
    ///
    /// The block is none: another first line, a line without a colon or with a bad name, or no
    /// empty line at its end.
    pub fn decode(block: &[u8]) -> Result<HeaderBlock, HeaderError> {
        let (first, mut rest) = next_line(block).ok_or(HeaderError::NotABlock)?;
        let (status, description) = status_line(first)?;
        let mut headers = Self::new();
        loop {
            let (line, behind) = next_line(rest).ok_or(HeaderError::NotABlock)?;
            rest = behind;
            if line.is_empty() {
                break;
            }
            let colon = memchr(b':', line).ok_or(HeaderError::NotABlock)?;
            let name = str::from_utf8(&line[..colon]).map_err(|_| HeaderError::BadName)?;
            headers.append(name, String::from_utf8_lossy(&line[colon + 1..]))?;
        }
        Ok(HeaderBlock {
            status,
            description,
            headers,
        })
    }

    fn write_entry(&mut self, name: &str, value: &str) -> Entry {
        let start = self.text.len();
        self.text.push_str(name);
        self.text.push_str(value);
        Entry {
            start,
            name_len: name.len(),
            value_len: value.len(),
        }
    }
}

impl Entry {
    fn name(self, text: &str) -> &str {
        &text[self.start..self.start + self.name_len]
    }

    fn value(self, text: &str) -> &str {
        let start = self.start + self.name_len;
        &text[start..start + self.value_len]
    }
}

impl fmt::Debug for HeaderMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Equal are maps with the same entries in the same order.
impl PartialEq for HeaderMap {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for HeaderMap {}

impl<N: AsRef<str>, V: AsRef<str>, const LEN: usize> TryFrom<[(N, V); LEN]> for HeaderMap {
    type Error = HeaderError;

    fn try_from(entries: [(N, V); LEN]) -> Result<Self, HeaderError> {
        let mut headers = Self::new();
        for (name, value) in entries {
            headers.append(name, value)?;
        }
        Ok(headers)
    }
}

/// A header block that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderBlock {
    /// The status of the first line, 100 to 999, by which a server speaks of its own.
    pub status: Option<u16>,
    /// What stands behind the status; empty if nothing does.
    pub description: String,
    /// The entries.
    pub headers: HeaderMap,
}

/// What is wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderError {
    /// The name is empty, or holds a blank, a colon or something that is not printable ASCII.
    BadName,
    /// The value holds a CR or LF.
    BadValue,
    /// The block has no first line, no last line, or a line that is no header.
    NotABlock,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadName => "header name is not printable ASCII without blank and colon",
            Self::BadValue => "header value holds a line end",
            Self::NotABlock => "header block is malformed",
        })
    }
}

impl std::error::Error for HeaderError {}

/// The value as it is kept, if both may stand in a header line.
fn checked<'a>(name: &str, value: &'a str) -> Result<&'a str, HeaderError> {
    let is_name_byte = |byte: &u8| byte.is_ascii_graphic() && *byte != b':';
    if name.is_empty() || !name.as_bytes().iter().all(is_name_byte) {
        return Err(HeaderError::BadName);
    }
    if memchr::memchr2(b'\r', b'\n', value.as_bytes()).is_some() {
        return Err(HeaderError::BadValue);
    }
    Ok(value.trim_matches([' ', '\t']))
}

/// The first line without its end, and what follows it.
fn next_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let feed = memchr(b'\n', text)?;
    let line = &text[..feed];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &text[feed + 1..]))
}

/// `NATS/1.0[ <status>[ <description>]]`
fn status_line(line: &[u8]) -> Result<(Option<u16>, String), HeaderError> {
    let rest = line.strip_prefix(VERSION).ok_or(HeaderError::NotABlock)?;
    let rest = match rest {
        [] => return Ok((None, String::new())),
        [b' ' | b'\t', rest @ ..] => rest.trim_ascii(),
        _ => return Err(HeaderError::NotABlock),
    };
    if rest.is_empty() {
        return Ok((None, String::new()));
    }
    let (digits, description) = rest.split_at(rest.len().min(3));
    let status = match digits {
        [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] => digits
            .iter()
            .fold(0, |status, digit| status * 10 + u16::from(digit - b'0')),
        _ => return Err(HeaderError::NotABlock),
    };
    let description = String::from_utf8_lossy(description.trim_ascii()).into_owned();
    Ok((Some(status), description))
}

const VERSION: &[u8] = b"NATS/1.0";

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(block: &str) -> Result<HeaderBlock, HeaderError> {
        HeaderMap::decode(block.as_bytes())
    }

    #[test]
    fn names_keep_their_case_and_their_order() {
        let mut headers = HeaderMap::try_from([("B", "1"), ("a", "2"), ("B", "3")]).unwrap();
        assert_eq!(
            (headers.get("B"), headers.get_last("B")),
            (Some("1"), Some("3"))
        );
        assert_eq!(
            (headers.get("b"), headers.get_ignore_case("b")),
            (None, Some("1"))
        );
        assert_eq!(headers.get_all("B").collect::<Vec<_>>(), ["1", "3"]);
        headers.insert("B", " x ").unwrap();
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("B", "x"), ("a", "2")]);
        assert_eq!(
            (headers.remove("B"), headers.remove("B"), headers.len()),
            (1, 0, 1)
        );
    }

    #[test]
    fn a_header_cannot_break_out_of_its_line() {
        let mut headers = HeaderMap::new();
        for name in ["", "a b", "a:b", "a\r", "ä", "\t"] {
            assert_eq!(
                headers.append(name, "x"),
                Err(HeaderError::BadName),
                "{name:?}"
            );
        }
        for value in ["a\r\nb", "\n", "\r"] {
            assert_eq!(
                headers.insert("a", value),
                Err(HeaderError::BadValue),
                "{value:?}"
            );
        }
        assert!(headers.is_empty());
    }

    #[test]
    fn what_is_written_can_be_read() {
        let headers = HeaderMap::try_from([("A", "1"), ("Ü", "x")]);
        assert_eq!(headers, Err(HeaderError::BadName));
        let headers = HeaderMap::try_from([("A", "ü: 1"), ("A", ""), ("b", "3")]).unwrap();
        let mut block = Vec::new();
        headers.encode(&mut block);
        assert_eq!(block.len(), headers.encoded_len());
        assert_eq!(
            String::from_utf8_lossy(&block),
            "NATS/1.0\r\nA: ü: 1\r\nA: \r\nb: 3\r\n\r\n"
        );
        assert_eq!(
            HeaderMap::decode(&block).map(|block| block.headers),
            Ok(headers)
        );
        for end in 0..block.len() {
            assert!(HeaderMap::decode(&block[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn the_first_line_may_carry_a_status() {
        for (line, status, description) in [
            ("NATS/1.0", None, ""),
            ("NATS/1.0 ", None, ""),
            ("NATS/1.0 503", Some(503), ""),
            ("NATS/1.0 503 No Responders", Some(503), "No Responders"),
            ("NATS/1.0\t404  gone ", Some(404), "gone"),
        ] {
            let block = decoded(&format!("{line}\r\nNats-Subject: a\r\n\r\n")).unwrap();
            assert_eq!(
                (block.status, &*block.description),
                (status, description),
                "{line}"
            );
            assert_eq!(block.headers.get("Nats-Subject"), Some("a"));
        }
    }

    #[test]
    fn blanks_and_bare_line_feeds_are_read() {
        let block = decoded("NATS/1.0\nA:1\nB:\t 2 \n\n").unwrap();
        assert_eq!(
            block.headers.iter().collect::<Vec<_>>(),
            [("A", "1"), ("B", "2")]
        );
    }

    #[test]
    fn rubbish_is_refused() {
        for block in [
            "",
            "zz",
            "\r\n\r\n",
            "NATS/1.0\r\n",
            "NATS/2.0\r\n\r\n",
            "NATS/1.0x\r\n\r\n",
            "NATS/1.0 5\r\n\r\n",
            "NATS/1.0 abc\r\n\r\n",
            "NATS/1.0\r\nno colon\r\n\r\n",
            "NATS/1.0\r\n: v\r\n\r\n",
            "NATS/1.0\r\na b: v\r\n\r\n",
            "NATS/1.0\r\na: x\ry\r\n\r\n",
        ] {
            assert!(decoded(block).is_err(), "{block:?}");
        }
    }
}
