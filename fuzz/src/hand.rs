//! What a person types: the same whole and in pieces, and what a program could have said too means
//! what it means for programs.
//!
//! The first byte chooses the bounds and the pieces, as for the other parsers.

use dunlin_protocol::{
    ClientParser, HandOp, HandParser, HandStep, Limits, Mistake, ParseError, Step,
};

use crate::pieces::{Answer, Heard, hear, lengths};

/// What a line turned out to be.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Meant(HandOp<'a>),
    Mistaken(Mistake<'a>),
}

/// Lines by hand: the same operations and mistakes whole and in pieces.
pub fn hand_parser(data: &[u8]) {
    let Some((&seed, text)) = data.split_first() else {
        return;
    };
    let mut limits = Limits {
        has_headers: false,
        ..Limits::default()
    };
    if seed & 64 != 0 {
        (limits.control_line_max, limits.payload_max) = (20, 30);
    }
    let whole = hear_hand(text, &limits, true, || text.len());
    let pieces = hear_hand(text, &limits, false, lengths(seed));
    assert_eq!(whole, pieces, "whole and in pieces");
    for line in &whole.0 {
        if let Line::Meant(HandOp::Publish(message) | HandOp::Request(message)) = line {
            assert!(message.text.len() <= text.len());
            assert!(dunlin_protocol::subject::is_valid_literal(message.subject));
        }
    }
}

fn hear_hand<'a>(
    text: &'a [u8],
    limits: &Limits,
    is_whole: bool,
    piece: impl FnMut() -> usize,
) -> Heard<Line<'a>> {
    let mut parser = HandParser::default();
    let next = |input: &'a [u8]| {
        Ok(match parser.next(input, limits)? {
            // The connection ends there; how much of it has come does not matter.
            HandStep::Op {
                op: HandOp::Tls, ..
            } => return Err(ParseError::UnknownOperation),
            HandStep::Op { op, used } => {
                if is_whole {
                    check_strict(&op, &input[..used], limits);
                }
                let op = Line::Meant(op);
                Answer::Op { op, used }
            }
            HandStep::Mistake { mistake, used } => {
                let op = Line::Mistaken(mistake);
                Answer::Op { op, used }
            }
            HandStep::More { used, need, .. } => Answer::More { used, need },
        })
    };
    hear(text, next, piece)
}

/// What is passed on as a program's is what the strict parser says of it, and nothing else is.
fn check_strict(op: &HandOp<'_>, text: &[u8], limits: &Limits) {
    let start = text.iter().take_while(|byte| b" \t\r\n".contains(byte));
    let line = &text[start.count()..];
    let strict = ClientParser::default().next(line, limits);
    match (op, strict) {
        (HandOp::Protocol(op), Ok(Step::Op { op: strict, used })) => {
            assert_eq!((op, line.len()), (&strict, used));
        }
        (HandOp::Protocol(op), other) => panic!("{op:?} is {other:?} to the strict parser"),
        (_, Ok(step)) => panic!("{op:?} is {step:?} to the strict parser"),
        (_, Err(_)) => {}
    }
}
