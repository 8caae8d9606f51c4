//! What may be said of a subscription when it is made.

use crate::message::Subject;
use crate::queue::{QueueLimits, WhenFull};

/// How a subscription differs from a plain one, for
/// [`Client::subscribe_with`](crate::Client::subscribe_with).
#[derive(Debug, Clone, Default)]
pub struct SubscribeOptions {
    pub(crate) group: Option<Subject>,
    messages: Option<usize>,
    bytes: Option<usize>,
    when_full: Option<WhenFull>,
}

impl SubscribeOptions {
    /// A plain subscription.
    pub fn new() -> Self {
        Self::default()
    }

    /// Joins a queue group: each message goes to one of its members.
    #[must_use]
    pub fn queue(mut self, group: impl AsRef<str>) -> Self {
        self.group = Some(group.as_ref().into());
        self
    }

    /// How many messages may wait to be read. Default: what the client's options say; at least 1.
    #[must_use]
    pub fn capacity(mut self, messages: usize) -> Self {
        self.messages = Some(messages.max(1));
        self
    }

    /// How many bytes may wait to be read. Default: what the client's options say.
    #[must_use]
    pub fn capacity_bytes(mut self, bytes: usize) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// What happens when that many wait. Default: what the client's options say.
    #[must_use]
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = Some(when_full);
        self
    }

    /// The bounds to keep; `defaults` where nothing was said.
    pub(crate) fn limits(&self, defaults: QueueLimits) -> QueueLimits {
        QueueLimits {
            messages: self.messages.unwrap_or(defaults.messages),
            bytes: self.bytes.unwrap_or(defaults.bytes),
            when_full: self.when_full.unwrap_or(defaults.when_full),
        }
    }
}
