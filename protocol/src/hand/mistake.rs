//! What can be wrong with a line that a person typed. Words are counted from one, the verb's.

/// Why a line means nothing. The words for it are the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake<'a> {
    /// There is no such verb.
    UnknownVerb {
        /// What stands in its place.
        verb: &'a [u8],
        /// What stands behind it.
        rest: &'a [u8],
    },
    /// It is for the server to say this.
    ServerVerb(&'a [u8]),
    /// A word is missing.
    Missing {
        /// The verb, in capitals.
        verb: &'static str,
        /// Which word.
        word: usize,
        /// What it would be.
        what: &'static str,
        /// The line so far.
        line: &'a [u8],
    },
    /// There is a word too many.
    TooMany {
        /// The verb, in capitals.
        verb: &'static str,
        /// Which word.
        word: usize,
        /// What it is.
        text: &'a [u8],
    },
    /// A payload that is neither counted nor in quotes.
    NoSize {
        /// The verb, in capitals.
        verb: &'static str,
        /// Which word is no size.
        word: usize,
        /// What it is.
        text: &'a [u8],
        /// Where the message was to go.
        subject: &'a [u8],
        /// What was perhaps meant to be sent.
        payload: &'a [u8],
    },
    /// The payload is not as long as it was said to be; nobody got it.
    WrongLength {
        /// Where the message was to go.
        subject: &'a [u8],
        /// How many bytes it was said to have.
        said: usize,
        /// What came in its place, without the line end.
        payload: &'a [u8],
    },
    /// A text in quotes has no end.
    OpenQuote {
        /// The line from that quote on.
        text: &'a [u8],
    },
    /// Something stands behind a text in quotes.
    BehindQuote {
        /// What stands there.
        text: &'a [u8],
    },
    /// Headers with a size: they go in quotes.
    CountedHeaders,
    /// A text in the place of a header has no name, or what cannot be one.
    NotAHeader {
        /// The text.
        text: &'a [u8],
    },
    /// A subject that nothing can be sent to.
    Subject {
        /// The subject.
        subject: &'a [u8],
    },
    /// `VIEW` takes `on` or `off`.
    NotOnOff {
        /// What it was given.
        text: &'a [u8],
    },
    /// A key that does nothing here, an arrow most likely.
    Key,
}
