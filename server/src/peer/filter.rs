//! What stands between the bus and the reader of somebody who may not receive everything.
//!
//! A subscription that covers more than its owner may receive gets this as its sink instead of the
//! owner's own; so does one whose messages open the right to answer. All others never meet it.

use std::sync::Arc;

use super::{Delivery, Message, Sink, Subscription};
use crate::auth::{Replies, Rights};
use crate::link::Wakes;

pub(super) struct Filter {
    sink: Arc<dyn Sink>,
    rights: Arc<Rights>,
    replies: Option<Arc<Replies>>,
}

impl Filter {
    pub(super) fn new(
        sink: Arc<dyn Sink>,
        rights: Arc<Rights>,
        replies: Option<Arc<Replies>>,
    ) -> Self {
        Self {
            sink,
            rights,
            replies,
        }
    }
}

impl Sink for Filter {
    fn deliver(
        &self,
        subscription: &Arc<Subscription>,
        message: &Message<'_>,
        wakes: &mut Wakes,
    ) -> Delivery {
        let queue = subscription.queue();
        if !self.rights.may_receive(message.subject, queue) {
            return Delivery::Skipped;
        }
        if let (Some(replies), Some(reply)) = (&self.replies, message.reply) {
            // Before the delivery: the answer may come before this returns.
            if !self.rights.may_publish(reply) {
                replies.note(reply, message.at);
            }
        }
        self.sink.deliver(subscription, message, wakes)
    }

    fn owner(&self) -> u64 {
        self.sink.owner()
    }

    fn limit(&self, subscription: &Subscription, max: u64) -> bool {
        self.sink.limit(subscription, max)
    }
}
