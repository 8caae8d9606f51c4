//! The three wire protocols that servers are driven with: what is sent, and what comes back cut
//! into messages and everything else.
//!
//! Cut by hand and not with the protocol crate, so that a mistake there would be found here.

mod mqtt;
mod nats;
mod resp;

use std::ops::Range;

use anyhow::Result;

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Core NATS.
    Nats,
    /// MQTT 3.1.1, quality of service 0.
    Mqtt,
    /// Redis: SUBSCRIBE and PUBLISH.
    Resp,
}

/// What stands at the front of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Not yet whole.
    More,
    /// No message, of so many bytes.
    Control(usize, Control),
    /// The head of a message; its payload may not have come yet.
    Message(Frame),
}

/// What is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    Ping,
    Pong,
    Other,
}

/// Where the parts of a message stand, from its first byte.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// How many bytes come before the payload.
    pub(crate) head: usize,
    pub(crate) payload: usize,
    pub(crate) subject: Range<usize>,
    pub(crate) reply: Range<usize>, // Empty for none.
    pub(crate) sid: u64,            // 0 where the protocol has none.
}

impl Dialect {
    /// The first words on a connection.
    pub(crate) fn hello(self, out: &mut Vec<u8>, name: &str) {
        match self {
            Self::Nats => nats::hello(out),
            Self::Mqtt => mqtt::hello(out, name),
            Self::Resp => {}
        }
    }

    /// `queue` is for NATS only.
    pub(crate) fn subscribe(self, out: &mut Vec<u8>, filter: &[u8], queue: Option<&str>, sid: u64) {
        match self {
            Self::Nats => nats::subscribe(out, filter, queue, sid),
            Self::Mqtt => mqtt::subscribe(out, filter),
            Self::Resp => resp::subscribe(out, filter),
        }
    }

    /// Something that the server answers with what [`Control::Pong`] stands for.
    pub(crate) fn ping(self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self {
            Self::Nats | Self::Resp => b"PING\r\n",
            Self::Mqtt => b"\xc0\0",
        });
    }

    /// The answer to a [`Control::Ping`], which only NATS servers send.
    pub(crate) fn pong(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"PONG\r\n");
    }

    /// `reply` is for NATS only.
    pub(crate) fn publish(
        self,
        out: &mut Vec<u8>,
        subject: &[u8],
        reply: Option<&[u8]>,
        payload: &[u8],
    ) {
        match self {
            Self::Nats => nats::publish(out, subject, reply, payload),
            Self::Mqtt => mqtt::publish(out, subject, payload),
            Self::Resp => resp::publish(out, subject, payload),
        }
    }

    /// What follows every payload.
    pub(crate) fn trailer(self) -> &'static [u8] {
        match self {
            Self::Nats | Self::Resp => b"\r\n",
            Self::Mqtt => b"",
        }
    }

    pub(crate) fn cut(self, input: &[u8]) -> Result<Cut> {
        match self {
            Self::Nats => nats::cut(input),
            Self::Mqtt => mqtt::cut(input),
            Self::Resp => resp::cut(input),
        }
    }
}

/// A line without its CRLF, and its length with it.
fn line(input: &[u8]) -> Option<(&[u8], usize)> {
    let end = input.iter().position(|&byte| byte == b'\n')?;
    let line = &input[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}

/// A decimal number and nothing else.
fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(dialect: Dialect, message: &[u8], subject: &str, payload: &[u8], sid: u64) {
        for cut in 0..message.len() - payload.len() - dialect.trailer().len() {
            assert_eq!(dialect.cut(&message[..cut]).unwrap(), Cut::More, "at {cut}");
        }
        let Cut::Message(frame) = dialect.cut(message).unwrap() else {
            panic!("no message");
        };
        assert_eq!(&message[frame.subject.clone()], subject.as_bytes());
        assert_eq!(&message[frame.head..][..frame.payload], payload);
        assert_eq!(frame.sid, sid);
        let end = frame.head + frame.payload + dialect.trailer().len();
        assert_eq!(end, message.len());
    }

    #[test]
    fn a_message_is_found_in_every_dialect() {
        let (nats, mqtt, resp) = (Dialect::Nats, Dialect::Mqtt, Dialect::Resp);
        check(nats, b"MSG a.b 7 5\r\nhello\r\n", "a.b", b"hello", 7);
        check(nats, b"MSG a.b 7 c 5\r\nhello\r\n", "a.b", b"hello", 7);
        check(mqtt, b"\x30\x0a\0\x03a.bhello", "a.b", b"hello", 0);
        let message = b"*3\r\n$7\r\nmessage\r\n$3\r\na.b\r\n$5\r\nhello\r\n";
        check(resp, message, "a.b", b"hello", 0);
    }

    #[test]
    fn what_is_published_comes_back_as_it_was_in_mqtt() {
        let mut out = Vec::new();
        let payload = vec![b'x'; 65536];
        Dialect::Mqtt.publish(&mut out, b"a.b", None, &payload);
        check(Dialect::Mqtt, &out, "a.b", &payload, 0);
    }

    #[test]
    fn a_reply_subject_and_a_refusal_are_seen() {
        let Cut::Message(frame) = Dialect::Nats.cut(b"MSG a 1 inbox.1 0\r\n").unwrap() else {
            panic!("no message");
        };
        assert_eq!(frame.reply, 8..15);
        assert!(Dialect::Nats.cut(b"-ERR 'Slow Consumer'\r\n").is_err());
        assert!(Dialect::Resp.cut(b"-ERR no\r\n").is_err());
        assert!(Dialect::Mqtt.cut(b"\x20\x02\0\x05").is_err());
    }

    #[test]
    fn pongs_are_told_from_the_rest() {
        for (dialect, input, control) in [
            (Dialect::Nats, &b"PONG\r\n"[..], Control::Pong),
            (Dialect::Nats, b"PING\r\n", Control::Ping),
            (Dialect::Nats, b"INFO {}\r\n", Control::Other),
            (Dialect::Mqtt, b"\xd0\0", Control::Pong),
            (Dialect::Resp, b"+PONG\r\n", Control::Pong),
            (
                Dialect::Resp,
                b"*2\r\n$4\r\npong\r\n$0\r\n\r\n",
                Control::Pong,
            ),
            (Dialect::Resp, b":1\r\n", Control::Other),
        ] {
            assert_eq!(
                dialect.cut(input).unwrap(),
                Cut::Control(input.len(), control)
            );
        }
    }
}
