//! What becomes of messages for a reader that has as much waiting as may wait.
//!
//! In: a message, or a line, that does not fit. Out: room for it, made of messages that may go; or
//! the word that it is to be dropped, or its reader cut. Nobody comes here whose reader keeps up.
//!
//! Whoever publishes looks at no more than a few chunks of what waits for each message, however much
//! waits: walks go on where they stopped. For [`Lag::Latest`] they begin when three quarters of what
//! may wait are there, and are over before the rest is.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dunlin_protocol::{ServerLimits, ServerOp, ServerParser, ServerStep, subject};

use super::session::{Speech, TextSession};
use super::sink::Reader;
use crate::link::{Lag, LagRule, Notes, Refused, Thinned, Wakes, Walk, Writing};
use crate::peer::Queued;

/// The most subjects that are told apart where the latest of each is to stay, those that came last;
/// of the others the oldest make room. Bounds the memory of a search. A guess.
const SUBJECTS_MAX: usize = 16 * 1024;
/// How much text is looked at to make room for a message that may be dropped instead, in bytes. A
/// guess: four full chunks.
const LOOK_MAX: isize = 256 * 1024;
/// What a status line of the server begins with: an answer, and no delivery.
const NO_RESPONDERS: &[u8] = b"NATS/1.0 503\r\n";

/// What holds for one reader.
#[derive(Debug, Clone, Default)]
pub(super) struct Lags {
    /// For messages that no rule is about.
    pub(super) base: Lag,
    /// The first that covers a subject counts.
    pub(super) rules: Arc<[LagRule]>,
    /// What waits may be no protocol: it is shown to a person.
    pub(super) is_shown: bool,
}

impl Lags {
    fn of(&self, subject: &[u8]) -> Lag {
        let mut rules = self.rules.iter();
        let rule = rules.find(|rule| subject::covers(&rule.filter, subject));
        rule.map_or(self.base, |rule| rule.lag)
    }

    fn has(&self, lag: Lag) -> bool {
        self.base == lag || self.rules.iter().any(|rule| rule.lag == lag)
    }
}

/// Whom a message is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'a> {
    pub(super) subject: &'a [u8],
    pub(super) sid: &'a [u8],
}

/// What becomes of a message that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// There is room now.
    Fits,
    /// It is dropped, and the reader stays.
    Dropped,
    /// Its reader is cut.
    Cut,
}

impl TextSession {
    /// Has what lags behind treated as is said of the user, or else of the way in, or else of all.
    pub(super) fn update_lags(&self) {
        let identity = self.identity.as_deref();
        let settings = &self.terms.settings;
        let own = identity.and_then(|identity| identity.lag);
        let lags = Lags {
            base: own.or(self.way.lag).unwrap_or(settings.lag),
            rules: Arc::clone(&settings.lag_rules),
            is_shown: self.speech == Speech::Person,
        };
        let is_ahead = lags.has(Lag::Latest) && !lags.is_shown;
        *self.reader.lags.lock() = lags;
        self.reader.outbox.lock().set_ahead(is_ahead);
    }
}

impl Reader {
    /// Decides about `len` bytes that do not fit: a message with a `name`, or a line without one.
    #[cold]
    pub(super) fn decide(
        &self,
        outbox: &mut Writing<'_>,
        name: Option<Name<'_>>,
        len: usize,
        wakes: &mut Wakes,
    ) -> Fate {
        let lags = self.lags.lock().clone();
        if lags.has(Lag::Latest) && !lags.is_shown {
            self.look_ahead(&lags, outbox, len, wakes);
        }
        let lag = name.map_or(Lag::Disconnect, |name| lags.of(name.subject));
        let may_thin = !lags.is_shown && lag != Lag::DropNewest && outbox.may_thin();
        if !outbox.has_room_for(len) && may_thin {
            self.thin(&lags, outbox, lag, len, wakes);
        }
        if outbox.has_room_for(len) {
            return Fate::Fits;
        }
        match name {
            Some(name) if lag != Lag::Disconnect => {
                self.party.count_refused(name.sid, len);
                Fate::Dropped
            }
            _ => Fate::Cut,
        }
    }

