//! The parser against lines that a person can read.

use super::*;

fn parse(input: &[u8]) -> Result<ServerStep<'_>, ParseError> {
    ServerParser::default().next(input, &ServerLimits::default())
}

#[track_caller]
fn check_op(input: &str, expected: ServerOp<'_>) {
    match parse(input.as_bytes()) {
        Ok(ServerStep::Op { op, used }) => {
            assert_eq!((op, used), (expected, input.len()), "{input:?}");
        }
        other => panic!("{input:?}: {other:?}"),
    }
}

#[track_caller]
fn check_err(input: &str, expected: ParseError) {
    assert_eq!(parse(input.as_bytes()), Err(expected), "{input:?}");
}

fn delivered(input: &str) -> Delivery<'_> {
    match parse(input.as_bytes()) {
        Ok(ServerStep::Op {
            op: ServerOp::Message(delivery),
            ..
        }) => delivery,
        other => panic!("{input:?}: {other:?}"),
    }
}

#[test]
fn verbs_are_case_insensitive_and_lines_end_with_or_without_cr() {
    check_op("PING\r\n", ServerOp::Ping);
    check_op("pong\n", ServerOp::Pong);
    check_op("+OK\r\n", ServerOp::Ok);
    check_op("INFO {} \r\n", ServerOp::Info(b"{}"));
    check_op("info\t{}\n", ServerOp::Info(b"{}"));
    check_op(
        "-ERR 'Stale Connection'\r\n",
        ServerOp::Err(b"Stale Connection"),
    );
    check_op("-ERR none\r\n", ServerOp::Err(b"none"));
}

#[test]
fn a_message_has_a_subject_a_sid_and_perhaps_a_reply() {
    let plain = delivered("MSG a.b 7 5\r\nhello\r\n");
    assert_eq!((plain.subject, plain.sid), (&b"a.b"[..], &b"7"[..]));
    assert_eq!((plain.reply, plain.payload()), (None, &b"hello"[..]));
    assert_eq!(plain.body_start, "MSG a.b 7 5\r\n".len());
    assert_eq!(delivered("msg  a\t7 r 0 \n\n").reply, Some(&b"r"[..]));

    let headers = delivered("HMSG a 7 r 2 4\r\nzzhi\r\n");
    assert_eq!(headers.reply, Some(&b"r"[..]));
    assert_eq!(
        (headers.headers(), headers.payload()),
        (&b"zz"[..], &b"hi"[..])
    );
    assert_eq!(delivered("HMSG a 7 4 4\r\nzzhi\r\n").payload(), b"");
}

#[test]
fn a_size_may_have_leading_zeros() {
    assert_eq!(delivered("MSG a 1 000000002\r\nhi\r\n").payload(), b"hi");
}

#[test]
fn a_body_ends_with_cr_lf_or_lf_and_nothing_else() {
    for input in [
        "MSG a 1 2\r\nhi\r\n",
        "MSG a 1 2\nhi\n",
        "MSG a 1 2\nhi\r\n",
    ] {
        assert_eq!(delivered(input).payload(), b"hi", "{input:?}");
    }
    check_err("MSG a 1 2\r\nhix\r\n", ParseError::UnknownOperation);
    check_err("MSG a 1 2\r\nhi\rx", ParseError::UnknownOperation);
}

#[test]
fn what_is_no_operation_is_refused_at_its_first_wrong_letter() {
    for input in [
        "X",
        "\r\n",
        " PING\r\n",
        "PX",
        "MSGa 1 2\r\n",
        "MSG\r\n",
        "HTTP/1.1 400",
    ] {
        check_err(input, ParseError::UnknownOperation);
    }
    assert_eq!(parse(b"MS"), Ok(ServerStep::More { need: 3 }));
    assert_eq!(parse(b""), Ok(ServerStep::More { need: 1 }));
}

#[test]
fn a_wrong_count_or_number_is_malformed() {
    for input in [
        "MSG a 1\r\n",
        "MSG  \r\n",
        "MSG a 1 r s 2\r\n",
        "MSG a 1 -2\r\n",
        "MSG a 1 2k\r\n",
        "MSG a 1 0000000001\r\n",
        "HMSG a 1 2\r\n",
        "HMSG a 1 3 2\r\n",
        "HMSG a 1 r x 2\r\n",
        "HMSG a 1 r 1 2 2\r\n",
    ] {
        check_err(input, ParseError::Malformed);
    }
}

#[test]
fn an_endless_line_or_body_is_refused_at_its_bound() {
    let limits = ServerLimits {
        line_max: 16,
        payload_max: 4,
    };
    let next = |input| ServerParser::default().next(input, &limits).map(|_| ());
    assert_eq!(next(b"INFO 789012345\r\n"), Ok(()));
    assert_eq!(
        next(b"INFO 7890123456\r\n"),
        Err(ParseError::ControlLineTooLong)
    );
    assert_eq!(
        next(b"PING5678901234567"),
        Err(ParseError::ControlLineTooLong)
    );
    assert_eq!(next(b"MSG a 1 4\r\n"), Ok(()));
    assert_eq!(next(b"MSG a 1 5\r\n"), Err(ParseError::PayloadTooLarge));
}

#[test]
fn every_split_of_a_stream_gives_the_same_operations() {
    let stream = b"INFO {\"a\":1} \r\nMSG a.b 1 5\r\nhello\r\nPING\r\n+OK\r\nHMSG a 2 r 2 4\r\n\
        zzhi\r\nMSG x 3 3\nabc\nPONG\r\nMSG x 3 0\r\n\r\n-ERR 'x'\r\n";
    let whole = collect(&[stream]);
    assert_eq!(whole.len(), 9);
    for first in 0..stream.len() {
        let pieces = [&stream[..first], &stream[first..]];
        assert_eq!(collect(&pieces), whole, "split at {first}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(collect(&bytes), whole);
}

#[test]
fn rubbish_never_makes_it_panic() {
    let alphabet = b"MSGHINFOPE-R+OK 0123456789\r\n\t'{}a.*>\x00\xff";
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..20_000 {
        let mut input = b"MSG a 1 ".to_vec();
        for _ in 0..24 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            input.push(alphabet[(seed >> 33) as usize % alphabet.len()]);
        }
        let _ = parse(&input);
        let _ = parse(&input[8..]);
    }
}

/// Feeds `pieces` as a connection would, keeping what is incomplete.
fn collect(pieces: &[&[u8]]) -> Vec<String> {
    let (mut parser, limits) = (ServerParser::default(), ServerLimits::default());
    let (mut kept, mut wanted, mut ops) = (Vec::new(), 0, Vec::new());
    for piece in pieces {
        kept.extend_from_slice(piece);
        while kept.len() >= wanted && !kept.is_empty() {
            match parser.next(&kept, &limits).unwrap() {
                ServerStep::Op { op, used } => {
                    ops.push(format!("{op:?}"));
                    kept.drain(..used);
                    wanted = 0;
                }
                ServerStep::More { need } => {
                    wanted = need;
                    assert!(need > kept.len(), "asks for more than there is");
                }
            }
        }
    }
    ops
}
