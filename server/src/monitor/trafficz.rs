//! `/trafficz`: the subjects and publishers with the most traffic, what nobody reads, what is
//! refused. Rates are of some ten seconds, and at least what they say; `doubt` is how much more it
//! may be.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::Monitor;
use super::query::Query;
use crate::peer::{self, Denied, HALF_LIFE, Heavy, Party};

/// How many of each list are shown where nobody asks for a number.
const LIMIT_DEFAULT: i64 = 20;

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct Trafficz {
    server_id: String,
    now: String,
    /// Whether anything is counted; the lists are empty if not.
    is_on: bool,
    /// After so many seconds a message counts half.
    half_life: f64,
    subjects_by_messages: Vec<Flow>,
    subjects_by_bytes: Vec<Flow>,
    publishers_by_messages: Vec<Flow>,
    publishers_by_bytes: Vec<Flow>,
    /// Subjects with messages that no reader took.
    unheard: Vec<Flow>,
    /// Subjects that somebody had no permission for.
    denied: Vec<Refused>,
}

/// One subject, or one publisher.
#[derive(Debug, Default, Serialize)]
struct Flow {
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(flatten)]
    publisher: Option<Publisher>,
    msgs_per_second: f64,
    bytes_per_second: f64,
    /// Of what the list is ordered by.
    doubt_per_second: f64,
    /// Of what the list is ordered by, since it was noticed.
    total: u64,
}

#[derive(Debug, Serialize)]
struct Publisher {
    cid: u64,
    name: Box<str>,
    user: Box<str>,
}

#[derive(Debug, Serialize)]
struct Refused {
    subject: String,
    what: &'static str,
    times: u64,
}

/// By what a list is ordered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Measure {
    Messages,
    Bytes,
}

impl Monitor {
    /// # Errors
    ///
    /// An option makes no sense.
    pub(crate) fn trafficz(&self, query: &Query<'_>, now: Instant) -> Result<Trafficz, String> {
        let limit = match query.int("limit")? {
            ..=0 => LIMIT_DEFAULT,
            limit => limit,
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let traffic = &self.host.traffic;
        let told = traffic.told(now);
        let subjects = |list, measure| {
            let top = most(list, limit).into_iter();
            top.map(|heavy| Flow::of_subject(&heavy, measure)).collect()
        };
        let publishers = |list, measure, present: &HashMap<_, _>| {
            let top = most(list, limit).into_iter();
            top.map(|heavy| Flow::of_publisher(&heavy, measure, present))
                .collect()
        };
        let present = self.host.table.present().into_iter();
        let present: HashMap<u64, Arc<Party>> = present.map(|party| (party.id, party)).collect();
        Ok(Trafficz {
            server_id: self.facts().server_id.clone(),
            now: self.clock.text(now),
            is_on: traffic.is_on(),
            half_life: HALF_LIFE.as_secs_f64(),
            subjects_by_messages: subjects(told.subjects_by_messages, Measure::Messages),
            subjects_by_bytes: subjects(told.subjects_by_bytes, Measure::Bytes),
            publishers_by_messages: publishers(
                told.publishers_by_messages,
                Measure::Messages,
                &present,
            ),
            publishers_by_bytes: publishers(told.publishers_by_bytes, Measure::Bytes, &present),
            unheard: subjects(told.unheard, Measure::Messages),
            denied: most(told.denied, limit).iter().map(Refused::new).collect(),
        })
    }

    /// Counts what flows from `now` on, or stops.
    pub(crate) fn watch_traffic(&self, is_on: bool, now: Instant) {
        self.host.traffic.switch(is_on, now);
    }
}

/// The heaviest of `list`, the most first.
fn most(mut list: Vec<Heavy>, limit: usize) -> Vec<Heavy> {
    list.retain(|heavy| heavy.rate > 0.0);
    list.sort_by(|a, b| b.rate.total_cmp(&a.rate).then_with(|| a.key.cmp(&b.key)));
    list.truncate(limit);
    list
}

/// To a thousandth: more digits would say what nobody knows.
fn rounded(rate: f64) -> f64 {
    (rate * 1000.0).round() / 1000.0
}

impl Flow {
    fn new(heavy: &Heavy, measure: Measure) -> Self {
        let (own, beside) = (rounded(heavy.rate), rounded(heavy.beside));
        let (messages, bytes) = match measure {
            Measure::Messages => (own, beside),
            Measure::Bytes => (beside, own),
        };
        Self {
            msgs_per_second: messages,
            bytes_per_second: bytes,
            doubt_per_second: rounded(heavy.doubt),
            total: heavy.total,
            ..Self::default()
        }
    }

    fn of_subject(heavy: &Heavy, measure: Measure) -> Self {
        Self {
            subject: Some(String::from_utf8_lossy(&heavy.key).into_owned()),
            ..Self::new(heavy, measure)
        }
    }

    fn of_publisher(heavy: &Heavy, measure: Measure, present: &HashMap<u64, Arc<Party>>) -> Self {
        let cid = peer::publisher(&heavy.key);
        let greeting = present.get(&cid).and_then(|party| party.greeting());
        let greeting = greeting.unwrap_or_default();
        Self {
            publisher: Some(Publisher {
                cid,
                name: greeting.name.clone(),
                user: greeting.user.clone(),
            }),
            ..Self::new(heavy, measure)
        }
    }
}

impl Refused {
    fn new(heavy: &Heavy) -> Self {
        let (what, subject) = peer::denied(&heavy.key);
        Self {
            subject: String::from_utf8_lossy(subject).into_owned(),
            what: match what {
                Denied::Publish => "publish",
                Denied::Subscribe => "subscribe",
            },
            times: heavy.total,
        }
    }
}
