//! What is typed into the shell: the words of the protocol, as a hand session has them.
//!
//! In: a line. Out: a [`Command`], or what is wrong with it, what was perhaps meant, and an example.
//!
//! ```text
//! SUB subject [queue] [sid]      UNSUB sid [max]
//! PUB subject [reply] "text"     PUB subject text to the end of the line
//! HPUB subject [reply] "Key: value" … "text"
//! REQ subject ["text"]           VIEW full|json|raw
//! SUBS   INFO   PING   HELP [verb]   QUIT
//! ```

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// An empty line.
    Nothing,
    Subscribe {
        subject: String,
        queue: Option<String>,
        /// Its name here; a number is found if there is none.
        sid: Option<String>,
    },
    Unsubscribe {
        sid: String,
        max: Option<u64>,
    },
    Publish {
        subject: String,
        reply: Option<String>,
        /// `Name: value` each.
        headers: Vec<String>,
        text: String,
    },
    Request {
        subject: String,
        text: String,
    },
    View(Form),
    Subscriptions,
    Info,
    Ping,
    Help(Option<String>),
    Quit,
}

/// How messages are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Full,
    Json,
    Raw,
}

/// All verbs, each with an example.
pub(super) const VERBS: [(&str, &str); 11] = [
    ("SUB", "SUB greet.*"),
    ("UNSUB", "UNSUB 1"),
    ("PUB", "PUB greet.joe \"hello\""),
    ("HPUB", "HPUB greet.joe \"Lang: en\" \"hello\""),
    ("REQ", "REQ time \"now?\""),
    ("VIEW", "VIEW json"),
    ("SUBS", "SUBS"),
    ("INFO", "INFO"),
    ("PING", "PING"),
    ("HELP", "HELP SUB"),
    ("QUIT", "QUIT"),
];

/// Reads one line.
pub(super) fn parse(line: &str) -> Result<Command, String> {
    let line = line.trim();
    let (verb, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let (upper, rest) = (verb.to_ascii_uppercase(), rest.trim());
    let words: Vec<&str> = rest.split_whitespace().collect();
    let command = match (&*upper, &*words) {
        ("", _) => Ok(Command::Nothing),
        ("SUB", [subject]) => Ok(subscribe(subject, None, None)),
        ("SUB", [subject, sid]) => Ok(subscribe(subject, None, Some(sid))),
        ("SUB", [subject, queue, sid]) => Ok(subscribe(subject, Some(queue), Some(sid))),
        ("UNSUB", [sid]) => Ok(unsubscribe(sid, None)),
        ("UNSUB", [sid, max]) => match max.parse() {
            Ok(max) => Ok(unsubscribe(sid, Some(max))),
            Err(_) => Err(format!("{max:?} is no number of messages")),
        },
        ("PUB", [_, ..]) => publish(rest),
        ("HPUB", [_, _, ..]) => publish_with_headers(rest),
        ("REQ", [_, ..]) => request(rest),
        ("VIEW", [form]) => view(form),
        ("SUBS", []) => Ok(Command::Subscriptions),
        ("INFO", []) => Ok(Command::Info),
        ("PING", []) => Ok(Command::Ping),
        ("HELP" | "?", []) => Ok(Command::Help(None)),
        ("HELP" | "?", [verb]) => Ok(Command::Help(Some((*verb).to_owned()))),
        ("QUIT" | "EXIT", _) => Ok(Command::Quit),
        _ if example(&upper).is_some() => Err(format!("{upper} takes other words")),
        _ => return Err(unknown(verb, &upper)),
    };
    command.map_err(|mistake| match example(&upper) {
        Some(example) => format!("{mistake}; for example: {example}"),
        None => mistake,
    })
}

fn subscribe(subject: &str, queue: Option<&str>, sid: Option<&str>) -> Command {
    Command::Subscribe {
        subject: subject.to_owned(),
        queue: queue.map(str::to_owned),
        sid: sid.map(str::to_owned),
    }
}

fn unsubscribe(sid: &str, max: Option<u64>) -> Command {
    Command::Unsubscribe {
        sid: sid.to_owned(),
        max,
    }
}

/// `subject [reply] "text"`, or `subject` and the rest of the line.
fn publish(rest: &str) -> Result<Command, String> {
    let (subject, behind) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let (reply, text) = match quoted(behind) {
        Some((before, text)) => (one_word(before)?, text),
        None => (None, behind.trim()),
    };
    Ok(Command::Publish {
        subject: subject.to_owned(),
        reply,
        headers: Vec::new(),
        text: text.to_owned(),
    })
}

/// `subject [reply] "Key: value" … "text"`.
fn publish_with_headers(rest: &str) -> Result<Command, String> {
    let (subject, behind) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let (before, texts) = quoted(behind).ok_or("headers and text stand in quotes")?;
    let mut texts: Vec<String> = texts.split("\" \"").map(str::to_owned).collect();
    let text = texts.pop().unwrap_or_default();
    Ok(Command::Publish {
        subject: subject.to_owned(),
        reply: one_word(before)?,
        headers: texts,
        text,
    })
}

/// `subject ["text"]`, or `subject` and the rest of the line.
fn request(rest: &str) -> Result<Command, String> {
    match publish(rest)? {
        Command::Publish { reply: Some(_), .. } => {
            Err("answers to a REQ come back by themselves, on no subject of yours".to_owned())
        }
        Command::Publish { subject, text, .. } => Ok(Command::Request { subject, text }),
        other => Ok(other),
    }
}

/// What stands before the first quote of `text`, and what stands between it and the last.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let first = match text.starts_with('"') {
        true => 0,
        false => text.find(" \"")? + 1,
    };
    let last = text.strip_suffix('"')?.len();
    (last > first).then(|| (text[..first].trim(), &text[first + 1..last]))
}

