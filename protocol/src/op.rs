//! Every operation of the wire, as the side that reads it sees it. All of them borrow.

/// An operation that a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientOp<'a> {
    /// `CONNECT {json}`: the bytes of the JSON text, not yet looked at.
    Connect(&'a [u8]),
    /// `PUB` or `HPUB` with its body.
    Publish(Publish<'a>),
    /// `SUB`.
    Subscribe(Subscribe<'a>),
    /// `UNSUB <sid> [max]`; a max that is no number counts as none, as the reference server does.
    Unsubscribe {
        /// The subscription meant.
        sid: &'a [u8],
        /// How many messages, counted from the SUB, end it; none ends it at once.
        max: Option<usize>,
    },
    /// `PING`.
    Ping,
    /// `PONG`.
    Pong,
    /// `+OK`, which a server ignores.
    Ok,
    /// `INFO {json}`, which a server checks and ignores.
    Info(&'a [u8]),
    /// `-ERR …`: the client gives up.
    Err(&'a [u8]),
}

/// The arguments of `SUB <subject> [queue] <sid>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// The filter; its validity is not checked here.
    pub subject: &'a [u8],
    /// The queue group, if the subscription joins one.
    pub queue: Option<&'a [u8]>,
    /// The client's own name for the subscription.
    pub sid: &'a [u8],
}

/// A message on its way to the server: `PUB` or `HPUB`, line and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Where it goes; not checked here.
    pub subject: &'a [u8],
    /// Where an answer is wanted.
    pub reply: Option<&'a [u8]>,
    /// The size of the header block as the peer spelled it; none for `PUB`.
    pub header_size: Option<&'a [u8]>,
    /// The size of the body as the peer spelled it, leading zeros and all.
    pub size: &'a [u8],
    /// Header block and payload, without the line end.
    pub body: &'a [u8],
    /// How many bytes of `body` are the header block; 0 for `PUB`.
    pub header_len: usize,
    /// Everything behind the subject, from the blank to the line end of the body, if it stands
    /// there just as a `MSG` or `HMSG` wants it (single blanks, CR LF twice): then a delivery is
    /// the verb, the subject, the sid and this.
    pub verbatim: Option<&'a [u8]>,
}

impl<'a> Publish<'a> {
    /// The header block; empty if there is none.
    pub fn headers(&self) -> &'a [u8] {
        &self.body[..self.header_len]
    }

    /// The payload, without the header block.
    pub fn payload(&self) -> &'a [u8] {
        &self.body[self.header_len..]
    }
}
