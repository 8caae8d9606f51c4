//! Text: how bytes are written in a transcript, both ways.
//!
//! In: what stands after an arrow. Out: the bytes it means; several when it offers a choice. And
//! back: [`show`] writes bytes the way a transcript would, so a report can be pasted into one.

/// Every reading of `text`: one, unless it holds a choice `\(a|b)`.
pub(crate) fn readings(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut readings = vec![Vec::new()];
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        append(&mut readings, &rest.as_bytes()[..at]);
        rest = escape(&rest[at + 1..], &mut readings)?;
    }
    append(&mut readings, rest.as_bytes());
    Ok(readings)
}

/// The only reading of `text`.
pub(crate) fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let mut readings = readings(text)?;
    match readings.len() {
        1 => Ok(readings.remove(0)),
        _ => Err("a choice can be expected, not sent".to_owned()),
    }
}

/// Reads one escape whose backslash is already taken; what follows it is handed back.
fn escape<'a>(text: &'a str, readings: &mut Vec<Vec<u8>>) -> Result<&'a str, String> {
    let plain = match text.as_bytes().first() {
        Some(b'r') => b'\r',
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b's') => b' ',
        Some(b'0') => 0,
        Some(b'\\') => b'\\',
        Some(b'x') => {
            let digits = text.get(1..3).ok_or("\\x wants two digits")?;
            let byte = u8::from_str_radix(digits, 16).map_err(|_| "\\x wants two digits")?;
            append(readings, &[byte]);
            return Ok(&text[3..]);
        }
        Some(b'(') => {
            let end = text.find(')').ok_or("\\( without )")?;
            group(&text[1..end], readings)?;
            return Ok(&text[end + 1..]);
        }
        _ => return Err(format!("unknown escape: \\{text}")),
    };
    append(readings, &[plain]);
    Ok(&text[1..])
}

/// `a|b` is a choice, `x*40` a repetition.
fn group(inner: &str, readings: &mut Vec<Vec<u8>>) -> Result<(), String> {
    if inner.contains('|') {
        let choices: Vec<Vec<u8>> = inner.split('|').map(bytes).collect::<Result<_, _>>()?;
        *readings = readings
            .iter()
            .flat_map(|head| {
                choices
                    .iter()
                    .map(move |tail| [head.as_slice(), tail].concat())
            })
            .collect();
        return Ok(());
    }
    let (text, count) = inner
        .rsplit_once('*')
        .ok_or(format!("neither | nor *: {inner}"))?;
    let count: usize = count.parse().map_err(|_| format!("not a count: {inner}"))?;
    append(readings, &bytes(text)?.repeat(count));
    Ok(())
}

fn append(readings: &mut [Vec<u8>], bytes: &[u8]) {
    for reading in readings {
        reading.extend_from_slice(bytes);
    }
}

/// Whether `line` is `pattern`, with a word of any letters for each `~`.
pub(crate) fn check_like(pattern: &str, line: &str) -> Result<(), String> {
    let wrong = || format!("expected  {pattern}");
    let mut parts = pattern.split('~');
    let first = parts.next().unwrap_or_default();
    let mut rest = line.strip_prefix(first).ok_or_else(wrong)?;
    for part in parts {
        let word = rest.find(' ').unwrap_or(rest.len());
        if word == 0 {
            return Err(wrong());
        }
        rest = rest[word..].strip_prefix(part).ok_or_else(wrong)?;
    }
    match rest.is_empty() {
        true => Ok(()),
        false => Err(wrong()),
    }
}

/// Writes `bytes` as a transcript would: escaped, long runs as `\(x*40)`, the far end left out.
pub fn show(bytes: &[u8]) -> String {
    let mut shown = String::new();
    let mut at = 0;
    while at < bytes.len() {
        if shown.len() > SHOWN_MAX {
            shown.push_str(&format!(" … and {} bytes more", bytes.len() - at));
            break;
        }
        let run = bytes[at..]
            .iter()
            .take_while(|&&byte| byte == bytes[at])
            .count();
        let one = show_byte(bytes[at]);
        match run {
            0..RUN_MIN => shown.push_str(&one.repeat(run)),
            _ => shown.push_str(&format!("\\({one}*{run})")),
        }
        at += run;
    }
    shown
}

fn show_byte(byte: u8) -> String {
    match byte {
        b'\r' => "\\r".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    }
}

/// A report stays on one screen.
const SHOWN_MAX: usize = 600;

/// Shorter runs are easier to read as they are.
const RUN_MIN: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&[u8]]) {
        assert_eq!(readings(text).unwrap(), expected, "{text}");
    }

    #[test]
    fn plain_text_is_itself() {
        check("", &[b""]);
        check("PUB a 2", &[b"PUB a 2"]);
        check(
            r#"CONNECT {"name":"é"}"#,
            &[r#"CONNECT {"name":"é"}"#.as_bytes()],
        );
    }

    #[test]
    fn escapes_stand_for_bytes() {
        check(r"a\r\n\t\s\0\\\xff.", &[b"a\r\n\t \0\\\xff."]);
    }

    #[test]
    fn a_group_repeats_or_chooses() {
        check(r"<\(x*4)>", &[b"<xxxx>"]);
        check(r"\(a.*3)b", &[b"a.a.a.b"]);
        check(r"\(\x00*2)", &[b"\0\0"]);
        check(r"s \(1|2) \(3|)", &[b"s 1 3", b"s 1 ", b"s 2 3", b"s 2 "]);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [r"\q", "\\", r"\x1", r"\xzz", r"\(x", r"\(x)", r"\(x*y)"] {
            assert!(readings(text).is_err(), "{text}");
        }
        assert!(bytes(r"\(a|b)").is_err());
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        let shown = show(b"MSG a 1 \xff\\\r\n\0xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        assert_eq!(shown, r"MSG a 1 \xff\\\r\n\x00\(x*40)");
        assert_eq!(show(&bytes(&shown).unwrap()), shown);
    }
}
