//! The model: what was said when, and therefore what may, must and must not be heard.
//!
//! It knows nothing of how a server works, only `protocol.md#delivery`. Every operation has the
//! moment from which the server may have seen it (its last byte is there) and the moment at which
//! it must have been done (the PONG to a later PING has been read). What lies between two such
//! windows may go either way; everything else is decided.

use std::collections::{HashMap, HashSet};

use dunlin_tests::covers;

/// Counts what happens in a world.
pub(crate) type Moment = u64;
/// Later than everything.
const NEVER: Moment = Moment::MAX;

/// When the server may have seen something, and when it must have done it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) there: Moment,
    pub(crate) done: Moment,
}

impl Window {
    const OPEN: Self = Self {
        there: NEVER,
        done: NEVER,
    };

    fn is_before(&self, other: &Self) -> bool {
        self.done < other.there
    }
}

pub(crate) struct Publication {
    pub(crate) by: usize,
    /// Whether its publisher hears it too.
    pub(crate) is_echoed: bool,
    pub(crate) subject: String,
    pub(crate) headers: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) window: Window,
}

#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) of: usize,
    pub(crate) filter: String,
    pub(crate) queue: Option<String>,
    /// How many messages end it; holds from when the server has seen that, not from the SUB on.
    pub(crate) max: Option<usize>,
    pub(crate) limit: Window,
    pub(crate) begin: Window,
    pub(crate) end: Window,
    heard: HashSet<usize>,
}

/// What the model knows of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// It has read everything that was sent to it, to the end of the world.
    Whole,
    /// It said that it had nothing more to say, and read what was sent until the server closed.
    Left,
    /// It may have lost messages and stayed: what it has heard may have gaps.
    Lossy,
    /// Something was lost on the way to it: what it has heard must be without a gap.
    Broken,
}

/// An operation whose window is still open.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mark {
    Publication(usize),
    Begin(usize),
    Limit(usize),
    End(usize),
}

#[derive(Default)]
pub(crate) struct Model {
    now: Moment,
    publications: Vec<Publication>,
    subscriptions: Vec<Subscription>,
    /// The last publication heard, by reader and publisher.
    last: HashMap<(usize, usize), usize>,
    /// Which subscription heard it, by publication and queue group.
    groups: HashMap<(usize, String), usize>,
    pub(crate) heard_count: u64,
}

impl Model {
    pub(crate) fn publish(&mut self, mut publication: Publication) -> usize {
        publication.window = Window::OPEN;
        self.publications.push(publication);
        self.publications.len() - 1
    }

    pub(crate) fn publication_count(&self) -> usize {
        self.publications.len()
    }

    pub(crate) fn subscribe(
        &mut self,
        of: usize,
        filter: &str,
        queue: Option<&str>,
        max: Option<usize>,
    ) -> usize {
        self.subscriptions.push(Subscription {
            of,
            filter: filter.to_owned(),
            queue: queue.map(str::to_owned),
            max,
            limit: Window::OPEN,
            begin: Window::OPEN,
            end: Window::OPEN,
            heard: HashSet::default(),
        });
        self.subscriptions.len() - 1
    }

    /// The last byte of the operation has reached the server.
    pub(crate) fn note_there(&mut self, mark: Mark) {
        self.now += 1;
        let now = self.now;
        self.window(mark).there = now;
    }

    /// The PONG behind the operation has been read.
    pub(crate) fn note_done(&mut self, mark: Mark) {
        self.now += 1;
        let now = self.now;
        self.window(mark).done = now;
    }

    fn window(&mut self, mark: Mark) -> &mut Window {
        match mark {
            Mark::Publication(at) => &mut self.publications[at].window,
            Mark::Begin(at) => &mut self.subscriptions[at].begin,
            Mark::Limit(at) => &mut self.subscriptions[at].limit,
            Mark::End(at) => &mut self.subscriptions[at].end,
        }
    }

