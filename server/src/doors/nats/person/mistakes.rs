//! What is said of a mistake: what was wrong, at which word, and what to type instead.

use std::time::Instant;

use dunlin_protocol::{ErrText, Mistake};

use super::words::{Words, is_plain, typed};
use super::{Next, Otherwise, Person};
use crate::conf::nearest;
use crate::doors::nats::session::TextSession;
use crate::link::Wakes;

/// The verbs that a person has.
const VERBS: [&str; 12] = [
    "SUB", "UNSUB", "PUB", "HPUB", "REQ", "VIEW", "AUTH", "HELP", "QUIT", "PING", "PONG", "CONNECT",
];

/// What people say who mean one of them.
const SYNONYMS: [(&str, &str); 15] = [
    ("SUBSCRIBE", "SUB"),
    ("LISTEN", "SUB"),
    ("READ", "SUB"),
    ("UNSUBSCRIBE", "UNSUB"),
    ("PUBLISH", "PUB"),
    ("SEND", "PUB"),
    ("SAY", "PUB"),
    ("REQUEST", "REQ"),
    ("ASK", "REQ"),
    ("LOGIN", "AUTH"),
    ("USER", "AUTH"),
    ("SHOW", "VIEW"),
    ("H", "HELP"),
    ("BYE", "QUIT"),
    ("CLOSE", "QUIT"),
];

/// The texts that nats-server has for it stand first, at once; the rest waits.
impl Person {
    pub(super) fn answer_mistake(
        &mut self,
        session: &TextSession,
        mistake: &Mistake<'_>,
        now: Instant,
        wakes: &mut Wakes,
    ) -> Next {
        let is_stranger = session.must_log_in();
        let is_login = matches!(mistake, Mistake::Missing { verb: "AUTH", .. })
            || matches!(mistake, Mistake::TooMany { verb: "AUTH", .. });
        if is_stranger && !is_login {
            let words = Words::default().err(ErrText::AuthorizationViolation);
            let words = words.line("first say who you are");
            let words = words.example("AUTH user password").example("AUTH token");
            return self.explain(words, Otherwise::Refuse, now);
        }
        let mut words = Words::default();
        match mistake {
            Mistake::UnknownVerb { .. } | Mistake::ServerVerb(_) | Mistake::WrongLength { .. } => {
                let text = ErrText::UnknownProtocolOperation;
                session.reader.say_err(text, wakes);
            }
            _ => words = words.err(ErrText::WrongArguments),
        }
        let otherwise = match is_stranger {
            true => Otherwise::Refuse,
            false => Otherwise::Close,
        };
        self.explain(explanation(words, mistake), otherwise, now)
    }
}

fn explanation(words: Words, mistake: &Mistake<'_>) -> Words {
    match mistake {
        Mistake::UnknownVerb { verb, rest } => unknown_verb(words, verb, rest),
        Mistake::ServerVerb(verb) => words
            .line(&format!(
                "{} is for the server to say; to send a message, PUB",
                typed(verb)
            ))
            .example("PUB greet.joe \"hello\""),
        Mistake::Missing {
            verb,
            word,
            what,
            line,
        } => missing(words, verb, *word, what, line),
        Mistake::TooMany { verb, word, text } => {
            let (takes, example) = form(verb);
            let text = typed(text);
            words
                .line(&format!(
                    "word {word}, \"{text}\", is one too many: {verb} takes {takes}"
                ))
                .example(example)
        }
        Mistake::NoSize { .. } => no_size(words, mistake),
        Mistake::WrongLength {
            subject,
            said,
            payload,
        } => wrong_length(words, subject, *said, payload),
        Mistake::OpenQuote { text } => words
            .line(&format!("the text has no closing quote: {}", typed(text)))
            .example("PUB greet.joe \"hello\""),
        Mistake::BehindQuote { text } => words
            .line(&format!("behind the last quote stands {}", typed(text)))
            .line("a text goes to the last quote on its line"),
        Mistake::CountedHeaders => words
            .line("by hand, headers go in quotes, and the text in quotes behind them")
            .example("HPUB greet.joe \"Lang: en\" \"hello\""),
        Mistake::NotAHeader { text } => words
            .line(&format!(
                "\"{}\" is no header: it takes a name without blanks, a colon, and a value",
                typed(text)
            ))
            .example("HPUB greet.joe \"Lang: en\" \"hello\""),
        Mistake::Subject { subject } => unfit_subject(words, subject),
        Mistake::NotOnOff { text: b"" } => words
            .line("VIEW needs on or off: word 2 is missing")
            .example("VIEW on"),
        Mistake::NotOnOff { text } => words
            .line(&format!("VIEW takes on or off, not \"{}\"", typed(text)))
            .example("VIEW on"),
        Mistake::Key => words
            .line("the line holds what an arrow key or another special key sends")
            .line("type it again; nothing was done"),
    }
}