/// The reply in front of a text; nothing where nothing stands there.
fn one_word(text: &str) -> Result<Option<String>, String> {
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        [] => Ok(None),
        [word] => Ok(Some(word.to_owned())),
        _ => Err(format!("before the text stands one reply, not {text:?}")),
    }
}

fn view(form: &str) -> Result<Command, String> {
    match &*form.to_ascii_lowercase() {
        "full" | "on" => Ok(Command::View(Form::Full)),
        "json" => Ok(Command::View(Form::Json)),
        "raw" | "off" => Ok(Command::View(Form::Raw)),
        _ => Err(format!("{form:?} is no view; full, json and raw are")),
    }
}

fn example(verb: &str) -> Option<&'static str> {
    let found = VERBS.iter().find(|(name, _)| *name == verb);
    found.map(|(_, example)| *example)
}

fn unknown(verb: &str, upper: &str) -> String {
    let near = VERBS.iter().min_by_key(|(name, _)| distance(upper, name));
    let near = near.filter(|(name, _)| distance(upper, name) <= name.len() / 2);
    match near {
        Some((name, example)) => {
            format!("there is no {verb:?}; did you mean {name}? for example: {example}")
        }
        None => format!("there is no {verb:?}; HELP lists what there is"),
    }
}

/// How many letters differ, are missing or too many; two that changed places count as one.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for at in 0..=one.len() {
        for to in 0..=other.len() {
            rows[at][to] = match (at, to) {
                (0, _) => to,
                (_, 0) => at,
                _ => {
                    let differs = usize::from(one[at - 1] != other[to - 1]);
                    let mut least = rows[at - 1][to - 1] + differs;
                    least = least.min(rows[at - 1][to] + 1).min(rows[at][to - 1] + 1);
                    let is_swap = at > 1
                        && to > 1
                        && one[at - 1] == other[to - 2]
                        && one[at - 2] == other[to - 1];
                    match is_swap {
                        true => least.min(rows[at - 2][to - 2] + 1),
                        false => least,
                    }
                }
            };
        }
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(subject: &str, reply: Option<&str>, headers: &[&str], text: &str) -> Command {
        Command::Publish {
            subject: subject.to_owned(),
            reply: reply.map(str::to_owned),
            headers: headers.iter().map(|text| (*text).to_owned()).collect(),
            text: text.to_owned(),
        }
    }

    #[track_caller]
    fn check(line: &str, expected: Command) {
        assert_eq!(parse(line), Ok(expected), "{line}");
    }

    #[test]
    fn lines_are_read_as_a_hand_session_reads_them() {
        check("  ", Command::Nothing);
        check("sub a.*", subscribe("a.*", None, None));
        check("SUB a.* 7", subscribe("a.*", None, Some("7")));
        check("Sub a.* q x", subscribe("a.*", Some("q"), Some("x")));
        check("UNSUB 1 5", unsubscribe("1", Some(5)));
        check("PUB a \"hello\"", published("a", None, &[], "hello"));
        check("PUB a r \"hello\"", published("a", Some("r"), &[], "hello"));
        check(
            "PUB a hello there",
            published("a", None, &[], "hello there"),
        );
        check("PUB a", published("a", None, &[], ""));
        check("PUB a \"\"", published("a", None, &[], ""));
        check(
            "PUB a \"say \"hi\"\"",
            published("a", None, &[], "say \"hi\""),
        );
        check(
            "PUB a {\"x\": \"y\"}",
            published("a", None, &[], "{\"x\": \"y\"}"),
        );
        check(
            "HPUB a \"K: v\" \"L: w\" \"t\"",
            published("a", None, &["K: v", "L: w"], "t"),
        );
        let (subject, text) = ("a".to_owned(), "now?".to_owned());
        check("REQ a \"now?\"", Command::Request { subject, text });
        check("view off", Command::View(Form::Raw));
        check("help sub", Command::Help(Some("sub".to_owned())));
    }

    #[test]
    fn mistakes_are_explained() {
        for (line, expected) in [
            (
                "SBU a",
                "there is no \"SBU\"; did you mean SUB? for example: SUB greet.*",
            ),
            (
                "frobnicate",
                "there is no \"frobnicate\"; HELP lists what there is",
            ),
            ("SUB", "SUB takes other words; for example: SUB greet.*"),
            (
                "UNSUB 1 x",
                "\"x\" is no number of messages; for example: UNSUB 1",
            ),
            (
                "VIEW hex",
                "\"hex\" is no view; full, json and raw are; for example: VIEW json",
            ),
            (
                "PUB a b c \"t\"",
                "before the text stands one reply, not \"b c\"; for example: PUB greet.joe \"hello\"",
            ),
        ] {
            assert_eq!(parse(line), Err(expected.to_owned()), "{line}");
        }
    }
}
