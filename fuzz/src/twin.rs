//! The naive twin of the server's core: a list of subscriptions, walked from end to end.

use std::collections::BTreeMap;

use crate::naive;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Subscription {
    pub(crate) of: usize,
    pub(crate) filter: String,
    pub(crate) queue: Option<String>,
    pub(crate) sid: String,
    pub(crate) delivered: usize,
    /// How many end it; 0: as many as come.
    pub(crate) max: usize,
}

/// What a client chose.
#[derive(Debug, Clone, Copy)]
struct Client {
    is_verbose: bool,
    has_echo: bool,
    has_headers: bool,
    wants_status: bool,
}

#[derive(Default)]
pub(crate) struct Twin {
    clients: BTreeMap<usize, Client>,
    subscriptions: Vec<Subscription>,
    ever: usize,
}

impl Twin {
    pub(crate) fn open(&mut self, client: usize) {
        let chosen = Client {
            is_verbose: false,
            has_echo: true,
            has_headers: true,
            wants_status: false,
        };
        self.clients.insert(client, chosen);
        self.ever += 1;
    }

    pub(crate) fn close(&mut self, client: usize) {
        self.clients.remove(&client);
        self.subscriptions.retain(|known| known.of != client);
    }

    pub(crate) fn open_clients(&self) -> Vec<usize> {
        self.clients.keys().copied().collect()
    }

    /// How many clients there have ever been.
    pub(crate) fn count(&self) -> usize {
        self.ever
    }

    pub(crate) fn choose(
        &mut self,
        client: usize,
        is_verbose: bool,
        has_echo: bool,
        has_headers: bool,
        wants_status: bool,
    ) {
        let chosen = Client {
            is_verbose,
            has_echo,
            has_headers,
            wants_status,
        };
        self.clients.insert(client, chosen);
    }

    pub(crate) fn is_verbose(&self, client: usize) -> bool {
        self.clients[&client].is_verbose
    }

    pub(crate) fn has_headers(&self, client: usize) -> bool {
        self.clients[&client].has_headers
    }

    pub(crate) fn wants_status(&self, client: usize) -> bool {
        self.clients[&client].wants_status
    }

    pub(crate) fn is_known(&self, client: usize, sid: &str) -> bool {
        let mut known = self.subscriptions.iter();
        known.any(|known| known.of == client && known.sid == sid)
    }

    pub(crate) fn subscribe(&mut self, subscription: Subscription) {
        self.subscriptions.push(subscription);
    }

    pub(crate) fn unsubscribe(&mut self, client: usize, sid: &str, max: usize) {
        self.subscriptions.retain_mut(|known| {
            if known.of != client || known.sid != sid {
                return true;
            }
            known.max = max;
            known.delivered < max
        });
    }

    /// The plain subscriptions that must hear what `client` publishes.
    pub(crate) fn plain(&self, client: usize, subject: &str) -> Vec<Subscription> {
        let is_plain = |known: &Subscription| known.queue.is_none();
        self.hearing(client, subject)
            .filter(|known| is_plain(known))
            .cloned()
            .collect()
    }

    /// The queue groups, one member of each of which must hear it.
    pub(crate) fn groups(
        &self,
        client: usize,
        subject: &str,
    ) -> BTreeMap<String, Vec<Subscription>> {
        let mut groups = BTreeMap::<String, Vec<Subscription>>::new();
        for known in self.hearing(client, subject) {
            if let Some(queue) = &known.queue {
                groups.entry(queue.clone()).or_default().push(known.clone());
            }
        }
        groups
    }

    /// The sids of the client's own plain subscriptions to `subject`.
    pub(crate) fn own_plain(&self, client: usize, subject: &str) -> Vec<String> {
        let own = self.subscriptions.iter().filter(|known| {
            known.of == client && known.queue.is_none() && covers(&known.filter, subject)
        });
        own.map(|known| known.sid.clone()).collect()
    }

    fn hearing(&self, client: usize, subject: &str) -> impl Iterator<Item = &Subscription> {
        let has_echo = self.clients[&client].has_echo;
        self.subscriptions
            .iter()
            .filter(move |known| known.of != client || has_echo)
            .filter(move |known| covers(&known.filter, subject))
    }

    pub(crate) fn count_delivery(&mut self, to: &Subscription) {
        self.subscriptions.retain_mut(|known| {
            if known.of != to.of || known.sid != to.sid {
                return true;
            }
            known.delivered += 1;
            known.max == 0 || known.delivered < known.max
        });
    }
}

impl Subscription {
    /// The message as this subscription's client reads it.
    pub(crate) fn line(
        &self,
        subject: &str,
        reply: Option<&str>,
        headers: &str,
        payload: &str,
        twin: &Twin,
    ) -> String {
        let sid = &self.sid;
        let reply = reply.map(|reply| format!(" {reply}")).unwrap_or_default();
        if headers.is_empty() || !twin.has_headers(self.of) {
            let len = payload.len();
            return format!("MSG {subject} {sid}{reply} {len}\r\n{payload}\r\n");
        }
        let (head, all) = (headers.len(), headers.len() + payload.len());
        format!("HMSG {subject} {sid}{reply} {head} {all}\r\n{headers}{payload}\r\n")
    }
}

/// Whether who subscribed to `filter` hears of `subject`: nobody does of one with an empty token.
pub(crate) fn covers(filter: &str, subject: &str) -> bool {
    !subject.split('.').any(str::is_empty) && naive::covers(filter, subject)
}
