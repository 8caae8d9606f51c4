//! What people type, and what is made of it.

use super::*;

/// Every step that `text` gives, in words; all of it must be taken.
fn steps(text: &str) -> Vec<String> {
    let (mut parser, mut at, mut steps) = (HandParser::default(), 0, Vec::new());
    let limits = Limits {
        has_headers: false,
        ..Limits::default()
    };
    loop {
        let step = parser.next(&text.as_bytes()[at..], &limits);
        let (words, used) = match step {
            Ok(HandStep::Op { op, used }) => (show_op(&op), used),
            Ok(HandStep::Mistake { mistake, used }) => (show_mistake(&mistake), used),
            Ok(HandStep::More { used, body, .. }) => {
                if let Some(Body { size, came }) = body {
                    steps.push(format!("{came} of {size}"));
                } else if at + used < text.len() {
                    steps.push("more".to_owned());
                }
                return steps;
            }
            Err(error) => {
                steps.push(format!("end: {error}"));
                return steps;
            }
        };
        steps.push(words);
        at += used;
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn show_op(op: &HandOp<'_>) -> String {
    let quoted = |verb: &str, quoted: &Quoted<'_>| {
        let reply = quoted.reply.map_or("-".to_owned(), text);
        let headers: Vec<String> = quoted
            .headers
            .iter()
            .map(|(key, value)| format!("{key}={value} "))
            .collect();
        let (subject, payload) = (text(quoted.subject), text(quoted.text));
        format!("{verb} {subject} {reply} {}[{payload}]", headers.concat())
    };
    match op {
        HandOp::Protocol(ClientOp::Publish(publish)) => {
            format!("publish {} [{}]", text(publish.subject), text(publish.body))
        }
        HandOp::Protocol(ClientOp::Subscribe(subscribe)) => {
            format!("subscribe {}", text(subscribe.subject))
        }
        HandOp::Protocol(op) => format!("{op:?}"),
        HandOp::Publish(message) => quoted("pub", message),
        HandOp::Request(message) => quoted("req", message),
        HandOp::Auth { user, secret } => {
            format!(
                "auth {} {}",
                user.map_or("-".to_owned(), text),
                text(secret)
            )
        }
        HandOp::Help(verb) => format!("help {}", verb.map_or("-".to_owned(), text)),
        other => format!("{other:?}"),
    }
}

fn show_mistake(mistake: &Mistake<'_>) -> String {
    match mistake {
        Mistake::UnknownVerb { verb, rest } => format!("no verb {}|{}", text(verb), text(rest)),
        Mistake::Missing {
            verb, word, what, ..
        } => format!("{verb}: word {word} missing: {what}"),
        Mistake::TooMany {
            verb,
            word,
            text: it,
        } => format!("{verb}: word {word}: {}", text(it)),
        Mistake::NoSize {
            word,
            text: it,
            payload,
            ..
        } => {
            format!("word {word} no size: {}|{}", text(it), text(payload))
        }
        Mistake::WrongLength {
            subject,
            said,
            payload,
        } => {
            format!("{}: {} not {said}", text(subject), text(payload))
        }
        Mistake::OpenQuote { text: it } => format!("open: {}", text(it)),
        Mistake::BehindQuote { text: it } => format!("behind: {}", text(it)),
        Mistake::NotAHeader { text: it } => format!("no header: {}", text(it)),
        other => format!("{other:?}"),
    }
}

#[track_caller]
fn check(typed: &str, expected: &[&str]) {
    assert_eq!(steps(typed), expected, "{typed:?}");
}

#[test]
fn blank_lines_and_leading_blanks_are_ignored() {
    check("\n\r\n  \n\t sub a 1\n\n", &["subscribe a"]);
    check(" PING\r\n ping x\r\n", &["Ping", "Ping"]);
}

#[test]
fn the_rest_of_a_ping_may_come_later() {
    let (mut parser, limits) = (HandParser::default(), Limits::default());
    let first = parser.next(b"PING", &limits);
    assert_eq!(first, Ok(more(4, 1)));
    let step = parser.next(b"\r\nPONG\r\n", &limits);
    let op = HandOp::Protocol(ClientOp::Ping);
    assert_eq!(step, Ok(HandStep::Op { op, used: 2 }));
}

#[test]
fn a_text_in_quotes_goes_to_the_last_quote() {
    check("PUB a \"hello\"\n", &["pub a - [hello]"]);
    check("pub a r \"a b  c\" \r\n", &["pub a r [a b  c]"]);
    check("PUB a \"{\"x\": \"y\"}\"\n", &["pub a - [{\"x\": \"y\"}]"]);
    check("PUB a \"\"\n", &["pub a - []"]);
    check("PUB a \"5\"\n", &["pub a - [5]"]);
    check("PUB a \"5 5\"\n", &["pub a - [5 5]"]);
    check("REQ a \"now?\"\n", &["req a - [now?]"]);
    check(
        "REQ a r \"now?\"\nreq a\n",
        &["req a r [now?]", "req a - []"],
    );
}

#[test]
fn headers_are_texts_before_the_text() {
    check("HPUB a \"K: v\" \"t\"\n", &["pub a - K=v [t]"]);
    check(
        "HPUB a r \"K: v\" \"L:w x\" \"t\"\n",
        &["pub a r K=v L=w x [t]"],
    );
    check(
        "HPUB a \"K: v\" \"{\"x\": \"y\"}\"\n",
        &["pub a - K=v [{\"x\": \"y\"}]"],
    );
    check(
        "HPUB a \"K: v\"\n",
        &["HPUB: word 4 missing: text in quotes"],
    );
    check("HPUB a \"K v\" \"t\"\n", &["no header: K v"]);
    check("HPUB a \"K K: v\" \"t\"\n", &["no header: K K: v"]);
    check("HPUB a 12 14\n", &["CountedHeaders"]);
}

#[test]
fn quotes_can_be_wrong() {
    check("PUB a \"hello\n", &["open: \"hello"]);
    check("PUB a \"hello\" x\n", &["behind: x"]);
    check("PUB \"a\" \"b\"\n", &["PUB: word 2 missing: subject"]);
    check("PUB a b c \"t\"\n", &["PUB: word 4: c"]);
    check("PUB a.* \"t\"\n", &["Subject { subject: [97, 46, 42] }"]);
}

#[test]
fn a_count_that_is_wrong_names_the_word() {
    check("SUB\n", &["SUB: word 2 missing: subject"]);
    check("SUB a\n", &["SUB: word 3 missing: sid"]);
    check("SUB a q 1 x\n", &["SUB: word 5: x"]);
    check("UNSUB\n", &["UNSUB: word 2 missing: sid"]);
    check("UNSUB 1 2 3\n", &["UNSUB: word 4: 3"]);
    check("PUB\n", &["PUB: word 2 missing: subject"]);
    check(
        "PUB a\n",
        &["PUB: word 3 missing: size, or a text in quotes"],
    );
    check("PUB a b c 5\n", &["PUB: word 5: 5"]);
    check("PUB a hello\n", &["word 3 no size: hello|hello"]);
    check("PUB a hello  you\n", &["word 4 no size: you|hello  you"]);
    check(
        "PUB a hello all of you\n",
        &["word 3 no size: hello|hello all of you"],
    );
    check("PUB a 5x\n", &["word 3 no size: 5x|5x"]);
    check(
        "PUB a 1234567890\n",
        &["word 3 no size: 1234567890|1234567890"],
    );
    check(
        "REQ\nREQ a b\n",
        &["REQ: word 2 missing: subject", "word 3 no size: b|b"],
    );
    check(
        "AUTH\n",
        &["AUTH: word 2 missing: token, or user and password"],
    );
    check("AUTH a b c\n", &["AUTH: word 4: c"]);
}

#[test]
fn a_payload_of_the_wrong_length_ends_with_its_line() {
    check("PUB a 2\nhello\nPING\n", &["a: hello not 2", "Ping"]);
    check("PUB a 2\r\nhi!\r\nPING\r\n", &["a: hi! not 2", "Ping"]);
    check(
        "PUB a 4\nhi\nworld\nPING\n",
        &["a: hi\nworld not 4", "Ping"],
    );
    check("PUB a 0\nhi\n", &["a: hi not 0"]);
    check(
        "PUB a.\x1b 2\nhello\nPING\n",
        &["a.\x1b: hello not 2", "Ping"],
    );
    for odd in ["\"open", "\"b\"c"] {
        let typed = format!("PUB a {odd} 1\nhello\nPING\n");
        check(&typed, &["a: hello not 1", "Ping"]);
    }
    check("PUB a 2\nhi!", &["more"]);
    check("PUB a 5\nhi\n", &["3 of 5"]);
    check("PUB a 5\n", &["0 of 5"]);
    check("PUB a 2\nhi\nPUB a 2\nhi", &["publish a [hi]", "2 of 2"]);
    let endless = format!("PUB a 2\nhi{}", "x".repeat(5000));
    check(&endless, &["end: control line is over the limit"]);
}

#[test]
fn verbs_of_a_person_are_read_in_any_case() {
    check(
        "help\n? sub\nHELP pub x\n",
        &["help -", "help sub", "help pub"],
    );
    check("View ON\nview off\n", &["View(true)", "View(false)"]);
    check("view\n", &["NotOnOff { text: [] }"]);
    check(
        "auth t\nAUTH u p\nAUTH u \"p w\"\n",
        &["auth - t", "auth u p", "auth u p w"],
    );
    check("quit\nexit\n", &["Quit", "Quit"]);
}

#[test]
fn what_is_no_verb_is_told_apart() {
    check("SUBB a 1\n", &["no verb SUBB|a 1"]);
    check("MSG a 1 2\n", &["ServerVerb([77, 83, 71])"]);
    check("привет\n", &["no verb привет|"]);
    check("\x1b[A\n", &["Key"]);
    check("SU\x7fB a 1\n", &["Key"]);
    check("PUB a\x7f b\n", &["Key"]);
    check("GET / HTTP/1.1\r\n", &["Http"]);
    check("\x16\x03\x01", &["Tls"]);
    check("\x16", &["more"]);
    for rubbish in ["\0", "\x03", "\x16x", "a\0b\n"] {
        check(rubbish, &["end: unknown protocol operation"]);
    }
    check(&"x".repeat(5000), &["end: control line is over the limit"]);
}
