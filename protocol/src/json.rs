//! The little JSON that INFO and CONNECT need, on top of a library's parser.
//!
//! Reading follows the reference server: keys match in any case, unknown keys and nulls are passed
//! over, a wrong type is an error.

use serde_json::Value;

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

    pub(crate) fn member(&mut self, key: &str, value: impl Into<Value>) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        let (key, value) = (Value::from(key), value.into());
        self.out
            .extend_from_slice(format!("{key}:{value}").as_bytes());
    }

    /// Writes `value` unless it is false, zero, empty or null.
    pub(crate) fn member_if_set(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        let is_set = match &value {
            Value::Null => false,
            Value::Bool(value) => *value,
            Value::Number(number) => number.as_i64() != Some(0),
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
        };
        if is_set {
            self.member(key, value);
        }
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}
