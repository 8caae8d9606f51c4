//! What a server sends, cut into operations by a reader of its own: nothing of ours is asked.

/// One operation of the server.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Message {
        subject: String,
        sid: String,
        headers: Vec<u8>,
        payload: Vec<u8>,
    },
    Ping,
    Pong,
    /// `-ERR '…'`, with what stands between the quotes.
    Error(String),
    /// `INFO` or `+OK`.
    Other,
}

/// Bytes in, whole operations out.
#[derive(Default)]
pub(crate) struct Reader {
    pending: Vec<u8>,
    start: usize,
}

impl Reader {
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.pending.drain(..self.start);
        self.start = 0;
        self.pending.extend_from_slice(bytes);
    }

    /// Whether an operation has begun that has not ended.
    pub(crate) fn is_torn(&self) -> bool {
        self.start < self.pending.len()
    }

    /// The next whole operation.
    pub(crate) fn next(&mut self) -> Option<Heard> {
        let rest = &self.pending[self.start..];
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(&rest[..end]).expect("a line is text");
        let body = &rest[end + 2..];
        let words: Vec<&str> = line.split(' ').collect();
        let (heard, body_len) = match words[..] {
            ["MSG", subject, sid, .., len] => message(subject, sid, "0", len, body)?,
            ["HMSG", subject, sid, .., headers, len] => message(subject, sid, headers, len, body)?,
            ["PING"] => (Heard::Ping, 0),
            ["PONG"] => (Heard::Pong, 0),
            ["INFO", ..] | ["+OK"] => (Heard::Other, 0),
            ["-ERR", ..] => (Heard::Error(line[6..line.len() - 1].to_owned()), 0),
            _ => panic!("no operation of a server: {line:?}"),
        };
        self.start += end + 2 + body_len;
        Some(heard)
    }
}

fn message(
    subject: &str,
    sid: &str,
    headers: &str,
    len: &str,
    body: &[u8],
) -> Option<(Heard, usize)> {
    let header_len: usize = headers.parse().expect("a header size");
    let len: usize = len.parse().expect("a size");
    let whole = body.get(..len + 2)?;
    assert_eq!(&whole[len..], b"\r\n", "behind the payload to {subject}");
    let heard = Heard::Message {
        subject: subject.to_owned(),
        sid: sid.to_owned(),
        headers: whole[..header_len].to_vec(),
        payload: whole[header_len..len].to_vec(),
    };
    Some((heard, len + 2))
}
