//! What HELP says: each verb on a line, or one verb on a few.

use super::mistakes::meant;
use super::words::{Words, typed};

const ALL: &[&str] = &[
    "SUB greet.* 1            ask for messages; 1 is your own name for this",
    "UNSUB 1                  ask no more",
    "PUB greet.joe \"hello\"    send a message; greet.joe is its subject",
    "REQ time \"now?\"          send a question and wait for one answer",
    "VIEW on                  show messages with time, headers and text",
    "AUTH user password       say who you are, where that is asked",
    "PING                     see whether the server is there",
    "QUIT                     hang up",
    "HELP SUB                 more about one of them; HPUB and CONNECT too",
];

const SUB: &[&str] = &[
    "SUB subject [queue] sid",
    "asks for the messages to a subject; * stands for one token, > for all that follow",
    "sid is any word: each message that comes for this bears it",
    "with a queue, each message goes to one member of the queue only",
    "  SUB greet.* 1",
    "  SUB jobs.> workers 2",
];

const UNSUB: &[&str] = &[
    "UNSUB sid [max]",
    "asks no more, at once or when max messages have come since the SUB",
    "  UNSUB 1",
    "  UNSUB 1 10",
];

const PUB: &[&str] = &[
    "PUB subject [reply] \"text\"",
    "PUB subject [reply] size, and on the next line as many bytes",
    "sends a message; the text goes to the last quote on the line, whatever is in it",
    "  PUB greet.joe \"hello\"",
    "  PUB orders.new \"{\"id\": 7}\"",
];

const HPUB: &[&str] = &[
    "HPUB subject [reply] \"Key: value\" ... \"text\"",
    "sends a message with headers; the last text is the payload",
    "  HPUB greet.joe \"Lang: en\" \"hello\"",
];

const REQ: &[&str] = &[
    "REQ subject [reply] [\"text\"]",
    "sends a question and shows the first answer, or says that none came within 5 seconds",
    "  REQ time \"now?\"",
];

const VIEW: &[&str] = &[
    "VIEW on, VIEW off",
    "on: messages with their time (UTC), headers, and text; bytes that are no text in hex",
    "off: messages as MSG lines, as programs get them",
];

const AUTH: &[&str] = &[
    "AUTH token",
    "AUTH user password",
    "says who you are; a password with blanks goes in quotes",
];

const PING: &[&str] = &[
    "PING",
    "is answered with PONG, when all that you sent before has been done",
];

const CONNECT: &[&str] = &[
    "CONNECT {json}",
    "makes this a program's connection: no hints any more, the first mistake ends it",
    "  CONNECT {\"verbose\":false}",
];

const QUIT: &[&str] = &["QUIT", "hangs up"];

/// What there is to say of `verb`, or of all verbs.
pub(super) fn about(verb: Option<&[u8]>) -> Words {
    let Some(word) = verb else {
        return say(ALL);
    };
    let shown = typed(word);
    let (upper, near) = (shown.to_uppercase(), meant(&shown));
    match lines(&upper).or_else(|| near.and_then(lines)) {
        Some(lines) => say(lines),
        None => say(ALL).line(&format!("there is no verb {shown}")),
    }
}

fn lines(verb: &str) -> Option<&'static [&'static str]> {
    Some(match verb {
        "SUB" => SUB,
        "UNSUB" => UNSUB,
        "PUB" => PUB,
        "HPUB" => HPUB,
        "REQ" => REQ,
        "VIEW" => VIEW,
        "AUTH" => AUTH,
        "PING" | "PONG" => PING,
        "CONNECT" => CONNECT,
        "QUIT" | "EXIT" => QUIT,
        "HELP" | "?" => ALL,
        _ => return None,
    })
}

fn say(lines: &[&str]) -> Words {
    lines
        .iter()
        .fold(Words::default(), |words, line| words.line(line))
}
