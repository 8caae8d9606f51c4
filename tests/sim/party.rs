//! One scripted client: says random things of the protocol, and keeps account of what it hears.

use std::collections::{HashMap, VecDeque};

use crate::link::{Fate, Link};
use crate::model::{Health, Mark, Model, Publication, Window};
use crate::profile::Profile;
use crate::reader::{Heard, Reader};

/// The most subscriptions of one party: each multiplies what a burst leaves in its outbox.
const SUBSCRIPTIONS_MAX: usize = 6;

pub(crate) struct Party {
    id: usize,
    has_echo: bool,
    /// The subject published to last.
    subject: String,
    pub(crate) link: Link,
    reader: Reader,
    said_total: u64,
    /// What is not wholly with the server yet, and where in the stream it ends.
    under_way: VecDeque<(u64, Mark)>,
    /// What was said since the last PING.
    unasked: Vec<Mark>,
    /// What each unanswered PING stands behind.
    asked: VecDeque<Vec<Mark>>,
    /// By sid: the subscription, and whether it has been ended.
    subscriptions: HashMap<String, (usize, bool)>,
    last_sid: usize,
    /// What the server said before it hung up.
    pub(crate) error: Option<String>,
    /// It has had what only a broken connection leaves behind.
    is_torn: bool,
}

impl Party {
    pub(crate) fn new(id: usize, link: Link, is_verbose: bool, has_echo: bool) -> Self {
        let mut party = Self {
            id,
            has_echo,
            subject: "a".to_owned(),
            link,
            reader: Reader::default(),
            said_total: 0,
            under_way: VecDeque::new(),
            unasked: Vec::new(),
            asked: VecDeque::new(),
            subscriptions: HashMap::new(),
            last_sid: 0,
            error: None,
            is_torn: false,
        };
        let connect = format!(
            "CONNECT {{\"verbose\":{is_verbose},\"headers\":true,\"pedantic\":false,\"echo\":{has_echo}}}\r\n"
        );
        party.say(connect.as_bytes(), None);
        party
    }

    pub(crate) fn is_open(&self) -> bool {
        self.link.fate == Fate::Open && !self.link.is_ended
    }

    /// Whether every PING has been answered.
    pub(crate) fn is_answered(&self) -> bool {
        self.asked.is_empty()
    }

    pub(crate) fn health(&self, is_lossy: bool) -> Health {
        let is_lazy = self.link.is_lazy; // It may have been hung up on while it left.
        match self.link.fate {
            _ if self.error.is_some() || self.is_torn => Health::Broken,
            Fate::Open if is_lazy && is_lossy && !self.link.is_ended => Health::Lossy,
            Fate::HalfClosed if is_lazy && is_lossy => Health::Lossy,
            Fate::Open if !self.link.is_ended => Health::Whole,
            Fate::HalfClosed if !is_lazy => Health::Left,
            _ => Health::Broken,
        }
    }

    /// Says one random thing.
    pub(crate) fn act(&mut self, profile: &Profile, rng: &mut fastrand::Rng, model: &mut Model) {
        match rng.u32(0..100) {
            0..60 => self.publish(profile, rng, model),
            60..74 => self.subscribe(rng, model),
            74..84 => self.unsubscribe(rng, model),
            84..96 if !self.link.is_lazy || !profile.is_exact => self.ping(),
            _ => {}
        }
    }

    fn publish(&mut self, profile: &Profile, rng: &mut fastrand::Rng, model: &mut Model) {
        let number = model.publication_count();
        let mut payload = format!("{number} ").into_bytes();
        let padding = b'a' + (number % 26) as u8;
        payload.resize(payload.len() + profile.padding(rng), padding);
        let headers = match rng.u32(0..8) {
            0 => format!("NATS/1.0\r\nN: {number}\r\n\r\n").into_bytes(),
            _ => Vec::new(),
        };
        if rng.u32(0..3) == 0 {
            self.subject = subject(rng); // Else the one before once more: runs take a road of their own.
        }
        let subject = self.subject.clone();
        let reply = if rng.u32(0..8) == 0 { "reply.to " } else { "" };
        let size = headers.len() + payload.len();
        let mut line = match headers.len() {
            0 => format!("PUB {subject} {reply}{size}\r\n"),
            len => format!("HPUB {subject} {reply}{len} {size}\r\n"),
        }
        .into_bytes();
        line.extend_from_slice(&headers);
        line.extend_from_slice(&payload);
        line.extend_from_slice(b"\r\n");
        let number = model.publish(Publication {
            by: self.id,
            is_echoed: self.has_echo,
            subject,
            headers,
            payload,
            window: Window { there: 0, done: 0 },
        });
        self.say(&line, Some(Mark::Publication(number)));
    }

