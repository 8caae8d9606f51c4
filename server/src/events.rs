//! Events about connections, published: taken from where they are noted, told as JSON, handed to
//! whoever subscribes. And the watch that finds slow readers, which no message pays for.
//!
//! Source: protocol.md#events.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::net::Hub;
use crate::peer::Wakes;
use crate::peer::{Backlog, Busiest, Ended, Event, Happened, Host, Party, Queued, What};

/// The pause behind each round of events: twenty thousand a second are published at most.
const PACE: Duration = Duration::from_millis(50);
/// How often slow readers are looked for.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// A reader whose oldest message has waited for so long is slow.
const OLD: Duration = Duration::from_secs(1);
/// So is one for which more than one part in so many of what may wait does.
const SHARE: usize = 4;
/// How much of what waits for them is looked at in one look, in bytes: some milliseconds' work.
const LOOK_MAX: usize = 4 * 1024 * 1024;
/// Of how many subscriptions it is told what was lost, those that lost the most.
const CUT_SHOWN: usize = 5;
/// How much of the name of a subject is told, in bytes.
const TEXT_MAX: usize = 1024;

/// Publishes events, if there are any to be.
pub(crate) fn start(host: &Arc<Host>, hub: &Arc<Hub>, server_id: &str, pending_max: usize) {
    let Some(options) = host.events.options() else {
        return;
    };
    if options.has(Event::Slow) {
        let watch = Watch {
            host: Arc::clone(host),
            pending_max,
            slow: HashMap::new(),
        };
        hub.run_aside(watch.run());
    }
    let teller = Teller {
        host: Arc::clone(host),
        hub: Arc::clone(hub),
        prefix: options.prefix.clone(),
        server_id: server_id.to_owned(),
    };
    hub.run_aside(teller.run());
}

/// Whoever publishes.
struct Teller {
    host: Arc<Host>,
    hub: Arc<Hub>,
    prefix: String,
    server_id: String,
}

impl Teller {
    async fn run(self) {
        loop {
            let (happened, mut missed) =
                std::future::poll_fn(|cx| self.host.events.poll_take(cx)).await;
            let now = tokio::time::Instant::now().into_std();
            self.hub.work(|wakes| {
                for it in &happened {
                    self.tell(it, std::mem::take(&mut missed), now, wakes);
                }
            });
            tokio::time::sleep(PACE).await;
        }
    }

    fn tell(&self, happened: &Happened, missed: u64, now: Instant, wakes: &mut Wakes) {
        let (kind, mut body) = described(happened);
        body["event"] = kind.name().into();
        body["server_id"] = self.server_id.as_str().into();
        body["time"] = jiff::Timestamp::now().to_string().into();
        if missed > 0 {
            body["missed"] = missed.into();
        }
        let body = body.to_string();
        let subject = format!("{}.{}", self.prefix, kind.name());
        self.host.tell(subject.as_bytes(), &body, now, wakes);
    }
}

/// What is told of an event beside when and where.
fn described(happened: &Happened) -> (Event, Value) {
    let party = &*happened.party;
    let mut body = who(party);
    match &happened.what {
        What::Connected => {
            let greeting = party.greeting().unwrap_or_default();
            body["lang"] = (*greeting.language).into();
            body["version"] = (*greeting.version).into();
            (Event::Connected, body)
        }
        What::Left(departure, at) => {
            let counts = party.counts();
            body["reason"] = departure.reason.to_string().into();
            let here = at.saturating_duration_since(party.opened);
            body["here_ms"] = (here.as_millis() as u64).into();
            body["in_msgs"] = counts.in_messages.into();
            body["out_msgs"] = counts.out_messages.into();
            body["in_bytes"] = counts.in_bytes.into();
            body["out_bytes"] = counts.out_bytes.into();
            body["dropped_messages"] = departure.dropped_messages.into();
            body["dropped_bytes"] = departure.dropped_bytes.into();
            (Event::Left, body)
        }
        What::Subscribed { filter, queue, sid } => {
            body["subject"] = text(filter).into();
            if let Some(queue) = queue {
                body["queue"] = text(queue).into();
            }
            body["sid"] = text(sid).into();
            (Event::Subscribed, body)
        }
        What::Slow(state, backlog, busiest) => {
            let subject = busiest.as_ref().map(|it| it.filter.to_vec());
            tell_backlog(&mut body, state, backlog, subject);
            if let Some(Busiest { waiting, .. }) = busiest {
                body["subject_pending_bytes"] = waiting.bytes.into();
                body["subject_pending_messages"] = waiting.messages.into();
                body["subject_oldest_ms"] = (waiting.oldest.as_millis() as u64).into();
            }
            (Event::Slow, body)
        }
        What::Cut(departure) => {
            let backlog = departure.backlog.as_deref().copied().unwrap_or_default();
            let worst = departure.busiest(CUT_SHOWN);
            let first = worst.first().map(|it| it.filter.to_vec());
            tell_backlog(&mut body, "cut", &backlog, first);
            body["dropped_messages"] = departure.dropped_messages.into();
            body["dropped_bytes"] = departure.dropped_bytes.into();
            let worst = worst.iter().filter(|it| it.lost_messages > 0);
            body["subscriptions"] = worst.map(lost).collect();
            (Event::Slow, body)
        }
    }
}

