//! What a user may do, as it is configured.

use std::time::Duration;

/// What a user may publish and subscribe to. The default is everything.
///
/// Subjects may hold wildcards; an entry of a subscribe list may name a queue group behind a
/// blank: `"orders.* workers"`. What is denied is denied, whatever is allowed. A denied subject
/// within a wider subscription takes its messages out of it, silently.
///
/// Source: docs/configuration.md#permissions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    pub(super) publish: Rules,
    pub(super) subscribe: Rules,
    pub(super) responses: Option<Responses>,
}

/// One direction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// None: everything; an empty list: nothing.
    pub(super) allow: Option<Vec<String>>,
    pub(super) deny: Vec<String>,
}

/// What a user may publish in answer to the messages it gets, to their reply subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Responses {
    /// How many answers one message may have; none for any number. Default: 1.
    pub max: Option<u64>,
    /// How long after the message they may come; none for ever. Default: 2 min.
    pub expires: Option<Duration>,
}

impl Default for Responses {
    fn default() -> Self {
        Self {
            max: Some(1),
            expires: Some(Duration::from_secs(120)),
        }
    }
}

impl Permissions {
    /// Everything is allowed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows publishing to these subjects, and to no other that is not allowed too. An empty list
    /// allows none.
    pub fn allow_publish<S: Into<String>>(mut self, subjects: impl IntoIterator<Item = S>) -> Self {
        self.publish.allow(subjects);
        self
    }

    /// Denies publishing to these subjects.
    pub fn deny_publish<S: Into<String>>(mut self, subjects: impl IntoIterator<Item = S>) -> Self {
        self.publish.deny(subjects);
        self
    }

    /// Allows these subscriptions, and no other that is not allowed too. An empty list allows none.
    pub fn allow_subscribe<S: Into<String>>(
        mut self,
        subjects: impl IntoIterator<Item = S>,
    ) -> Self {
        self.subscribe.allow(subjects);
        self
    }

    /// Denies these subscriptions.
    pub fn deny_subscribe<S: Into<String>>(
        mut self,
        subjects: impl IntoIterator<Item = S>,
    ) -> Self {
        self.subscribe.deny(subjects);
        self
    }

    /// Allows answers to the messages that the user gets; where nothing else allows publishing,
    /// only these.
    pub fn allow_responses(mut self, responses: Responses) -> Self {
        self.responses = Some(responses);
        self
    }
}

impl Permissions {
    /// What may be published to, none for everything, and what may not.
    pub(crate) fn publish_lists(&self) -> (Option<&[String]>, &[String]) {
        self.publish.lists()
    }

    /// What may be subscribed to, none for everything, and what may not.
    pub(crate) fn subscribe_lists(&self) -> (Option<&[String]>, &[String]) {
        self.subscribe.lists()
    }

    /// What may be answered.
    pub(crate) fn responses(&self) -> Option<Responses> {
        self.responses
    }
}

impl Rules {
    fn lists(&self) -> (Option<&[String]>, &[String]) {
        (self.allow.as_deref(), &self.deny)
    }

    fn allow<S: Into<String>>(&mut self, subjects: impl IntoIterator<Item = S>) {
        let list = self.allow.get_or_insert_default();
        list.extend(subjects.into_iter().map(Into::into));
    }

    fn deny<S: Into<String>>(&mut self, subjects: impl IntoIterator<Item = S>) {
        self.deny.extend(subjects.into_iter().map(Into::into));
    }
}
