//! What stands behind the `?` of a page's address.
//!
//! In: the text, from anybody who reaches the port. Out: numbers, switches and texts, or what is
//! wrong with them in the words that the reference server's users know. What nobody asks for is
//! left alone.

use std::borrow::Cow;

/// The options of a request; of a name that stands twice, the first counts.
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// The most options that are looked at; a guess far above what any page knows.
const OPTIONS_MAX: usize = 64;

impl<'a> Query<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let pairs = form_urlencoded::parse(text.as_bytes());
        Self(pairs.take(OPTIONS_MAX).collect())
    }

    /// The text of `name`; empty where it is not given.
    pub(crate) fn text(&self, name: &str) -> &str {
        let known = self.0.iter().find(|(key, _)| key == name);
        known.map(|(_, value)| &**value).unwrap_or_default()
    }

    /// # Errors
    ///
    /// The value is neither a number nor empty.
    pub(crate) fn int(&self, name: &str) -> Result<i64, String> {
        let value = self.text(name);
        if value.is_empty() {
            return Ok(0);
        }
        value.parse().map_err(|_| {
            let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
            let why = complaint(digits);
            format!("Error decoding int for '{name}': strconv.Atoi: parsing {value:?}: {why}")
        })
    }

    /// # Errors
    ///
    /// The value is neither a number without a sign nor empty.
    pub(crate) fn uint64(&self, name: &str) -> Result<u64, String> {
        let value = self.text(name);
        if value.is_empty() {
            return Ok(0);
        }
        let parsed = value.parse().ok().filter(|_| !value.starts_with('+'));
        parsed.ok_or_else(|| {
            let why = complaint(value);
            format!(
                "Error decoding uint64 for '{name}': strconv.ParseUint: parsing {value:?}: {why}"
            )
        })
    }

    /// # Errors
    ///
    /// The value is neither yes, nor no, nor empty.
    pub(crate) fn switch(&self, name: &str) -> Result<bool, String> {
        match self.text(name) {
            "" | "0" | "f" | "F" | "false" | "False" | "FALSE" => Ok(false),
            "1" | "t" | "T" | "true" | "True" | "TRUE" => Ok(true),
            value => Err(format!(
                "Error decoding boolean for '{name}': strconv.ParseBool: parsing {value:?}: invalid syntax"
            )),
        }
    }
}

/// What is wrong with digits that are no number of 64 bits.
fn complaint(digits: &str) -> &'static str {
    match !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => "value out of range",
        false => "invalid syntax",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_empty_is_nothing() {
        let query = Query::new("a=&b&c=%20x+y&c=2");
        assert_eq!(query.int("a"), Ok(0));
        assert_eq!(query.uint64("b"), Ok(0));
        assert_eq!(query.switch("nope"), Ok(false));
        assert_eq!(query.text("c"), " x y");
    }

    #[test]
    fn mistakes_are_told_in_known_words() {
        let query = Query::new("i=x&big=99999999999999999999&u=-1&s=yes&p=%2B5&q=%22%0A");
        let errors = [
            (
                query.int("i").unwrap_err(),
                r#"int for 'i': strconv.Atoi: parsing "x": invalid syntax"#,
            ),
            (
                query.int("big").unwrap_err(),
                r#"int for 'big': strconv.Atoi: parsing "99999999999999999999": value out of range"#,
            ),
            (
                query.uint64("u").unwrap_err(),
                r#"uint64 for 'u': strconv.ParseUint: parsing "-1": invalid syntax"#,
            ),
            (
                query.switch("s").unwrap_err(),
                r#"boolean for 's': strconv.ParseBool: parsing "yes": invalid syntax"#,
            ),
            (
                query.int("q").unwrap_err(),
                r#"int for 'q': strconv.Atoi: parsing "\"\n": invalid syntax"#,
            ),
        ];
        for (error, expected) in errors {
            assert_eq!(error, format!("Error decoding {expected}"));
        }
        assert_eq!(query.int("p"), Ok(5));
    }
}
