//! What a line means, or why it means nothing.

use super::HandOp;
use super::line::{Line, Verb};
use super::mistake::Mistake;
use super::quoted::{self, Quoted};
use crate::number::parse_size;

impl<'a> Line<'a> {
    /// What a line that the strict parser refused means.
    pub(super) fn meaning(&self) -> Result<HandOp<'a>, Mistake<'a>> {
        let is_key = |byte: &u8| matches!(byte, 0x08 | 0x1b | 0x7f);
        // First, since the strict parser took such a line whatever else is odd about it: only what stood
        // in the payload's place is wrong, and it goes with the line.
        if let Some(said) = self.counted() {
            return Err(Mistake::WrongLength {
                subject: self.word(2),
                said,
                payload: b"",
            });
        }
        if self.text.iter().any(is_key) {
            return Err(Mistake::Key);
        }
        match self.verb() {
            Verb::Publish => self.publish("PUB").map(HandOp::Publish),
            Verb::PublishHeaders => self.publish("HPUB").map(HandOp::Publish),
            Verb::Request => self.request().map(HandOp::Request),
            Verb::Subscribe => Err(self.miscounted("SUB", &["subject", "sid"], 4)),
            Verb::Unsubscribe => Err(self.miscounted("UNSUB", &["sid"], 3)),
            Verb::Help => Ok(HandOp::Help((self.count() > 1).then(|| self.word(2)))),
            Verb::View => self.view(),
            Verb::Auth => self.auth(),
            Verb::Quit => Ok(HandOp::Quit),
            Verb::Server => Err(Mistake::ServerVerb(self.word(1))),
            Verb::Unknown => Err(Mistake::UnknownVerb {
                verb: self.word(1),
                rest: self.from(2),
            }),
        }
    }

    /// The size at the end of a publish, if there is one.
    fn counted(&self) -> Option<usize> {
        let is_counted = self.verb() == Verb::Publish && matches!(self.count(), 3 | 4);
        self.last().filter(|_| is_counted).and_then(parse_size)
    }

    fn publish(&self, verb: &'static str) -> Result<Quoted<'a>, Mistake<'a>> {
        if let Some(start) = self.first_quote() {
            return quoted::read(self, verb, start);
        }
        let count = self.count();
        if count < 2 {
            return Err(self.missing(verb, 2, "subject"));
        }
        if verb == "HPUB" {
            return Err(Mistake::CountedHeaders);
        }
        let size = self.last().and_then(parse_size);
        match (count, size) {
            (2, _) => Err(self.missing(verb, 3, "size, or a text in quotes")),
            (3 | 4, _) => Err(self.no_size(verb, count)),
            (_, Some(_)) => Err(self.too_many(verb, 5)),
            (_, None) => Err(self.no_size(verb, 3)),
        }
    }

    fn request(&self) -> Result<Quoted<'a>, Mistake<'a>> {
        if let Some(start) = self.first_quote() {
            return quoted::read(self, "REQ", start);
        }
        match self.count() {
            1 => Err(self.missing("REQ", 2, "subject")),
            2 => quoted::without_text(self.word(2)),
            _ => Err(self.no_size("REQ", 3)),
        }
    }

    fn view(&self) -> Result<HandOp<'a>, Mistake<'a>> {
        let text = self.from(2);
        if text.eq_ignore_ascii_case(b"on") {
            return Ok(HandOp::View(true));
        }
        if text.eq_ignore_ascii_case(b"off") {
            return Ok(HandOp::View(false));
        }
        Err(Mistake::NotOnOff { text })
    }

    fn auth(&self) -> Result<HandOp<'a>, Mistake<'a>> {
        let (before, secret) = match self.first_quote() {
            Some(start) => (start - 1, quoted::text(self.from(start))?),
            None => (self.count() - 1, self.last().unwrap_or_default()),
        };
        match before {
            0 => Err(self.missing("AUTH", 2, "token, or user and password")),
            1 => Ok(HandOp::Auth { user: None, secret }),
            2 => Ok(HandOp::Auth {
                user: Some(self.word(2)),
                secret,
            }),
            _ => Err(self.too_many("AUTH", 4)),
        }
    }
}
