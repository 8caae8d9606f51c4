//! The parser against lines that a person can read.

use super::*;

fn parse(input: &[u8]) -> Result<Step<'_>, ParseError> {
    ClientParser::default().next(input, &Limits::default())
}

#[track_caller]
fn check_op(input: &str, expected: ClientOp<'_>) {
    match parse(input.as_bytes()) {
        Ok(Step::Op { op, used }) => assert_eq!((op, used), (expected, input.len()), "{input:?}"),
        other => panic!("{input:?}: {other:?}"),
    }
}

#[track_caller]
fn check_err(input: &str, expected: ParseError) {
    assert_eq!(parse(input.as_bytes()), Err(expected), "{input:?}");
}

fn published(input: &str) -> Publish<'_> {
    match parse(input.as_bytes()) {
        Ok(Step::Op {
            op: ClientOp::Publish(publish),
            ..
        }) => publish,
        other => panic!("{input:?}: {other:?}"),
    }
}

#[test]
fn verbs_are_case_insensitive_and_blanks_may_be_many() {
    let subscribe = |queue| {
        ClientOp::Subscribe(Subscribe {
            subject: b"a.b",
            queue,
            sid: b"1",
        })
    };
    check_op("SUB a.b 1\r\n", subscribe(None));
    check_op("sUb \t a.b  \t1 \t\n", subscribe(None));
    check_op("SUB a.b q 1\r\n", subscribe(Some(b"q")));
    check_op("pInG\r\n", ClientOp::Ping);
    check_op(
        "UNSUB 1 \r\n",
        ClientOp::Unsubscribe {
            sid: b"1",
            max: None,
        },
    );
    check_op(
        "UNSUB 1 5\r\n",
        ClientOp::Unsubscribe {
            sid: b"1",
            max: Some(5),
        },
    );
    check_op(
        "UNSUB 1 x\r\n",
        ClientOp::Unsubscribe {
            sid: b"1",
            max: None,
        },
    );
    check_op("CONNECT {}\r\n", ClientOp::Connect(b"{}"));
    check_op("CONNECT{}\r\n", ClientOp::Connect(b"{}"));
    check_op("INFO\n", ClientOp::Info(b""));
}

#[test]
fn what_follows_the_letters_of_a_ping_is_ignored() {
    check_op("PINGabc\r\n", ClientOp::Ping);
    check_op("PONG x\n", ClientOp::Pong);
    check_op("+OK really\r\n", ClientOp::Ok);
}

#[test]
fn an_endless_ping_is_not_kept() {
    let mut parser = ClientParser::default();
    let limits = Limits::default();
    let long = [b"PING".as_slice(), &[b'x'; 10_000]].concat();
    let kept = Step::More {
        used: long.len(),
        need: 1,
    };
    assert_eq!(parser.next(&long, &limits), Ok(kept));
    assert_eq!(
        parser.next(b"xx\nPI", &limits),
        Ok(Step::Op {
            op: ClientOp::Ping,
            used: 3
        })
    );
}

#[test]
fn what_is_no_operation_is_refused_at_its_first_wrong_letter() {
    for input in [
        "X",
        "\r\n",
        "\n",
        " PING\r\n",
        "PX",
        "SUB\r\n",
        "PUB\n",
        "MSG a 1 2\r\n",
        "GET /",
    ] {
        check_err(input, ParseError::UnknownOperation);
    }
    assert_eq!(parse(b"PU"), Ok(Step::More { used: 0, need: 3 }));
}

#[test]
fn a_wrong_count_or_number_is_malformed() {
    for input in [
        "SUB a\r\n",
        "SUB a b c d\r\n",
        "UNSUB \r\n",
        "UNSUB a b c\r\n",
        "PUB a\r\n",
        "PUB a b c 1\r\n",
        "PUB a -1\r\n",
        "PUB a 1k\r\n",
        "PUB a 0000000001\r\n",
        "HPUB a 2\r\n",
        "HPUB a 3 2\r\n",
        "HPUB a b c 1 2\r\n",
    ] {
        check_err(input, ParseError::Malformed);
    }
}

#[test]
fn a_body_ends_with_cr_lf_or_lf_and_nothing_else() {
    for input in [
        "PUB a 2\r\nhi\r\n",
        "PUB a 2\nhi\n",
        "PUB a 2\r\nhi\n",
        "PUB a 2\nhi\r\n",
    ] {
        let publish = published(input);
        assert_eq!(publish.payload(), b"hi", "{input:?}");
        assert_eq!(
            publish.verbatim.is_some(),
            input == "PUB a 2\r\nhi\r\n",
            "{input:?}"
        );
    }
    check_err("PUB a 2\r\nhix\r\n", ParseError::UnknownOperation);
    check_err("PUB a 2\r\nhi\rx", ParseError::UnknownOperation);
    check_op(
        "PUB a 0\r\n\r\n",
        ClientOp::Publish(published("PUB a 0\r\n\r\n")),
    );
}

