//! What HELP says.

use super::grammar::VERBS;

/// All verbs, or one of them with its words.
pub(super) fn help(verb: Option<&str>) -> String {
    let upper = verb.map(str::to_ascii_uppercase);
    let found = TEXTS
        .iter()
        .find(|(name, ..)| Some(*name) == upper.as_deref());
    if let Some((_, form, text)) = found {
        return format!("{form}\n  {text}");
    }
    let mut lines: Vec<String> = VERBS
        .iter()
        .zip(TEXTS)
        .map(|((_, example), (_, _, text))| format!("{example:<36} {}", first_sentence(text)))
        .collect();
    if let Some(verb) = verb {
        lines.push(format!("there is no {verb:?}"));
    }
    lines.join("\n")
}

fn first_sentence(text: &str) -> &str {
    text.split(';').next().unwrap_or(text)
}

/// Name, words, and what it does; in the order of the verbs.
const TEXTS: [(&str, &str, &str); 11] = [
    (
        "SUB",
        "SUB subject [queue] [sid]",
        "show what is said on a subject; * is one token, a last > all that follow; sid is your own \
         name for it, a number is found if there is none",
    ),
    (
        "UNSUB",
        "UNSUB sid [max]",
        "show it no more; with max: after so many messages since its SUB",
    ),
    (
        "PUB",
        "PUB subject [reply] \"text\", or PUB subject and text to the end of the line",
        "say something; the text goes from the first quote to the last",
    ),
    (
        "HPUB",
        "HPUB subject [reply] \"Key: value\" ... \"text\"",
        "say something with headers; the last text is the payload",
    ),
    (
        "REQ",
        "REQ subject [\"text\"]",
        "ask, and show the first answer; Ctrl-C waits no longer",
    ),
    (
        "VIEW",
        "VIEW full, VIEW json, VIEW raw",
        "choose how messages are shown; raw is the payload alone",
    ),
    ("SUBS", "SUBS", "list the subscriptions"),
    ("INFO", "INFO", "tell about the server and the connection"),
    ("PING", "PING", "measure a round trip"),
    ("HELP", "HELP [verb]", "say this, or more about one of them"),
    ("QUIT", "QUIT", "end, as Ctrl-D does"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_its_text() {
        for ((verb, _), (name, ..)) in VERBS.iter().zip(TEXTS) {
            assert_eq!(*verb, name);
        }
    }
}
