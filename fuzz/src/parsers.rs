//! Both parsers: what they find must not depend on how the bytes arrive, and must be what stands
//! there.
//!
//! The first byte chooses the bounds and the pieces; the conversation is behind it.

use dunlin_protocol::{
    ClientOp, ClientParser, Delivery, Limits, Publish, ServerLimits, ServerOp, ServerParser,
    ServerStep, Step, encode, number,
};

use crate::pieces::{Answer, Heard, hear, lengths};

/// What a client sends: the same operations whole and in pieces, and bodies as long as they say.
pub fn client_parser(data: &[u8]) {
    let Some((&seed, text)) = data.split_first() else {
        return;
    };
    let limits = match seed & 64 {
        0 => Limits::default(),
        _ => Limits {
            control_line_max: 20,
            payload_max: 30,
            has_headers: seed & 128 == 0,
        },
    };
    let whole = hear_client(text, &limits, || text.len());
    let pieces = hear_client(text, &limits, lengths(seed));
    assert_eq!(whole, pieces, "whole and in pieces");
    for op in &whole.0 {
        if let ClientOp::Publish(publish) = op {
            check_publish(publish, &limits);
        }
    }
}

fn hear_client<'a>(
    text: &'a [u8],
    limits: &Limits,
    piece: impl FnMut() -> usize,
) -> Heard<ClientOp<'a>> {
    let mut parser = ClientParser::default();
    let next = |input: &'a [u8]| {
        Ok(match parser.next(input, limits)? {
            Step::Op { op, used } => {
                check_short_cut(&op, &input[..used], limits);
                Answer::Op { op, used }
            }
            Step::More { used, need } => Answer::More { used, need },
        })
    };
    hear(text, next, piece)
}

/// A `MSG` in capitals may take a short cut; one in small letters does not, and means the same.
fn check_short_delivery(step: &ServerStep<'_>, input: &[u8], limits: &ServerLimits) {
    let ServerStep::Op { used, .. } = step else {
        return;
    };
    if let Some(rest) = input[..*used].strip_prefix(b"MSG") {
        let small = [b"msg", rest].concat();
        let proper = ServerParser::default().next(&small, limits);
        assert_eq!(proper.as_ref(), Ok(step), "the short cut for a plain MSG");
    }
}

/// A `PUB` in capitals may take a short cut; one in small letters does not, and means the same.
fn check_short_cut(op: &ClientOp<'_>, text: &[u8], limits: &Limits) {
    let (ClientOp::Publish(_), Some(rest)) = (op, text.strip_prefix(b"PUB ")) else {
        return; // The rest of a line that is thrown away may look like anything.
    };
    let small = [b"pub ", rest].concat();
    let expected = Step::Op {
        op: op.clone(),
        used: text.len(),
    };
    let proper = ClientParser::default().next(&small, limits);
    assert_eq!(proper, Ok(expected), "the short cut for a plain PUB");
}

fn check_publish(publish: &Publish<'_>, limits: &Limits) {
    assert_eq!(number::parse_size(publish.size), Some(publish.body.len()));
    assert!(publish.body.len() <= limits.payload_max);
    let header_len = publish.header_size.map_or(Some(0), number::parse_size);
    assert_eq!(header_len, Some(publish.header_len));
    assert!(publish.header_size.is_none() || limits.has_headers);
    assert_eq!(
        [publish.headers(), publish.payload()].concat(),
        publish.body
    );
    let args = [publish.reply, publish.header_size, Some(publish.size)];
    let mut tail = Vec::new();
    for arg in args.into_iter().flatten() {
        tail.push(b' ');
        tail.extend_from_slice(arg);
    }
    for part in [b"\r\n", publish.body, b"\r\n"] {
        tail.extend_from_slice(part);
    }
    if let Some(verbatim) = publish.verbatim {
        assert_eq!(verbatim, tail, "what may be passed on as it stands");
    }
}

/// What a server sends: the same operations whole and in pieces, and messages that can be written
/// and read again.
pub fn server_parser(data: &[u8]) {
    let Some((&seed, text)) = data.split_first() else {
        return;
    };
    let limits = match seed & 64 {
        0 => ServerLimits::default(),
        _ => ServerLimits {
            line_max: 40,
            payload_max: 30,
        },
    };
    let whole = hear_server(text, &limits, || text.len());
    let pieces = hear_server(text, &limits, lengths(seed));
    assert_eq!(whole, pieces, "whole and in pieces");
    for op in &whole.0 {
        if let ServerOp::Message(delivery) = op {
            assert!(delivery.body.len() <= limits.payload_max);
            check_delivery(delivery);
        }
    }
}

fn hear_server<'a>(
    text: &'a [u8],
    limits: &ServerLimits,
    piece: impl FnMut() -> usize,
) -> Heard<ServerOp<'a>> {
    let mut parser = ServerParser::default();
    let next = |input: &'a [u8]| {
        let step = parser.next(input, limits)?;
        check_short_delivery(&step, input, limits);
        if let ServerStep::Op { op, .. } = &step
            && let ServerOp::Message(delivery) = op
        {
            let there = &input[delivery.body_start..][..delivery.body.len()];
            assert_eq!(there, delivery.body, "where the body is said to be");
        }
        Ok(match step {
            ServerStep::Op { op, used } => Answer::Op { op, used },
            ServerStep::More { need } => Answer::More { used: 0, need },
        })
    };
    hear(text, next, piece)
}

fn check_delivery(delivery: &Delivery<'_>) {
    let message = encode::Message {
        subject: delivery.subject,
        sid: delivery.sid,
        reply: delivery.reply,
        headers: delivery.headers(),
        payload: delivery.payload(),
    };
    let mut line = Vec::new();
    encode::message(&mut line, &message);
    let limits = ServerLimits {
        line_max: usize::MAX,
        payload_max: usize::MAX,
    };
    let (ops, error) = hear_server(&line, &limits, || line.len());
    let again = match &ops[..] {
        [ServerOp::Message(again)] if error.is_none() => again,
        _ => panic!("{delivery:?} became {ops:?}, {error:?}"),
    };
    // The line may have become shorter: leading zeros and blanks are gone.
    let expected = Delivery {
        body_start: again.body_start,
        ..delivery.clone()
    };
    assert_eq!(*again, expected, "written and read again");
}
