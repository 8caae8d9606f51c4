//! The little JSON that INFO and CONNECT need, on top of a library's parser.
//!
//! Reading follows the reference server: keys match in any case, unknown keys and nulls are passed
//! over, a wrong type is an error.

use serde_json::Value;

use crate::number::Digits;

/// The members of the one object that `text` must be; `null` counts as an empty object.
pub(crate) fn members(text: &[u8]) -> Option<Vec<(String, Value)>> {
    let text = String::from_utf8_lossy(text);
    match serde_json::from_str(&text).ok()? {
        Value::Object(map) => Some(
            map.into_iter()
                .map(|(key, value)| (key.to_ascii_lowercase(), value))
                .collect(),
        ),
        Value::Null => Some(Vec::new()),
        _ => None,
    }
}

/// A type that a JSON value can be read into.
pub(crate) trait FromJson: Sized {
    fn from_json(value: &Value) -> Option<Self>;
}

impl FromJson for bool {
    fn from_json(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl FromJson for i64 {
    fn from_json(value: &Value) -> Option<Self> {
        value.as_i64()
    }
}

impl FromJson for u64 {
    fn from_json(value: &Value) -> Option<Self> {
        value.as_u64()
    }
}

impl FromJson for u16 {
    fn from_json(value: &Value) -> Option<Self> {
        value.as_u64()?.try_into().ok()
    }
}

impl FromJson for String {
    fn from_json(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl FromJson for Vec<String> {
    fn from_json(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(String::from_json).collect()
    }
}

/// Reads `value` into `field`; a null leaves it as it was. False for a wrong type.
pub(crate) fn read<T: FromJson>(field: &mut T, value: &Value) -> bool {
    if value.is_null() {
        return true;
    }
    match T::from_json(value) {
        Some(read) => {
            *field = read;
            true
        }
        None => false,
    }
}

/// What can be written as a JSON value.
pub(crate) trait ToJson {
    /// Whether it is not false, zero or empty.
    fn is_set(&self) -> bool;

    fn write(&self, out: &mut Vec<u8>);
}

impl ToJson for bool {
    fn is_set(&self) -> bool {
        *self
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl ToJson for u64 {
    fn is_set(&self) -> bool {
        *self != 0
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(Digits::new(*self).as_bytes());
    }
}

impl ToJson for u16 {
    fn is_set(&self) -> bool {
        *self != 0
    }

    fn write(&self, out: &mut Vec<u8>) {
        u64::from(*self).write(out);
    }
}

impl ToJson for i64 {
    fn is_set(&self) -> bool {
        *self != 0
    }

    fn write(&self, out: &mut Vec<u8>) {
        if *self < 0 {
            out.push(b'-');
        }
        self.unsigned_abs().write(out);
    }
}

impl ToJson for &str {
    fn is_set(&self) -> bool {
        !self.is_empty()
    }

    fn write(&self, out: &mut Vec<u8>) {
        let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        // To the end, whatever comes: a loop that never breaks off looks at many bytes at once.
        if !self.bytes().fold(true, |all, byte| all & is_plain(byte)) {
            return out.extend_from_slice(Value::from(*self).to_string().as_bytes());
        }
        out.push(b'"');
        out.extend_from_slice(self.as_bytes());
        out.push(b'"');
    }
}

impl ToJson for &[String] {
    fn is_set(&self) -> bool {
        !self.is_empty()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (at, text) in self.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            text.as_str().write(out);
        }
        out.push(b']');
    }
}

/// Writes one object, member by member, in the order of the calls.
pub(crate) struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> ObjectWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self {
            out,
            is_empty: true,
        }
    }

    pub(crate) fn member(&mut self, key: &str, value: impl ToJson) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        key.write(self.out);
        self.out.push(b':');
        value.write(self.out);
    }

    /// Writes `value` unless it is false, zero or empty.
    pub(crate) fn member_if_set(&mut self, key: &str, value: impl ToJson) {
        if value.is_set() {
            self.member(key, value);
        }
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_the_library_would_write() {
        fn check(value: impl ToJson, expected: impl Into<Value>) {
            let mut text = Vec::new();
            value.write(&mut text);
            let expected = expected.into().to_string();
            assert_eq!(String::from_utf8_lossy(&text), expected);
        }
        for text in ["", "plain", "a\"b\\c", "line\nend\u{1}\u{7f}", "größer 中"] {
            check(text, text);
        }
        for number in [0, 1, -1, 42, i64::MIN, i64::MAX] {
            check(number, number);
        }
        check(u64::MAX, u64::MAX);
        check(u16::MAX, u16::MAX);
        check(true, true);
        let list = ["a:1".to_owned(), "b\"".to_owned()];
        check(&list[..], list.to_vec());
        check(&list[..0], Value::Array(Vec::new()));
    }
}