    /// What becomes of a message that was refused, `parts` with `shared` behind them: queued after
    /// all, or still too much, which cuts its reader; none where it is dropped.
    ///
    /// Apart from the way of those that fit, which is the shorter for it.
    #[cold]
    #[inline(never)]
    pub(super) fn squeeze(
        &self,
        outbox: &mut Writing<'_>,
        name: Name<'_>,
        parts: &[&[u8]],
        shared: Option<&Bytes>,
        refused: Refused,
        wakes: &mut Wakes,
    ) -> Option<Result<bool, Refused>> {
        let Refused::Full(len) = refused else {
            return Some(Err(refused));
        };
        match self.decide(outbox, Some(name), len, wakes) {
            Fate::Fits => {
                let text = parts.concat();
                Some(outbox.append_late(&text, 1, shared, wakes.chunks()))
            }
            Fate::Dropped => None,
            Fate::Cut => Some(Err(refused)),
        }
    }

    /// Takes out some of what has been superseded, in proportion to the `len` bytes that come.
    fn look_ahead(&self, lags: &Lags, outbox: &mut Writing<'_>, len: usize, wakes: &mut Wakes) {
        let Some(mut credit) = outbox.look_ahead(len) else {
            return;
        };
        let mut lost = Queued::default();
        let mut look = |text: &mut Vec<u8>, shared, seen: &mut Notes| {
            spend(&mut credit, text).then(|| superseded(text, shared, lags, seen, &mut lost))
        };
        let (thinned, _) = outbox.thin(Walk::Superseded, &mut look, wakes.chunks());
        outbox.end_look_ahead(credit);
        self.party.count_lost(thinned.bytes, lost);
    }

    /// Takes out what may go, by its own subject, until there is room for `len` bytes and more. For
    /// one that is treated as `lag` says; all of what waits is looked at only for one whose reader
    /// would be cut.
    fn thin(&self, lags: &Lags, outbox: &mut Writing<'_>, lag: Lag, len: usize, wakes: &mut Wakes) {
        let mut missing = outbox.goal(len);
        let mut credit = match lag {
            Lag::Disconnect => isize::MAX,
            _ => LOOK_MAX,
        };
        let (mut bytes, mut lost) = (0, Queued::default());
        let mut has_seen_all = true;
        for (walk, goes) in [
            (Walk::Oldest, &[Lag::DropOldest, Lag::Latest][..]),
            (Walk::Newest, &[Lag::DropNewest]),
        ] {
            if missing == 0 || !goes.iter().any(|lag| lags.has(*lag)) {
                continue;
            }
            let mut look = |text: &mut Vec<u8>, shared, _: &mut Notes| {
                let goes = |subject: &[u8]| goes.contains(&lags.of(subject));
                let is_looked_at = missing > 0 && spend(&mut credit, text);
                is_looked_at.then(|| make_room((text, shared), walk, goes, &mut missing, &mut lost))
            };
            let (thinned, is_over) = outbox.thin(walk, &mut look, wakes.chunks());
            bytes += thinned.bytes;
            has_seen_all &= is_over;
        }
        outbox.end_thinning(missing == 0 || !has_seen_all);
        self.party.count_lost(bytes, lost);
    }
}

/// Whether `text` may be looked at; if so, it is paid for.
fn spend(credit: &mut isize, text: &[u8]) -> bool {
    let may = *credit > 0;
    if may {
        #[cfg(test)]
        twin::LOOKED.set(twin::LOOKED.get() + text.len());
        *credit -= Writing::cost(text.len());
    }
    may
}

/// One message in a text.
struct Spot {
    start: usize,
    /// In the text alone.
    len: usize,
    /// Of the payload behind the text.
    shared: usize,
    /// Where its subject and sid stand, one behind the other.
    name: (usize, usize),
    subject_len: usize,
}

