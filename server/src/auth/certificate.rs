//! Who a certificate says that somebody is: names, and a subject that can be written in any order.

/// The names in a client's certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// E-mail addresses, DNS names, URIs; the first that is a user's name counts.
    pub(crate) names: Vec<String>,
    /// The subject as RFC 2253 writes it; empty if there is none.
    pub(crate) subject: String,
}

/// A distinguished name whose parts have no order: two are equal if they have the same parts.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct DistinguishedName(Vec<Vec<(String, String)>>);

impl DistinguishedName {
    /// Reads `CN=a+UID=b,O=c` as RFC 2253 has it; types in any case, blanks around parts ignored.
    /// None if it is no such name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = split(text, &[',', ';'])
            .into_iter()
            .map(|part| {
                let mut pairs: Vec<_> = split(part, &['+'])
                    .into_iter()
                    .map(pair)
                    .collect::<Option<_>>()?;
                pairs.sort();
                Some(pairs)
            })
            .collect::<Option<Vec<_>>>()?;
        parts.sort();
        Some(Self(parts))
    }
}

/// Cuts `text` at each of `marks` that no backslash and no quotes protect.
fn split<'a>(text: &'a str, marks: &[char]) -> Vec<&'a str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut is_escaped, mut is_quoted) = (false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if !is_quoted && marks.contains(&letter) => {
                parts.push(&text[start..at]);
                start = at + letter.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn pair(text: &str) -> Option<(String, String)> {
    let (kind, value) = text.split_once('=')?;
    let kind = kind.trim().to_ascii_uppercase();
    if kind.is_empty() {
        return None;
    }
    Some((kind, unescape(value)))
}

/// The value without blanks around it, quotes and backslashes; `\xx` is a byte.
fn unescape(value: &str) -> String {
    let value = value.trim_start();
    let mut bytes = Vec::with_capacity(value.len());
    let mut kept = 0; // Blanks behind this are trimmed: they were not escaped.
    let mut rest = value.bytes().peekable();
    while let Some(byte) = rest.next() {
        match (byte, rest.peek().copied()) {
            (b'\\', Some(next)) => {
                rest.next();
                let hex = |digit: u8| char::from(digit).to_digit(16);
                match (hex(next), rest.peek().copied().and_then(hex)) {
                    (Some(high), Some(low)) => {
                        rest.next();
                        bytes.push((high * 16 + low) as u8);
                    }
                    _ => bytes.push(next),
                }
                kept = bytes.len();
            }
            (b'"', _) => {}
            (b' ', _) => bytes.push(b' '),
            _ => {
                bytes.push(byte);
                kept = bytes.len();
            }
        }
    }
    bytes.truncate(kept);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, expected: bool) {
        let (one, other) = (
            DistinguishedName::parse(one),
            DistinguishedName::parse(other),
        );
        assert!(one.is_some() && other.is_some());
        assert_eq!(one == other, expected, "{one:?} and {other:?}");
    }

    #[test]
    fn the_parts_of_a_name_have_no_order() {
        check("CN=a,OU=b,O=c", "O=c, OU=b, cn=a", true);
        check("CN=a+UID=1,O=c", "O=c,UID=1+CN=a", true);
        check("DC=example,DC=com", "DC=com,DC=example", true);
    }

    #[test]
    fn a_name_with_other_parts_is_another() {
        check("CN=a,O=c", "CN=a", false);
        check("CN=a", "CN=A", false);
        check("CN=a,CN=a", "CN=a", false);
        check("CN=a+O=b", "CN=a,O=b", false);
    }

    #[test]
    fn a_part_may_hold_what_separates_parts() {
        check("CN=a\\,b", "CN=\"a,b\"", true);
        check("CN=a\\2cb", "CN=a\\,b", true);
        check("CN=a\\ ", "CN=a", false);
    }

    #[test]
    fn what_is_no_name_is_none() {
        for text in ["", "derek", "CN", "=a", "CN=a,", "CN=a,,O=b"] {
            assert_eq!(DistinguishedName::parse(text), None, "{text}");
        }
    }
}
