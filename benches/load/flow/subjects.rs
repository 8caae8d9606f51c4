//! The subjects of a run, who subscribes to what, and who is to get what.

use anyhow::{Result, ensure};
use dunlin_protocol::subject::covers;

use super::plan::{Plan, Shape};

/// How far apart in the table two messages of a publisher are: neighbours are not alike.
const STRIDE: u64 = 7919;
/// At most so many literal filters beside the wildcards, in the mixed shape.
const LITERALS_MAX: usize = 10_000;
const REGIONS: [&str; 8] = ["eu", "us", "apac", "latam", "mea", "cn", "in", "jp"];
const EVENTS: [&str; 5] = ["created", "paid", "shipped", "returned", "closed"];

/// The subjects, and who takes each.
pub(crate) struct Subjects {
    texts: Vec<u8>,
    ends: Vec<u32>,
    /// By subject: a bit for each subscriber that takes it. Empty where the plan says it all.
    takers: Vec<u8>,
    /// By subscriber: its filters, sid 1 first.
    pub(crate) filters: Vec<Vec<Vec<u8>>>,
}

impl Subjects {
    pub(crate) fn new(plan: &Plan) -> Result<Self> {
        let mut subjects = Self {
            texts: Vec::new(),
            ends: Vec::new(),
            takers: Vec::new(),
            filters: Vec::new(),
        };
        match plan.shape {
            Shape::Wild => subjects.fill_wild(plan),
            Shape::Distinct => subjects.fill_distinct(plan),
            Shape::OneToOne => {
                for pair in 0..plan.publishers {
                    subjects.push(&format!("load.{pair}"));
                    subjects
                        .filters
                        .push(vec![format!("load.{pair}").into_bytes()]);
                }
            }
            _ => {
                subjects.push("load.all");
                subjects.filters = vec![vec![b"load.all".to_vec()]; plan.subscribers];
            }
        }
        ensure!(
            subjects.texts.len() < u32::MAX as usize,
            "so many subjects do not fit"
        );
        Ok(subjects)
    }

    fn push(&mut self, subject: &str) {
        self.texts.extend_from_slice(subject.as_bytes());
        self.ends.push(self.texts.len() as u32);
    }

    /// Orders of a shop, three to five tokens; five subscribers who see them in different ways:
    /// all, one kind of event, one region, a tenth of them by name, a twentieth by number.
    fn fill_wild(&mut self, plan: &Plan) {
        let literals = (plan.subjects / 10).min(LITERALS_MAX);
        let wide = ["orders.>", "orders.*.*.created", "orders.eu.>"];
        self.filters = wide
            .iter()
            .map(|filter| vec![filter.as_bytes().to_vec()])
            .collect();
        self.filters.extend([Vec::new(), Vec::new()]);
        for number in 0..plan.subjects {
            let subject = order(number);
            let mut takers = 0;
            for (taker, filter) in wide.iter().enumerate() {
                takers |= u8::from(covers(filter.as_bytes(), subject.as_bytes())) << taker;
            }
            if number % 10 == 0 && number / 10 < literals {
                takers |= 1 << 3;
                self.filters[3].push(subject.clone().into_bytes());
            }
            if number % 10 == 5 && number / 10 < literals / 2 {
                let filter = format!("orders.*.{}.>", 10_000 + number).into_bytes();
                takers |= u8::from(covers(&filter, subject.as_bytes())) << 4;
                self.filters[4].push(filter);
            }
            self.push(&subject);
            self.takers.push(takers);
        }
    }

    /// One subscriber with one filter for each subject, a tenth of them with a wildcard.
    fn fill_distinct(&mut self, plan: &Plan) {
        let mut filters = Vec::with_capacity(plan.subjects);
        for number in 0..plan.subjects {
            let (filter, subject) = distinct(number, plan.depth);
            filters.push(filter.into_bytes());
            self.push(&subject);
        }
        self.filters.push(filters);
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.texts[start as usize..self.ends[at] as usize]
    }

    /// Which one a publisher's message goes to.
    pub(crate) fn of(&self, publisher: usize, number: u64) -> usize {
        let count = self.len() as u64;
        match count {
            1 => 0,
            _ if self.takers.is_empty() && self.filters.len() > 1 => publisher,
            _ => ((number * STRIDE + publisher as u64 * 7) % count) as usize,
        }
    }

    /// A bit for each subscriber that takes the subject, where the plan does not say it all.
    pub(crate) fn takers(&self, subject: usize) -> Option<u8> {
        self.takers.get(subject).copied()
    }
}

/// An even spread of all numbers.
fn scatter(number: usize) -> u32 {
    (number as u32).wrapping_mul(2_654_435_761)
}

fn order(number: usize) -> String {
    let lot = scatter(number);
    let region = REGIONS[(lot >> 29) as usize];
    let event = EVENTS[(lot >> 8) as usize % EVENTS.len()];
    let id = 10_000 + number;
    match number % 4 {
        1 => format!("orders.{region}.{id}"),
        2 => format!("orders.{region}.{id}.{event}.v2"),
        _ => format!("orders.{region}.{id}.{event}"),
    }
}

/// The `number`th filter of so many tokens (3 or more), and a subject that it alone covers.
pub(crate) fn distinct(number: usize, depth: usize) -> (String, String) {
    let lot = scatter(number);
    let region = REGIONS[(lot >> 29) as usize];
    let middle: String = (3..depth).map(|token| format!(".t{token}")).collect();
    let subject = format!("site.{region}{middle}.{lot:08x}");
    match number % 20 {
        9 => (format!("site.*{middle}.{lot:08x}"), subject),
        19 => (format!("{subject}.>"), format!("{subject}.temperature")),
        _ => (subject.clone(), subject),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_distinct_filter_covers_its_subject_and_no_other() {
        for depth in [3, 8] {
            let pairs: Vec<_> = (0..60).map(|number| distinct(number, depth)).collect();
            for (at, (filter, _)) in pairs.iter().enumerate() {
                for (other, (_, subject)) in pairs.iter().enumerate() {
                    let is_covered = covers(filter.as_bytes(), subject.as_bytes());
                    assert_eq!(is_covered, at == other, "{filter} over {subject}");
                }
            }
        }
    }

    #[test]
    fn whoever_takes_a_mixed_subject_has_a_filter_for_it() {
        let plan = Plan {
            subjects: 1000,
            ..Plan::new(Shape::Wild)
        };
        let subjects = Subjects::new(&plan).unwrap();
        for at in 0..subjects.len() {
            for (taker, filters) in subjects.filters.iter().enumerate() {
                let covering = filters.iter().filter(|it| covers(it, subjects.get(at)));
                let is_taken = subjects.takers(at).unwrap() >> taker & 1;
                assert_eq!(
                    covering.count(),
                    usize::from(is_taken),
                    "subscriber {taker}"
                );
            }
        }
    }
}