impl Spot {
    fn subject<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        &text[self.name.0..self.name.0 + self.subject_len]
    }

    fn sid<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        text.get(self.name.0 + self.subject_len + 1..self.name.1)
            .unwrap_or_default()
    }

    fn size(&self) -> usize {
        self.len + self.shared
    }
}

/// The messages in `text`, with so many bytes of payload behind the last of them; none where it
/// cannot be read. Lines, and what the server answers for itself, are not among them.
fn spots(text: &[u8], shared: usize) -> Vec<Spot> {
    let limits = ServerLimits {
        line_max: usize::MAX,
        payload_max: usize::MAX,
    };
    let (mut parser, mut at, mut spots) = (ServerParser::default(), 0, Vec::new());
    loop {
        match parser.next(&text[at..], &limits) {
            Ok(ServerStep::Op { op, used }) => {
                if let ServerOp::Message(message) = &op
                    && !message.headers().starts_with(NO_RESPONDERS)
                {
                    spots.extend(spot(text, at, used, 0));
                }
                at += used;
            }
            Ok(_) => break,
            Err(_) => return Vec::new(),
        }
    }
    if shared > 0 {
        spots.extend(spot(text, at, text.len() - at, shared));
    }
    spots
}

/// The message whose line begins at `start`: `MSG <subject> <sid> …`.
fn spot(text: &[u8], start: usize, len: usize, shared: usize) -> Option<Spot> {
    let line = &text[start..start + len];
    let mut blanks = (0..len).filter(|at| line[*at] == b' ');
    let verb_end = blanks.next()?;
    let subject_end = blanks.next()?;
    let sid_end = blanks.next().unwrap_or(len);
    Some(Spot {
        start,
        len,
        shared,
        name: (start + verb_end + 1, start + sid_end),
        subject_len: subject_end - verb_end - 1,
    })
}

/// Takes messages out of which a later one is known, `seen`, and notes those that stay.
fn superseded(
    text: &mut Vec<u8>,
    shared: usize,
    lags: &Lags,
    seen: &mut Notes,
    lost: &mut Queued,
) -> Thinned {
    let mut spots = spots(text, shared);
    spots.reverse();
    spots.retain(|spot| {
        if lags.of(spot.subject(text)) != Lag::Latest {
            return false;
        }
        let name = &text[spot.name.0..spot.name.1];
        if seen.contains(name) {
            return true;
        }
        if seen.len() < SUBJECTS_MAX {
            seen.insert(name.into());
        }
        false
    });
    spots.reverse();
    take_out(text, &spots, lost)
}

/// Takes messages out of a text, with so many bytes of payload behind it, whose subject `goes`, in
/// the order of `walk`, until `missing` bytes have gone.
fn make_room(
    (text, shared): (&mut Vec<u8>, usize),
    walk: Walk,
    goes: impl Fn(&[u8]) -> bool,
    missing: &mut usize,
    lost: &mut Queued,
) -> Thinned {
    let mut spots = spots(text, shared);
    let is_reversed = walk == Walk::Newest;
    if is_reversed {
        spots.reverse();
    }
    spots.retain(|spot| {
        let goes = *missing > 0 && goes(spot.subject(text));
        if goes {
            *missing = missing.saturating_sub(spot.size());
        }
        goes
    });
    if is_reversed {
        spots.reverse();
    }
    Thinned {
        is_unfinished: *missing == 0,
        ..take_out(text, &spots, lost)
    }
}

/// Counts what `spots` hold as lost, and closes the gaps that they leave; they stand in their order.
fn take_out(text: &mut Vec<u8>, spots: &[Spot], lost: &mut Queued) -> Thinned {
    let mut thinned = Thinned::default();
    let (mut to, mut from) = (0, 0);
    for spot in spots {
        lost.count(spot.sid(text), spot.size(), Duration::ZERO);
        text.copy_within(from..spot.start, to);
        to += spot.start - from;
        from = spot.start + spot.len;
        thinned.messages += 1;
        thinned.bytes += spot.size();
        thinned.drops_rest |= spot.shared > 0;
    }
    if from > 0 {
        let len = text.len();
        text.copy_within(from..len, to);
        text.truncate(to + len - from);
    }
    thinned
}