#[test]
fn a_plain_line_can_be_passed_on_as_it_is() {
    assert_eq!(
        published("PUB a.b 02\r\nhi\r\n").verbatim,
        Some(&b" 02\r\nhi\r\n"[..])
    );
    assert_eq!(
        published("PUB a r 2\r\nhi\r\n").verbatim,
        Some(&b" r 2\r\nhi\r\n"[..])
    );
    let headers = published("HPUB a 2 4\r\nzzhi\r\n");
    assert_eq!(headers.verbatim, Some(&b" 2 4\r\nzzhi\r\n"[..]));
    assert_eq!(
        (headers.headers(), headers.payload()),
        (&b"zz"[..], &b"hi"[..])
    );
    for odd in [
        "PUB a  2\r\nhi\r\n",
        "PUB a\t2\r\nhi\r\n",
        "PUB a 2 \r\nhi\r\n",
    ] {
        assert_eq!(published(odd).verbatim, None, "{odd:?}");
    }
    assert_eq!(
        published("PUB   a 2\r\nhi\r\n").verbatim,
        Some(&b" 2\r\nhi\r\n"[..])
    );
}

#[test]
fn a_stray_cr_separates_and_never_becomes_part_of_a_name() {
    let args = Subscribe {
        subject: b"a",
        queue: Some(b"11"),
        sid: b"x",
    };
    check_op("SUB a 11\rx\n", ClientOp::Subscribe(args));
}

#[test]
fn the_line_limit_counts_arguments_only() {
    let limits = Limits {
        control_line_max: 8,
        ..Limits::default()
    };
    let mut parser = ClientParser::default();
    assert!(parser.next(b"SUB 12345 12\r\n", &limits).is_ok());
    for input in [
        &b"SUB 12345 123\r\n"[..],
        b"SUB 12345 123",
        b"CONNECT {       }",
    ] {
        let mut parser = ClientParser::default();
        assert_eq!(
            parser.next(input, &limits),
            Err(ParseError::ControlLineTooLong)
        );
    }
    let mut parser = ClientParser::default();
    assert!(matches!(
        parser.next(b"SUB 12345 12\r", &limits),
        Ok(Step::More { .. })
    ));
}

#[test]
fn a_payload_over_the_limit_is_refused_before_its_body_comes() {
    let limits = Limits {
        payload_max: 4,
        ..Limits::default()
    };
    let mut parser = ClientParser::default();
    assert_eq!(
        parser.next(b"PUB a 5\r\n", &limits),
        Err(ParseError::PayloadTooLarge)
    );
    let no_headers = Limits {
        has_headers: false,
        ..Limits::default()
    };
    assert_eq!(
        parser.next(b"HPUB a 0 0\r\n", &no_headers),
        Err(ParseError::Malformed)
    );
}

#[test]
fn every_split_of_a_stream_gives_the_same_operations() {
    let stream =
        b"CONNECT {\"a\":1}\r\nPUB a.b r 5\r\nhello\r\nPINGx\r\nSUB a  1 \nHPUB a 2 4\r\nzzhi\r\n\
        PUB x 3\nabc\nUNSUB 1 4\r\n+OK\r\n-ERR 'x'\r\nINFO {}\r\nPONG\r\n";
    let whole = collect(&[stream]);
    assert_eq!(whole.len(), 11);
    for first in 0..stream.len() {
        let pieces = [&stream[..first], &stream[first..]];
        assert_eq!(collect(&pieces), whole, "split at {first}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(collect(&bytes), whole);
}

/// Feeds `pieces` as a connection would, keeping what is incomplete.
fn collect(pieces: &[&[u8]]) -> Vec<String> {
    let (mut parser, limits) = (ClientParser::default(), Limits::default());
    let (mut kept, mut wanted, mut ops) = (Vec::new(), 0, Vec::new());
    for piece in pieces {
        kept.extend_from_slice(piece);
        while kept.len() >= wanted && !kept.is_empty() {
            match parser.next(&kept, &limits).unwrap() {
                Step::Op { op, used } => {
                    ops.push(format!("{op:?}"));
                    kept.drain(..used);
                    wanted = 0;
                }
                Step::More { used, need } => {
                    kept.drain(..used);
                    wanted = need;
                    assert!(need > kept.len(), "asks for more than there is");
                }
            }
        }
    }
    ops
}

#[test]
fn the_short_cut_says_what_the_parser_says() {
    for line in [
        "PUB a 0\r\n\r\n",
        "PUB a.b 02\r\nhi\r\n",
        "PUB a.b.c.d reply.to 11\r\nhello world\r\n",
    ] {
        let limits = Limits::default();
        let short = plain::publish(line.as_bytes(), &limits).unwrap();
        let line_end = line.find('\n').unwrap() + 1;
        let args = &line.as_bytes()[4..line_end - 2];
        let whole = Line {
            args,
            start: 4,
            end: line_end,
        };
        assert_eq!(
            Ok(short),
            publish(Verb::Publish, &whole, line.as_bytes(), &limits),
            "{line:?}"
        );
    }
}