    /// A message has been read: may it be there?
    pub(crate) fn hear(
        &mut self,
        reader: usize,
        at: usize,
        subject: &str,
        headers: &[u8],
        payload: &[u8],
    ) {
        self.now += 1;
        self.heard_count += 1;
        let number = number(payload);
        let publication = &self.publications[number];
        let subscription = &self.subscriptions[at];
        let what = || format!("{number} {publication:?} for {subscription:?}");
        assert_eq!(publication.subject, subject, "the subject of {}", what());
        assert_eq!(publication.headers, headers, "the headers of {}", what());
        assert!(publication.payload == payload, "the payload of {}", what());
        let is_wanted = is_for(publication, subscription);
        assert!(is_wanted, "not subscribed: {}", what());
        let is_over = subscription.end.done != NEVER;
        assert!(!is_over, "after an acknowledged UNSUB: {}", what());
        let is_old = publication.window.is_before(&subscription.begin);
        assert!(!is_old, "published before the SUB was sent: {}", what());
        let is_there = publication.window.there != NEVER;
        assert!(is_there, "from nowhere: {}", what());
        let is_new = !subscription.heard.contains(&number);
        assert!(is_new, "twice: {}", what());
        let count = subscription.heard.len() + 1;
        let is_one_too_many = subscription.max.is_some_and(|max| count > max)
            && subscription.limit.is_before(&publication.window);
        assert!(!is_one_too_many, "message {count}: {}", what());
        let last = self.last.entry((reader, publication.by)).or_default();
        assert!(*last <= number, "{number} after {last}: {}", what());
        *last = number;
        if let Some(queue) = &subscription.queue {
            let taken = self.groups.insert((number, queue.clone()), at);
            assert_eq!(taken, None, "a queue group took it twice: {}", what());
        }
        self.subscriptions[at].heard.insert(number);
    }

    /// How many subscriptions are in force, where nothing is under way any more.
    pub(crate) fn in_force(&self, is_open: impl Fn(usize) -> bool) -> usize {
        let in_force = |known: &&Subscription| {
            let is_used_up = known.max.is_some_and(|max| known.heard.len() >= max);
            known.end.there == NEVER && is_open(known.of) && !is_used_up
        };
        self.subscriptions.iter().filter(in_force).count()
    }

    /// Nothing moves any more: has everybody heard what it must have heard?
    pub(crate) fn judge(&self, health: &[Health]) {
        for (number, publication) in self.publications.iter().enumerate() {
            if publication.window.there == NEVER {
                continue;
            }
            if publication.window.done == NEVER && health[publication.by] == Health::Broken {
                continue; // It may have been lost on its way to the server.
            }
            self.judge_plain(number, publication, health);
            self.judge_groups(number, publication, health);
        }
    }

    fn judge_plain(&self, number: usize, publication: &Publication, health: &[Health]) {
        for subscription in self.subscriptions.iter().filter(|s| s.queue.is_none()) {
            if subscription.heard.contains(&number) || !is_sure(publication, subscription) {
                continue;
            }
            let count = subscription.heard.len();
            if subscription.max.is_some_and(|max| count >= max) {
                continue;
            }
            let last = self.last.get(&(subscription.of, publication.by));
            let is_gap = last.is_some_and(|last| *last > number);
            if health[subscription.of] == Health::Lossy {
                continue;
            }
            assert!(
                health[subscription.of] != Health::Whole && !is_gap,
                "lost (a gap: {is_gap}): {number} to {} by {} {:?} for {subscription:?}",
                publication.subject,
                publication.by,
                publication.window
            );
        }
    }

    fn judge_groups(&self, number: usize, publication: &Publication, health: &[Health]) {
        // Which groups want it, and which could have lost it.
        let mut groups: HashMap<&str, (bool, bool)> = HashMap::new();
        for subscription in &self.subscriptions {
            let Some(name) = subscription.queue.as_deref() else {
                continue;
            };
            if !is_possible(publication, subscription) {
                continue;
            }
            let health = health[subscription.of];
            let (is_wanted, is_unsafe) = groups.entry(name).or_default();
            *is_wanted |= subscription.max.is_none()
                && health == Health::Whole
                && is_sure(publication, subscription);
            *is_unsafe |= matches!(health, Health::Broken | Health::Lossy);
        }
        for (name, (is_wanted, is_unsafe)) in groups {
            assert!(
                !is_wanted || is_unsafe || self.groups.contains_key(&(number, name.to_owned())),
                "no member of {name} took {number} to {}",
                publication.subject
            );
        }
    }
}

/// Whether the subscription was in force all the while.
fn is_sure(publication: &Publication, subscription: &Subscription) -> bool {
    subscription.begin.is_before(&publication.window)
        && (subscription.end.there == NEVER || publication.window.is_before(&subscription.end))
        && is_for(publication, subscription)
}

/// Whether the subscription may have been in force.
fn is_possible(publication: &Publication, subscription: &Subscription) -> bool {
    !publication.window.is_before(&subscription.begin)
        && !subscription.end.is_before(&publication.window)
        && is_for(publication, subscription)
}

/// Whether the subscription covers the publication, and its owner wants what it published itself.
fn is_for(publication: &Publication, subscription: &Subscription) -> bool {
    (publication.is_echoed || publication.by != subscription.of)
        && covers(&subscription.filter, &publication.subject)
}

/// The number that every payload begins with.
pub(crate) fn number(payload: &[u8]) -> usize {
    let digits = payload.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}

impl std::fmt::Debug for Publication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            by,
            subject,
            payload,
            window,
            ..
        } = self;
        let bytes = payload.len();
        write!(f, "to {subject} by {by}, {bytes} bytes, {window:?}")
    }
}
