//! The first lines of a connection, without I/O: INFO, CONNECT, PING, PONG.
//!
//! ```text
//! server  INFO {…}                         +OK (if verbose)  PONG
//! client            (TLS)  CONNECT {…} PING
//! ```
//!
//! Between INFO and CONNECT the caller has the word: INFO says whether to switch to TLS and what to
//! sign.

use bytes::{Buf, BytesMut};
use dunlin_protocol::{
    Connect, Info, ParseError, ServerLimits, ServerOp, ServerParser, ServerStep, encode,
};

use crate::refusal::ServerError;

/// Why no connection came of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HandshakeError {
    /// The server said no.
    Refused(ServerError),
    /// What came is no operation, or beyond its bounds.
    Parse(ParseError),
    /// What came is no INFO that can be read, or not what stands here.
    Unexpected,
}

/// How far it has come.
#[derive(Debug, PartialEq)]
pub(crate) enum Progress {
    /// Send what there is to send, then read on.
    More,
    /// The server has said who it is: [`introduce`](Handshake::introduce) is next.
    Greeted(Box<Info>),
    /// The connection stands; what is left of the input belongs to it.
    Done(Box<Info>),
}

#[derive(Debug, Default)]
pub(crate) struct Handshake {
    parser: ServerParser,
    info: Option<Box<Info>>,
    is_introduced: bool,
}

impl Handshake {
    /// Goes as far as `input` allows, taking off it what is understood; appends answers to `out`.
    pub(crate) fn advance(
        &mut self,
        input: &mut BytesMut,
        out: &mut Vec<u8>,
    ) -> Result<Progress, HandshakeError> {
        let limits = ServerLimits {
            payload_max: 0, // No message has a place here.
            ..ServerLimits::default()
        };
        loop {
            let step = self.parser.next(input, &limits);
            let (op, used) = match step.map_err(HandshakeError::Parse)? {
                ServerStep::More { .. } => return Ok(Progress::More),
                ServerStep::Op { op, used } => (op, used),
            };
            let is_done = self.take(op, out)?;
            input.advance(used);
            match (is_done, &self.info) {
                (true, Some(info)) => return Ok(Progress::Done(info.clone())),
                (false, Some(info)) if !self.is_introduced => {
                    return Ok(Progress::Greeted(info.clone()));
                }
                _ => {}
            }
        }
    }

    /// Says who the client is; asks for no more than the server has.
    pub(crate) fn introduce(&mut self, mut connect: Connect, out: &mut Vec<u8>) {
        let has_headers = self.info.as_ref().is_some_and(|info| info.headers);
        connect.headers &= has_headers;
        connect.no_responders &= has_headers;
        encode::connect(out, &connect);
        out.extend_from_slice(encode::PING);
        self.is_introduced = true;
    }

    /// True at the PONG that ends it.
    fn take(&mut self, op: ServerOp<'_>, out: &mut Vec<u8>) -> Result<bool, HandshakeError> {
        match op {
            ServerOp::Info(json) => {
                let info = Info::from_json(json).ok_or(HandshakeError::Unexpected)?;
                self.info = Some(Box::new(info));
                Ok(false)
            }
            ServerOp::Err(text) => Err(HandshakeError::Refused(ServerError::parse(text))),
            _ if !self.is_introduced => Err(HandshakeError::Unexpected),
            ServerOp::Pong => Ok(true),
            ServerOp::Ok => Ok(false),
            ServerOp::Ping if out.len() < PONGS_MAX => {
                out.extend_from_slice(encode::PONG);
                Ok(false)
            }
            ServerOp::Ping | ServerOp::Message(_) => Err(HandshakeError::Unexpected),
        }
    }
}

/// How many bytes of answers may wait: no server asks even twice before its PONG.
const PONGS_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `server` in pieces of `size` bytes; returns the outcome, what was said, what is left.
    fn shake(server: &str, size: usize) -> (Result<Progress, HandshakeError>, String, String) {
        let mut handshake = Handshake::default();
        let (mut input, mut out) = (BytesMut::new(), Vec::new());
        let mut outcome = Ok(Progress::More);
        for piece in server.as_bytes().chunks(size) {
            input.extend_from_slice(piece);
            if outcome == Ok(Progress::More) {
                outcome = handshake.advance(&mut input, &mut out);
            }
            while let Ok(Progress::Greeted(_)) = outcome {
                let connect = Connect {
                    headers: true,
                    no_responders: true,
                    ..Connect::default()
                };
                handshake.introduce(connect, &mut out);
                outcome = handshake.advance(&mut input, &mut out);
            }
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (outcome, text(&out), text(&input))
    }

    #[test]
    fn what_follows_the_pong_is_left_alone() {
        let server = "INFO {\"headers\":true} \r\n+OK\r\nPING\r\nPONG\r\nINFO {\"ldm\":true}\r\n";
        for size in 1..server.len() + 1 {
            let (outcome, said, left) = shake(server, size);
            let Ok(Progress::Done(info)) = outcome else {
                panic!("pieces of {size}: {outcome:?}");
            };
            assert!(info.headers && !info.ldm);
            assert!(
                said.starts_with("CONNECT {") && said.ends_with("PING\r\nPONG\r\n"),
                "{said}"
            );
            assert_eq!(left, "INFO {\"ldm\":true}\r\n");
        }
    }

    #[test]
    fn a_server_without_headers_is_not_asked_for_them() {
        let (_, said, _) = shake("INFO {}\r\nPONG\r\n", 100);
        assert!(said.contains("\"headers\":false"), "{said}");
        assert!(said.contains("\"no_responders\":false"), "{said}");
    }

    #[test]
    fn whatever_else_comes_ends_it() {
        for (server, expected) in [
            ("INFO rubbish\r\n", HandshakeError::Unexpected),
            ("PONG\r\n", HandshakeError::Unexpected),
            ("INFO {}\r\nMSG a 1 0\r\n\r\n", HandshakeError::Unexpected),
            (
                "INFO {}\r\nMSG a 1 1\r\n",
                HandshakeError::Parse(ParseError::PayloadTooLarge),
            ),
            (
                "HTTP/1.1 400\r\n",
                HandshakeError::Parse(ParseError::UnknownOperation),
            ),
            (
                "INFO {}\r\n-ERR 'Authorization Violation'\r\n",
                HandshakeError::Refused(ServerError::parse(b"Authorization Violation")),
            ),
        ] {
            assert_eq!(shake(server, 1).0, Err(expected), "{server:?}");
        }
        let endless = "INFO ".repeat(20_000);
        let too_long = HandshakeError::Parse(ParseError::ControlLineTooLong);
        assert_eq!(shake(&endless, 1000).0, Err(too_long));
    }
}
