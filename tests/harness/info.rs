//! INFO: the one line whose values differ from run to run.
//!
//! In: `INFO {"proto":1, "server_id":string, "ldm":absent, ...}` from a transcript, and the line
//! a server sent. Out: whether the keys named there hold. A value is compared as JSON text, or is
//! one of the words `string`, `int`, `bool`, `list`, `absent`. Keys not named may be anything, which
//! the closing `...` says aloud.

/// What a transcript asks of an INFO line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InfoPattern {
    members: Vec<(String, String)>,
}

impl InfoPattern {
    /// Reads the text behind `INFO `.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut members = split_object(text)?;
        match members.pop() {
            Some((key, value)) if key == "..." && value.is_empty() => Ok(Self { members }),
            _ => Err("an INFO pattern ends in `...}`: other keys may follow".to_owned()),
        }
    }

    /// Holds `line`, without its CR LF, against the pattern.
    pub(crate) fn check(&self, line: &str) -> Result<(), String> {
        let json = line.strip_prefix("INFO ").ok_or("not an INFO line")?;
        let json = json
            .strip_suffix(' ')
            .ok_or("no blank between `}` and the line end")?;
        let arrived = split_object(json)?;
        for (key, wanted) in &self.members {
            let value = arrived
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value);
            if !holds(wanted, value.map(String::as_str)) {
                return Err(format!("{key} should be {wanted}, is {value:?}"));
            }
        }
        Ok(())
    }
}

fn holds(wanted: &str, value: Option<&str>) -> bool {
    let Some(value) = value else {
        return wanted == "absent";
    };
    match wanted {
        "absent" => false,
        "string" => value.len() > 2 && value.starts_with('"'),
        "int" => value.parse::<i64>().is_ok(),
        "bool" => value == "true" || value == "false",
        "list" => value.starts_with('['),
        _ => value == wanted,
    }
}

/// The members of a JSON object in their order, values as they are written.
fn split_object(text: &str) -> Result<Vec<(String, String)>, String> {
    let inner = text
        .trim()
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'));
    let inner = inner.ok_or(format!("not a JSON object: {text}"))?;
    let mut members = Vec::new();
    let mut start = 0;
    for end in commas(inner).chain([inner.len()]) {
        let member = inner[start..end].trim();
        let (key, value) = member.split_once(':').unwrap_or((member, ""));
        members.push((
            key.trim().trim_matches('"').to_owned(),
            value.trim().to_owned(),
        ));
        start = end + 1;
    }
    Ok(members)
}

/// Where the commas stand that are in no string, list or inner object.
fn commas(text: &str) -> impl Iterator<Item = usize> {
    let (mut depth, mut is_text, mut is_escaped) = (0, false, false);
    text.bytes().enumerate().filter_map(move |(at, byte)| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => depth += 1,
            b'}' | b']' if !is_text => depth -= 1,
            b',' if !is_text && depth == 0 => return Some(at),
            _ => {}
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"INFO {"server_id":"N{,\"X","proto":1,"headers":true,"urls":["a","b"]} "#;

    #[track_caller]
    fn check(pattern: &str, expected: bool) {
        let verdict = InfoPattern::read(pattern).unwrap().check(LINE);
        assert_eq!(verdict.is_ok(), expected, "{pattern}: {verdict:?}");
    }

    #[test]
    fn named_keys_must_hold() {
        check(r#"{...}"#, true);
        check(r#"{"proto":1, "headers":true, ...}"#, true);
        check(
            r#"{"server_id":string, "proto":int, "headers":bool, "urls":list, ...}"#,
            true,
        );
        check(r#"{"ldm":absent, ...}"#, true);
        check(r#"{"proto":2, ...}"#, false);
        check(r#"{"proto":absent, ...}"#, false);
        check(r#"{"ldm":bool, ...}"#, false);
        check(r#"{"urls":["a","b"], ...}"#, true);
    }

    #[test]
    fn the_blank_before_the_line_end_is_part_of_the_form() {
        let pattern = InfoPattern::read("{...}").unwrap();
        assert!(pattern.check(r#"INFO {"proto":1}"#).is_err());
    }

    #[test]
    fn an_unfinished_pattern_is_refused() {
        assert!(InfoPattern::read(r#"{"proto":1}"#).is_err());
        assert!(InfoPattern::read(r#"{"proto":1, ..."#).is_err());
    }
}
