//! Subjects as a tree, one level at a time: what is subscribed to below a prefix, and how much was
//! delivered there. Counted from the subscriptions when somebody looks; no message pays for it.

use std::collections::HashMap;

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
}

impl Monitor {
    pub(crate) fn tree(&self, query: &Query<'_>) -> Tree {
        let prefix = query.text("prefix");
        let depth = match prefix {
            "" => 0,
            prefix => prefix.split('.').count(),
        };
        let (mut looks, mut is_partial) = (0, false);
        let mut branches: HashMap<Vec<u8>, Branch> = HashMap::new();
        for party in self.host.table.present() {
            for subscription in party.subscriptions() {
                looks += 1;
                let mut tokens = subscription.filter().split(|byte| *byte == b'.');
                let is_below = depth == 0
                    || tokens
                        .by_ref()
                        .take(depth)
                        .eq(prefix.as_bytes().split(|byte| *byte == b'.'));
                let Some(token) = tokens.next().filter(|_| is_below) else {
                    continue;
                };
                let has_more = tokens.next().is_some();
                if !branches.contains_key(token) {
                    branches.insert(token.to_vec(), Branch::default());
                }
                if let Some(branch) = branches.get_mut(token) {
                    branch.subscriptions += 1;
                    branch.delivered += subscription.delivered();
                    branch.ends += usize::from(!has_more);
                    branch.has_more |= has_more;
                }
            }
            is_partial = looks > LOOKS_MAX;
            if is_partial {
                break;
            }
        }
        let named = branches.into_iter().map(|(token, branch)| Branch {
            token: String::from_utf8_lossy(&token).into_owned(),
            ..branch
        });
        let mut branches: Vec<_> = named.collect();
        branches.sort_by(|a, b| (b.delivered, &a.token).cmp(&(a.delivered, &b.token)));
        branches.truncate(BRANCHES_MAX);
        Tree {
            prefix: prefix.to_owned(),
            is_partial,
            branches,
        }
    }
}
