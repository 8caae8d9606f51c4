//! Subjects as a tree, one level at a time: what is subscribed to below a prefix, how much was
//! delivered there, and, where traffic is counted, how much is published there. Counted from the
//! subscriptions when somebody looks; no message pays for it.

use std::collections::HashMap;
use std::time::Instant;

use serde::Serialize;

use super::Monitor;
use super::query::Query;

/// How many subscriptions are looked at for one level; a guess at what takes a tenth of a second.
const LOOKS_MAX: usize = 500_000;
/// How many branches are shown, those with the most deliveries.
const BRANCHES_MAX: usize = 200;

/// One level.
#[derive(Debug, Serialize)]
pub(crate) struct Tree {
    prefix: String,
    /// Whether there was more to look at than is looked at.
    is_partial: bool,
    /// Whether what is published is counted.
    is_watched: bool,
    branches: Vec<Branch>,
}

#[derive(Debug, Default, Serialize)]
struct Branch {
    token: String,
    subscriptions: usize,
    delivered: u64,
    /// Subscriptions to exactly this, and to what lies below it.
    ends: usize,
    has_more: bool,
    /// What is published to this and below, of the subjects with the most of it.
    msgs_per_second: f64,
    bytes_per_second: f64,
}

/// What stands below the prefix: by their next token.
#[derive(Default)]
struct Level {
    prefix: Vec<Vec<u8>>,
    branches: HashMap<Vec<u8>, Branch>,
}

impl Level {
    /// The branch that `subject` is in, unless it is elsewhere; and whether it goes on from there.
    fn branch(&mut self, subject: &[u8]) -> Option<(&mut Branch, bool)> {
        let mut tokens = subject.split(|byte| *byte == b'.');
        let is_below = tokens.by_ref().take(self.prefix.len()).eq(&self.prefix);
        let token = tokens.next().filter(|_| is_below)?;
        let has_more = tokens.next().is_some();
        if !self.branches.contains_key(token) {
            self.branches.insert(token.to_vec(), Branch::default());
        }
        let branch = self.branches.get_mut(token)?;
        branch.has_more |= has_more;
        Some((branch, has_more))
    }
}

impl Monitor {
    pub(crate) fn tree(&self, query: &Query<'_>, now: Instant) -> Tree {
        let prefix = query.text("prefix");
        let tokens = prefix.split('.').filter(|_| !prefix.is_empty());
        let mut level = Level {
            prefix: tokens.map(|token| token.as_bytes().to_vec()).collect(),
            ..Level::default()
        };
        let traffic = &self.host.traffic;
        for flow in traffic.told(now).subjects_by_messages {
            if let Some((branch, _)) = level.branch(&flow.key) {
                branch.msgs_per_second += flow.rate;
                branch.bytes_per_second += flow.beside;
            }
        }
        let (mut looks, mut is_partial) = (0, false);
        for party in self.host.table.present() {
            for subscription in party.subscriptions() {
                looks += 1;
                if let Some((branch, has_more)) = level.branch(subscription.filter()) {
                    branch.subscriptions += 1;
                    branch.delivered += subscription.delivered();
                    branch.ends += usize::from(!has_more);
                }
            }
            is_partial = looks > LOOKS_MAX;
            if is_partial {
                break;
            }
        }
        let named = level.branches.into_iter().map(|(token, branch)| Branch {
            token: String::from_utf8_lossy(&token).into_owned(),
            ..branch
        });
        let mut branches: Vec<_> = named.collect();
        branches.sort_by(|a, b| {
            let by_rate = b.msgs_per_second.total_cmp(&a.msgs_per_second);
            by_rate.then_with(|| (b.delivered, &a.token).cmp(&(a.delivered, &b.token)))
        });
        branches.truncate(BRANCHES_MAX);
        Tree {
            prefix: prefix.to_owned(),
            is_partial,
            is_watched: traffic.is_on(),
            branches,
        }
    }
}
