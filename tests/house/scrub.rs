//! Rust text with everything blanked out that is not code.

/// `text` with comments, strings and characters as blanks; every line keeps its number.
pub(crate) fn scrub(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let rest = &letters[at..];
        let skipped = match rest {
            ['/', '/', ..] => until(rest, |here| here[0] == '\n'),
            ['/', '*', ..] => until(rest, |here| here.starts_with(&['*', '/'])) + 2,
            ['r', '"' | '#', ..] if !follows_word(&letters, at) => raw_string(rest),
            ['"', ..] => string(rest),
            ['\'', '\\', ..] => 2 + until(&rest[2..], |here| here[0] == '\'').max(1) + 1,
            ['\'', _, '\'', ..] => 3,
            _ => 0,
        };
        if skipped == 0 {
            out.push(letters[at]);
            at += 1;
            continue;
        }
        let end = (at + skipped).min(letters.len());
        out.extend(
            letters[at..end]
                .iter()
                .map(|letter| if *letter == '\n' { '\n' } else { ' ' }),
        );
        at = end;
    }
    out
}

fn follows_word(letters: &[char], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| {
        let letter = letters[before];
        (letter.is_alphanumeric() && letter != 'b') || letter == '_'
    })
}

/// The length of a raw string; 0 if it is none, as in `r#name`.
fn raw_string(rest: &[char]) -> usize {
    let hashes = rest[1..]
        .iter()
        .take_while(|letter| **letter == '#')
        .count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let mut close = vec!['"'];
    close.extend(std::iter::repeat_n('#', hashes));
    let body = 2 + hashes;
    body + until(&rest[body..], |here| here.starts_with(&close)) + close.len()
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn until(rest: &[char], is_end: impl Fn(&[char]) -> bool) -> usize {
    (0..rest.len())
        .find(|&at| is_end(&rest[at..]))
        .unwrap_or(rest.len())
}