#[cfg(test)]
mod twin;

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"MSG a 1 1\r\nx\r\nPONG\r\nMSG b 1 1\r\ny\r\nMSG a 1 1\r\nz\r\n\
        HMSG r 9 16 16\r\nNATS/1.0 503\r\n\r\n\r\nMSG a 2 3\r\n123\r\n";

    fn lags(base: Lag, rules: &[(&str, Lag)]) -> Lags {
        let rules = rules.iter().map(|(filter, lag)| LagRule {
            filter: filter.as_bytes().into(),
            lag: *lag,
        });
        Lags {
            base,
            rules: rules.collect(),
            is_shown: false,
        }
    }

    fn told(lost: &Queued) -> Vec<(&str, u64, u64)> {
        let by_sid = lost.by_sid.iter();
        by_sid
            .map(|(sid, it)| (std::str::from_utf8(sid).unwrap(), it.messages, it.bytes))
            .collect()
    }

    #[test]
    fn the_first_rule_that_covers_counts() {
        let lags = lags(
            Lag::DropNewest,
            &[("a.b", Lag::Latest), ("a.>", Lag::DropOldest)],
        );
        assert_eq!(lags.of(b"a.b"), Lag::Latest);
        assert_eq!(lags.of(b"a.c"), Lag::DropOldest);
        assert_eq!(lags.of(b"b"), Lag::DropNewest);
        assert!(!lags.has(Lag::Disconnect));
    }

    #[test]
    fn the_latest_of_each_subject_and_subscription_stays() {
        let mut text = TEXT.to_vec();
        let (mut seen, mut lost) = (Notes::new(), Queued::default());
        let lags = lags(Lag::Latest, &[]);
        let thinned = superseded(&mut text, 0, &lags, &mut seen, &mut lost);
        assert_eq!((thinned.messages, thinned.bytes), (1, 14));
        assert_eq!(told(&lost), [("1", 1, 14)]);
        assert_eq!(text, TEXT[14..]);
    }

    #[test]
    fn the_oldest_go_until_it_is_enough_and_lines_stay() {
        let mut text = TEXT.to_vec();
        let mut missing = 20;
        let (all, mut lost) = (|_: &[u8]| true, Queued::default());
        let thinned = make_room((&mut text, 0), Walk::Oldest, all, &mut missing, &mut lost);
        assert_eq!((thinned.messages, thinned.bytes), (2, 28));
        assert_eq!(told(&lost), [("1", 2, 28)]);
        assert!(thinned.is_unfinished);
        assert_eq!(text, [b"PONG\r\n", &TEXT[34..]].concat());
        assert_eq!(missing, 0);
    }

    #[test]
    fn a_shared_payload_goes_with_its_head() {
        let mut text = b"MSG a 1 1\r\nx\r\nMSG b 1".to_vec();
        let mut missing = 2000;
        let goes = |subject: &[u8]| subject == b"b";
        let mut lost = Queued::default();
        let rest = (&mut text, 1000);
        let thinned = make_room(rest, Walk::Newest, goes, &mut missing, &mut lost);
        assert_eq!(told(&lost), [("1", 1, 1007)]);
        let expected = Thinned {
            messages: 1,
            bytes: 1007,
            drops_rest: true,
            is_unfinished: false,
        };
        assert_eq!(thinned, expected);
        assert_eq!(text, b"MSG a 1 1\r\nx\r\n");
    }

    #[test]
    fn what_is_no_protocol_is_left_alone() {
        let mut text = b"MSG a 1 1\r\nx\r\n12:00 a\r\n  x\r\n".to_vec();
        let mut missing = 100;
        let (all, mut lost) = (|_: &[u8]| true, Queued::default());
        let thinned = make_room((&mut text, 0), Walk::Oldest, all, &mut missing, &mut lost);
        assert_eq!(thinned, Thinned::default());
        assert!(told(&lost).is_empty());
    }
}
