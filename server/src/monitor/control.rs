//! What may be done to a server from outside, and who visits it.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::Monitor;
use super::history::Sample;
use super::slowz::Slowz;
use super::varz::Varz;
use crate::peer::{Host, Party, Reason};

/// What the dashboard is told every second.
#[derive(Debug, Serialize)]
pub(crate) struct Overview {
    varz: Varz,
    slow: Slowz,
    sample: Option<Sample>,
}

impl Monitor {
    pub(crate) fn overview(&self, now: Instant, slow: Slowz, sample: Option<Sample>) -> Overview {
        Overview {
            varz: self.varz(now),
            slow,
            sample,
        }
    }

    /// Closes the connection `cid`, or all whose name or user is the one given; tells how many.
    ///
    /// # Errors
    ///
    /// Nobody was named, or nobody is called so.
    pub(crate) fn kick(&self, cid: u64, name: &str, user: &str) -> Result<usize, String> {
        if cid == 0 && name.is_empty() && user.is_empty() {
            return Err("name a connection: by cid, name or user".to_owned());
        }
        let is_meant = |party: &Arc<Party>| {
            let greeting = party.greeting().unwrap_or_default();
            (cid == 0 || party.id == cid)
                && (name.is_empty() || *greeting.name == *name)
                && (user.is_empty() || *greeting.user == *user)
        };
        let mut present = self.host.table.present();
        present.retain(is_meant);
        if present.is_empty() {
            return Err("no connection is called so".to_owned());
        }
        for outbox in present.iter().filter_map(|party| party.outbox()) {
            outbox.end(Reason::Kicked);
            outbox.wake_owner();
        }
        Ok(present.len())
    }

    /// Somebody who only looks: it has a number, and is in no list.
    pub(crate) fn visitor(&self, now: Instant) -> Arc<Party> {
        self.host.visitor(now)
    }

    pub(crate) fn host(&self) -> Arc<Host> {
        Arc::clone(&self.host)
    }
}