/// How an outbox stands, and for what most of it is.
fn tell_backlog(body: &mut Value, state: &str, backlog: &Backlog, subject: Option<Vec<u8>>) {
    body["state"] = state.into();
    body["subject"] = subject.map(|subject| text(&subject)).into();
    body["pending_bytes"] = backlog.pending_bytes.into();
    body["pending_messages"] = backlog.pending_messages.into();
    body["high_water_bytes"] = backlog.high_water_bytes.into();
    body["oldest_ms"] = (backlog.oldest.as_millis() as u64).into();
    body["stalls"] = backlog.stalls.into();
    body["stalled_ms"] = (backlog.stalled.as_millis() as u64).into();
    body["is_stalled"] = backlog.is_stalled.into();
}

/// What was lost of one subscription.
fn lost(ended: &Ended<'_>) -> Value {
    json!({
        "sid": text(ended.sid),
        "subject": text(ended.filter),
        "dropped_messages": ended.lost_messages,
        "dropped_bytes": ended.lost_bytes,
    })
}

fn who(party: &Party) -> Value {
    let greeting = party.greeting().unwrap_or_default();
    let address = party.address.map(|address| address.to_string());
    json!({
        "cid": party.id,
        "name": greeting.name,
        "user": greeting.user,
        "address": address.unwrap_or_default(),
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(TEXT_MAX)]).into_owned()
}

/// Whoever looks for slow readers.
struct Watch {
    host: Arc<Host>,
    pending_max: usize,
    /// Those who are slow, with the look that saw them last.
    slow: HashMap<u64, u64>,
}

impl Watch {
    async fn run(mut self) {
        for look in 1.. {
            tokio::time::sleep(LOOK_INTERVAL).await;
            self.look(look, tokio::time::Instant::now().into_std());
        }
    }

    /// Tells of each reader once when it becomes slow, and once when it has caught up.
    fn look(&mut self, look: u64, now: Instant) {
        let mut reach = LOOK_MAX;
        for party in self.host.table.present() {
            let Some(backlog) = party.backlog(now) else {
                continue;
            };
            if self.is_slow(&backlog) {
                if self.slow.insert(party.id, look).is_none() {
                    let queued = party.queued(reach, now);
                    reach = reach.saturating_sub(queued.looked_at);
                    let busiest = queued.busiest(&party);
                    self.host.note_slow(&party, "slow", backlog, busiest);
                }
            } else if let Some(seen) = self.slow.get_mut(&party.id) {
                if backlog.pending_bytes > 0 {
                    *seen = look; // It reads, and is not through yet.
                } else {
                    self.slow.remove(&party.id);
                    let busiest = Queued::default().busiest(&party);
                    self.host.note_slow(&party, "recovered", backlog, busiest);
                }
            }
        }
        self.slow.retain(|_, seen| *seen == look); // The others have left.
    }

    fn is_slow(&self, backlog: &Backlog) -> bool {
        backlog.pending_bytes > 0
            && (backlog.oldest >= OLD || backlog.pending_bytes > self.pending_max / SHARE)
    }
}
