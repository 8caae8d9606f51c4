//! What callers ask of the engine, besides publishing.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::error::{FlushErrorKind, PublishErrorKind, SubscribeErrorKind};
use crate::message::Subject;
use crate::queue::Queue;

/// Told when a PING sent behind everything before has its PONG.
pub(crate) type Flushed = oneshot::Sender<Result<(), FlushErrorKind>>;
/// Where that is heard.
pub(crate) type Ending = oneshot::Receiver<Result<(), FlushErrorKind>>;
/// Told when the server has a subscription, or will not.
pub(crate) type Confirmed = oneshot::Sender<Result<(), SubscribeErrorKind>>;

/// Told when the server has taken a message, or refused it.
pub(crate) type Taken = oneshot::Sender<Result<(), PublishErrorKind>>;

#[derive(Debug)]
pub(crate) enum Command {
    Subscribe(NewSubscription),
    /// Ends a subscription, now or after `max` messages counted from its beginning.
    Unsubscribe {
        sid: u64,
        max: Option<u64>,
    },
    /// An UNSUB and a PING are on their way: end the subscription at the PONG.
    DrainSubscription {
        sid: u64,
        flushed: Flushed,
    },
    /// A PING is on its way.
    Flush(Flushed),
    /// A message to `subject` is on its way, and a PING behind it.
    Confirm {
        subject: Subject,
        taken: Taken,
    },
    /// End all subscriptions and notice when that is done. Nothing is asked for after this.
    Drain,
}

#[derive(Debug)]
pub(crate) struct NewSubscription {
    pub(crate) sid: u64,
    pub(crate) subject: Subject,
    pub(crate) group: Option<Subject>,
    pub(crate) sink: Sink,
    pub(crate) confirmed: Option<Confirmed>,
    /// Whether its SUB, and a PING if somebody waits, are on their way; else there is no
    /// connection, and the next one will be told of it.
    pub(crate) has_line: bool,
}

/// Where the messages of a subscription go.
#[derive(Debug, Clone)]
pub(crate) enum Sink {
    Queue(Arc<Queue>),
    /// The requests that wait for answers.
    Replies,
}