fn unknown_verb(words: Words, verb: &[u8], rest: &[u8]) -> Words {
    let shown = typed(verb);
    let Some(meant) = meant(&shown) else {
        return words
            .line(&format!("there is no verb {shown}"))
            .line("HELP lists those that there are");
    };
    let words = words.line(&format!("there is no verb {shown}; did you mean {meant}?"));
    let (_, example) = form(meant);
    match is_plain(rest) && !rest.is_empty() {
        true => words.example(&format!("{meant} {}", typed(rest))),
        false => words.example(example),
    }
}

/// The verb that `word` is perhaps meant to be.
pub(super) fn meant(word: &str) -> Option<&'static str> {
    let upper = word.to_uppercase();
    let synonym = SYNONYMS.iter().find(|(name, _)| *name == upper);
    if let Some((_, verb)) = synonym {
        return Some(verb);
    }
    let lower: Vec<String> = VERBS.iter().map(|verb| verb.to_lowercase()).collect();
    let near = nearest(word, lower.iter().map(String::as_str))?;
    VERBS
        .into_iter()
        .find(|verb| verb.eq_ignore_ascii_case(near))
}

fn missing(words: Words, verb: &str, word: usize, what: &str, line: &[u8]) -> Words {
    let (whole, sample) = match what {
        "sid" => ("sid, any word you choose", "1"),
        "size, or a text in quotes" | "text in quotes" => (what, "\"hello\""),
        what => (what, ""),
    };
    let words = words.line(&format!("{verb} needs a {whole}: word {word} is missing"));
    match word > 2 && !sample.is_empty() && is_plain(line) {
        true => words.example(&format!("{} {sample}", typed(line))),
        false => words.example(form(verb).1),
    }
}

fn no_size(words: Words, mistake: &Mistake<'_>) -> Words {
    let Mistake::NoSize {
        verb,
        word,
        text,
        subject,
        payload,
    } = mistake
    else {
        return words;
    };
    let text = typed(text);
    let words = match *verb {
        "REQ" => words.line(&format!("word {word}, \"{text}\", is no text in quotes")),
        _ => words
            .line(&format!("word {word}, \"{text}\", is no size"))
            .line("count the bytes of the payload, or put it in quotes"),
    };
    let single = |text: &[u8]| text.first() == Some(&b'\'') && text.last() == Some(&b'\'');
    let payload = match payload {
        [_, inner @ .., _] if single(payload) => inner,
        payload => payload,
    };
    match is_plain(payload) && is_plain(subject) {
        true => words.example(&quoted(verb, subject, payload)),
        false => words.example(form(verb).1),
    }
}

fn wrong_length(words: Words, subject: &[u8], said: usize, payload: &[u8]) -> Words {
    let came = payload.len();
    let bytes = if came == 1 { "byte" } else { "bytes" };
    let words = words
        .line(&format!(
            "the payload has {came} {bytes}, not {said}; it was not sent"
        ))
        .example(&format!("PUB {} {came}", typed(subject)));
    match is_plain(payload) {
        true => words.example(&quoted("PUB", subject, payload)),
        false => words,
    }
}

pub(super) fn unfit_subject(words: Words, subject: &[u8]) -> Words {
    let shown = typed(subject);
    let words = match has_empty_token(subject) {
        true => words.line(&format!("\"{shown}\" has an empty token: a dot too many")),
        false => words.line(&format!(
            "\"{shown}\" has a wildcard: those are for SUB, a message goes to one subject"
        )),
    };
    words.example("PUB greet.joe \"hello\"")
}

pub(super) fn has_empty_token(subject: &[u8]) -> bool {
    subject.split(|&byte| byte == b'.').any(<[u8]>::is_empty)
}

fn quoted(verb: &str, subject: &[u8], payload: &[u8]) -> String {
    format!("{verb} {} \"{}\"", typed(subject), typed(payload))
}

/// What a verb takes, and an example of it.
fn form(verb: &str) -> (&'static str, &'static str) {
    match verb {
        "SUB" => (
            "a subject, perhaps a queue group, and a sid",
            "SUB greet.* 1",
        ),
        "UNSUB" => ("a sid, and perhaps a number of messages", "UNSUB 1"),
        "HPUB" => (
            "a subject, perhaps a reply, headers in quotes, and a text in quotes",
            "HPUB greet.joe \"Lang: en\" \"hello\"",
        ),
        "REQ" => (
            "a subject, perhaps a reply, and a text in quotes",
            "REQ time \"now?\"",
        ),
        "VIEW" => ("on or off", "VIEW on"),
        "AUTH" => ("a token, or a user and a password", "AUTH user password"),
        "HELP" => ("a verb", "HELP SUB"),
        "QUIT" => ("nothing", "QUIT"),
        "PING" | "PONG" => ("nothing", "PING"),
        "CONNECT" => ("a JSON object", "CONNECT {\"verbose\":false}"),
        _ => (
            "a subject, perhaps a reply, and a size or a text in quotes",
            "PUB greet.joe \"hello\"",
        ),
    }
}
