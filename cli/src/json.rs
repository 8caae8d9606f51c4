//! JSON objects on one line, their fields in the order that a person wants to read them.

use std::fmt::{Display, Write as _};

use serde_json::Value;

/// An object that is being written.
#[derive(Debug)]
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Self("{".to_owned())
    }

    pub(crate) fn text(self, name: &str, value: &str) -> Self {
        self.raw(name, &quoted(value))
    }

    /// A field that is left out where there is nothing to say.
    pub(crate) fn text_if(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// A number, or anything else whose text is JSON already.
    pub(crate) fn number(self, name: &str, value: impl Display) -> Self {
        self.raw(name, &value.to_string())
    }

    /// A number with `digits` behind the point.
    pub(crate) fn fraction(self, name: &str, value: f64, digits: usize) -> Self {
        match value.is_finite() {
            true => self.raw(name, &format!("{value:.digits$}")),
            false => self.raw(name, "null"),
        }
    }

    pub(crate) fn list(self, name: &str, values: impl IntoIterator<Item = String>) -> Self {
        let values: Vec<String> = values.into_iter().collect();
        self.raw(name, &format!("[{}]", values.join(",")))
    }

    /// A field whose value is JSON already.
    pub(crate) fn raw(mut self, name: &str, json: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        let _ = write!(self.0, "{}:{json}", quoted(name)); // A string takes everything.
        self
    }

    /// The finished text.
    pub(crate) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A JSON string.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_in_the_order_they_were_given() {
        let object = Object::new()
            .text("z", "a\"b\n")
            .number("a", 1)
            .fraction("f", 1.0 / 3.0, 2);
        let object = object
            .text_if("none", None)
            .list("l", ["1".into(), "2".into()]);
        assert_eq!(object.end(), r#"{"z":"a\"b\n","a":1,"f":0.33,"l":[1,2]}"#);
        assert_eq!(
            Object::new().fraction("f", f64::NAN, 1).end(),
            r#"{"f":null}"#
        );
    }
}