    fn subscribe(&mut self, rng: &mut fastrand::Rng, model: &mut Model) {
        let in_force = self.subscriptions.values().filter(|(_, ended)| !ended);
        if in_force.count() >= SUBSCRIPTIONS_MAX {
            return;
        }
        self.last_sid += 1;
        let sid = format!("s{}", self.last_sid);
        let filter = filter(rng);
        let queue = (rng.u32(0..3) == 0).then(|| ["q", "r"][rng.usize(0..2)]);
        let max = (rng.u32(0..6) == 0).then(|| rng.usize(1..6));
        let at = model.subscribe(self.id, &filter, queue, max);
        let queue = queue.map(|name| format!("{name} ")).unwrap_or_default();
        self.say(
            format!("SUB {filter} {queue}{sid}\r\n").as_bytes(),
            Some(Mark::Begin(at)),
        );
        if let Some(max) = max {
            let line = format!("UNSUB {sid} {max}\r\n");
            self.say(line.as_bytes(), Some(Mark::Limit(at)));
        }
        self.subscriptions.insert(sid, (at, false));
    }

    fn unsubscribe(&mut self, rng: &mut fastrand::Rng, _model: &mut Model) {
        let mut known: Vec<&String> = self
            .subscriptions
            .iter()
            .filter(|(_, (_, ended))| !ended)
            .map(|(sid, _)| sid)
            .collect();
        known.sort(); // A map's own order would not repeat.
        if known.is_empty() {
            return;
        }
        let sid = known[rng.usize(0..known.len())].clone();
        let entry = self.subscriptions.get_mut(&sid).expect("just seen");
        entry.1 = true;
        let mark = Mark::End(entry.0);
        self.say(format!("UNSUB {sid}\r\n").as_bytes(), Some(mark));
    }

    /// Asks for a PONG behind all that was said.
    pub(crate) fn ping(&mut self) {
        let before = std::mem::take(&mut self.unasked);
        self.asked.push_back(before);
        self.say(b"PING\r\n", None);
    }

    fn say(&mut self, bytes: &[u8], mark: Option<Mark>) {
        self.link.say(bytes);
        self.said_total += bytes.len() as u64;
        if let Some(mark) = mark {
            self.under_way.push_back((self.said_total, mark));
            self.unasked.push(mark);
        }
    }

    /// Moves at most `max` bytes up; tells how many went.
    pub(crate) fn move_up(&mut self, max: usize, model: &mut Model) -> usize {
        let moved = self.link.move_up(max);
        let is_there = |(end, _): &(_, _)| *end <= self.link.up_total;
        while self.under_way.front().is_some_and(is_there) {
            if let Some((_, mark)) = self.under_way.pop_front() {
                model.note_there(mark);
            }
        }
        moved
    }

    /// Reads at most `max` bytes of what has come down.
    pub(crate) fn hear(&mut self, max: usize, model: &mut Model) -> usize {
        let bytes = self.link.arrive(max);
        self.reader.take(&bytes);
        while let Some(heard) = self.reader.next() {
            self.note(heard, model);
        }
        bytes.len()
    }

    fn note(&mut self, heard: Heard, model: &mut Model) {
        assert!(
            self.error.is_none(),
            "{heard:?} behind the last words {:?}",
            self.error
        );
        match heard {
            Heard::Message {
                subject,
                sid,
                headers,
                payload,
            } => {
                let known = self.subscriptions.get(&sid);
                let (at, _) = known.unwrap_or_else(|| panic!("{sid} was never subscribed"));
                model.hear(self.id, *at, &subject, &headers, &payload);
            }
            Heard::Pong => {
                let answered = self.asked.pop_front().expect("a PONG that was asked for");
                answered.into_iter().for_each(|mark| model.note_done(mark));
            }
            Heard::Ping => self.say(b"PONG\r\n", None),
            Heard::Error(text) => {
                // Whoever reads late may fall behind, or answer a PING too late.
                let is_late = matches!(&*text, "Slow Consumer" | "Stale Connection");
                let is_allowed = self.link.is_lazy && is_late;
                assert!(is_allowed, "party {} was told {text:?}", self.id);
                self.error = Some(text);
            }
            Heard::Other => {}
        }
    }

    /// Everything that came has been read: was it whole, and was the end ours?
    pub(crate) fn check_end(&mut self) {
        if self.link.fate == Fate::Cut || !self.link.is_ended {
            return;
        }
        if self.reader.is_torn() || self.link.fate == Fate::Open && self.error.is_none() {
            assert!(
                self.link.is_lazy,
                "party {} reads what comes and was hung up on without a word",
                self.id
            );
            self.is_torn = true;
        }
    }
}

/// Subjects of one to three tokens; few enough that they meet filters.
fn subject(rng: &mut fastrand::Rng) -> String {
    tokens(rng, &["a", "b", "c"])
}

fn filter(rng: &mut fastrand::Rng) -> String {
    let filter = tokens(rng, &["a", "b", "c", "*"]);
    match rng.u32(0..4) {
        0 => filter + ".>",
        _ => filter,
    }
}

fn tokens(rng: &mut fastrand::Rng, from: &[&str]) -> String {
    let count = rng.usize(1..4);
    let tokens: Vec<&str> = (0..count).map(|_| from[rng.usize(0..from.len())]).collect();
    tokens.join(".")
}
