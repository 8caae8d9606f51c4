//! A line as words: which verb it begins with, and what is missing of it.

use super::mistake::Mistake;

/// A line without its end.
pub(super) struct Line<'a> {
    /// From the verb to the last byte that is no blank.
    pub(super) text: &'a [u8],
    /// Where each word begins in `text`, and the word.
    words: Vec<(usize, &'a [u8])>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Publish,
    PublishHeaders,
    Request,
    Subscribe,
    Unsubscribe,
    Help,
    View,
    Auth,
    Quit,
    /// A server says this, never a client.
    Server,
    Unknown,
}

const VERBS: [(&[u8], Verb); 14] = [
    (b"PUB", Verb::Publish),
    (b"HPUB", Verb::PublishHeaders),
    (b"REQ", Verb::Request),
    (b"SUB", Verb::Subscribe),
    (b"UNSUB", Verb::Unsubscribe),
    (b"HELP", Verb::Help),
    (b"?", Verb::Help),
    (b"VIEW", Verb::View),
    (b"AUTH", Verb::Auth),
    (b"QUIT", Verb::Quit),
    (b"EXIT", Verb::Quit),
    (b"MSG", Verb::Server),
    (b"HMSG", Verb::Server),
    (b"-ERR", Verb::Server),
];

/// How many bytes at the front are blanks and line ends.
pub(super) fn blanks(input: &[u8]) -> usize {
    let is_blank = |byte: &&u8| matches!(**byte, b' ' | b'\t' | b'\r' | b'\n');
    input.iter().take_while(is_blank).count()
}

/// Whether nobody typed this: a control byte in the first word that no key gives, or what begins no
/// text in any alphabet.
pub(super) fn is_rubbish(input: &[u8]) -> bool {
    let is_end = |byte: &&u8| !matches!(**byte, b' ' | b'\t' | b'\r' | b'\n');
    let mut word = input.iter().take_while(is_end);
    word.any(|byte| matches!(byte, 0..=0x07 | 0x0b..=0x1a | 0x1c..=0x1f | 0xf8..))
}

impl<'a> Line<'a> {
    pub(super) fn split(line: &'a [u8]) -> Self {
        let text = trim(line);
        let (mut words, mut at) = (Vec::new(), 0);
        for word in text.split(is_blank) {
            if !word.is_empty() {
                words.push((at, word));
            }
            at += word.len() + 1;
        }
        Self { text, words }
    }

    /// A word, counted from one; empty if there are not that many.
    pub(super) fn word(&self, number: usize) -> &'a [u8] {
        self.words
            .get(number - 1)
            .map(|(_, word)| *word)
            .unwrap_or_default()
    }

    pub(super) fn count(&self) -> usize {
        self.words.len()
    }

    pub(super) fn last(&self) -> Option<&'a [u8]> {
        self.words.last().map(|(_, word)| *word)
    }

    pub(super) fn verb(&self) -> Verb {
        let word = self.word(1);
        let known = VERBS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word));
        known.map_or(Verb::Unknown, |(_, verb)| *verb)
    }

    pub(super) fn is_http(&self) -> bool {
        self.words.len() > 1 && self.last().is_some_and(|word| word.starts_with(b"HTTP/"))
    }

    /// Everything from a word on, counted from one.
    pub(super) fn from(&self, number: usize) -> &'a [u8] {
        match self.words.get(number - 1) {
            Some((start, _)) => &self.text[*start..],
            None => b"",
        }
    }

    /// Which word begins with a quote, counted from one.
    pub(super) fn first_quote(&self) -> Option<usize> {
        let at = self
            .words
            .iter()
            .position(|(_, word)| word.starts_with(b"\""))?;
        Some(at + 1)
    }

    /// Too few words for `verb`, or more than `max`.
    pub(super) fn miscounted(
        &self,
        verb: &'static str,
        wanted: &[&'static str],
        max: usize,
    ) -> Mistake<'a> {
        let count = self.words.len();
        match wanted.get(count - 1) {
            Some(what) => self.missing(verb, count + 1, what),
            None => self.too_many(verb, max + 1),
        }
    }

    pub(super) fn missing(
        &self,
        verb: &'static str,
        word: usize,
        what: &'static str,
    ) -> Mistake<'a> {
        Mistake::Missing {
            verb,
            word,
            what,
            line: self.text,
        }
    }

    pub(super) fn too_many(&self, verb: &'static str, word: usize) -> Mistake<'a> {
        let text = self.word(word);
        Mistake::TooMany { verb, word, text }
    }

    pub(super) fn no_size(&self, verb: &'static str, word: usize) -> Mistake<'a> {
        Mistake::NoSize {
            verb,
            word,
            text: self.word(word),
            subject: self.word(2),
            payload: self.from(3),
        }
    }
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// `text` without the blanks around it, which are those of the strict parser and no others.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let is_word = |byte: &u8| !is_blank(byte);
    let start = text.iter().position(is_word).unwrap_or(text.len());
    let end = text.iter().rposition(is_word).map_or(start, |at| at + 1);
    &text[start..end]
}
