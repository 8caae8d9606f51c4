//! How to connect, and how to behave afterwards.
//!
//! Each setting stands with its default, its unit and its bound.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::Identity;
use crate::error::{ConnectError, ConnectErrorKind};
use crate::events::Event;
use crate::ids::Random;
use crate::message::Subject;
use crate::outgoing::WhenUnsent;
use crate::queue::{QueueLimits, WhenFull};
use crate::tls::TlsOptions;

mod identity;
mod secure;

type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;
type EventCallback = Box<dyn Fn(Event) -> BoxFuture + Send + Sync>;
type DelayCallback = Arc<dyn Fn(usize) -> Duration + Send + Sync>;

/// Settings of a client, to be ended by [`connect`](ConnectOptions::connect).
///
/// ```no_run
/// # async fn example() -> Result<(), dunlin::ConnectError> {
/// let client = dunlin::ConnectOptions::new()
///     .name("billing")
///     .user_and_password("ada", "s3cret")
///     .max_reconnects(10)
///     .connect(["nats://one:4222", "nats://two:4222"])
///     .await?;
/// # Ok(())
/// # }
/// ```
pub struct ConnectOptions {
    pub(crate) name: String,
    pub(crate) identity: Identity,
    pub(crate) tls: TlsOptions,
    pub(crate) echo: bool,
    pub(crate) no_responders: bool,
    pub(crate) ping_interval: Duration,
    pub(crate) pings_max: u32,
    pub(crate) connection_timeout: Duration,
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) inbox_prefix: String,
    pub(crate) max_reconnects: Option<usize>,
    pub(crate) delay: Option<DelayCallback>,
    pub(crate) is_random: bool,
    pub(crate) ignores_discovered: bool,
    pub(crate) retries_first: bool,
    pub(crate) outgoing_bytes: usize,
    pub(crate) reconnect_bytes: usize,
    pub(crate) when_unsent: WhenUnsent,
    pub(crate) confirm_interval: Option<Duration>,
    pub(crate) queue: QueueLimits,
    pub(crate) payload_max: usize,
    pub(crate) on_event: Option<EventCallback>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            name: String::new(),
            identity: Identity::default(),
            tls: TlsOptions::default(),
            echo: true,
            no_responders: true,
            ping_interval: Duration::from_secs(120), // With two pings: what the Go client does.
            pings_max: 2,
            connection_timeout: Duration::from_secs(5), // What async-nats does.
            request_timeout: Some(Duration::from_secs(10)), // What async-nats does.
            inbox_prefix: "_INBOX".to_owned(),
            max_reconnects: None,
            delay: None,
            is_random: true,
            ignores_discovered: false,
            retries_first: false,
            outgoing_bytes: 256 * 1024, // Two of them fit into a core's cache. To be measured.
            reconnect_bytes: 8 * 1024 * 1024, // What the Go client does.
            when_unsent: WhenUnsent::Fail,
            confirm_interval: Some(Duration::from_secs(1)), // A PING a second at most. A guess.
            queue: QueueLimits {
                messages: 65_536,        // What async-nats does.
                bytes: 64 * 1024 * 1024, // What the Go client does.
                when_full: WhenFull::DropNewest,
            },
            payload_max: 64 * 1024 * 1024, // The most that nats-server can be set to.
            on_event: None,
        }
    }
}

/// Who the client is.
impl ConnectOptions {
    /// All defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name that the server shows to people. Default: none.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

/// What the client asks of the server.
impl ConnectOptions {
    /// Does not deliver to this client what it published itself.
    #[must_use]
    pub fn no_echo(mut self) -> Self {
        self.echo = false;
        self
    }

    /// Whether the server answers requests that nobody is there to take. Default: yes. Without it
    /// such a request ends by its timeout.
    #[must_use]
    pub fn no_responders(mut self, is_wanted: bool) -> Self {
        self.no_responders = is_wanted;
        self
    }

    /// How long to be silent before asking the server whether it is alive. Default: 2 min; at least
    /// 1 ms.
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// How many of these questions may be unanswered when the next one is due; one more and the
    /// connection counts as lost. Default: 2; at least 1.
    #[must_use]
    pub fn max_outstanding_pings(mut self, pings: u32) -> Self {
        self.pings_max = pings.max(1);
        self
    }

    /// The largest message to take from the server, headers and payload in bytes: a server that
    /// announces a larger one is left. Default: 64 MiB.
    #[must_use]
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.payload_max = bytes;
        self
    }
}

/// Time.
impl ConnectOptions {
    /// How long one attempt to connect may take, handshake included. Default: 5 s.
    #[must_use]
    pub fn connection_timeout(mut self, timeout: Duration) -> Self {
        self.connection_timeout = timeout;
        self
    }

    /// How long a request waits for its answer; none waits for ever. Default: 10 s.
    #[must_use]
    pub fn request_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.request_timeout = timeout.into();
        self
    }

    /// What the subjects for answers start with. Default: `_INBOX`. Checked when connecting: one
    /// token or several, no wildcard and no blank.
    #[must_use]
    pub fn custom_inbox_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.inbox_prefix = prefix.into();
        self
    }
}

/// Losing and finding a connection.
impl ConnectOptions {
    /// How many attempts in a row may fail before the client closes for good; none tries for ever,
    /// 0 does not try at all. Default: none.
    #[must_use]
    pub fn max_reconnects(mut self, attempts: impl Into<Option<usize>>) -> Self {
        self.max_reconnects = attempts.into();
        self
    }

    /// How long to wait before an attempt, given how many were made before it. Default: up to 50 ms
    /// for the first attempt at each server, then doubling from 100 ms to 4 s, of which a random
    /// half is taken off so that many clients do not come back in the same moment.
    #[must_use]
    pub fn reconnect_delay_callback(
        mut self,
        delay: impl Fn(usize) -> Duration + Send + Sync + 'static,
    ) -> Self {
        self.delay = Some(Arc::new(delay));
        self
    }

    /// Tries the servers in the order given, not in a random one.
    #[must_use]
    pub fn retain_servers_order(mut self) -> Self {
        self.is_random = false;
        self
    }

    /// Goes to no other servers than those given, whatever they tell of their peers.
    #[must_use]
    pub fn ignore_discovered_servers(mut self) -> Self {
        self.ignores_discovered = true;
        self
    }

    /// Returns a client at once when no server can be reached, and goes on trying.
    #[must_use]
    pub fn retry_on_initial_connect(mut self) -> Self {
        self.retries_first = true;
        self
    }
}

/// Bounds.
impl ConnectOptions {
    /// How many bytes may wait to be sent while there is a connection; what finds no room waits.
    /// Default: 256 KiB. A message larger than this still gets through.
    #[must_use]
    pub fn outgoing_buffer(mut self, bytes: usize) -> Self {
        self.outgoing_bytes = bytes;
        self
    }

    /// How many bytes of messages may wait while there is no connection; what finds no room fails.
    /// Default: 8 MiB; 0 fails every publish without a connection.
    #[must_use]
    pub fn reconnect_buffer(mut self, bytes: usize) -> Self {
        self.reconnect_bytes = bytes;
        self
    }

    /// What a publish does that finds the reconnect buffer full. Default:
    /// [`Fail`](WhenUnsent::Fail).
    #[must_use]
    pub fn reconnect_when_full(mut self, when_unsent: WhenUnsent) -> Self {
        self.when_unsent = when_unsent;
        self
    }

    /// How long what was sent may go unconfirmed before the client asks for it, with a PING behind
    /// which the server has handled everything; none does not ask of itself. Default: 1 s.
    ///
    /// When a connection is lost, [`Statistics::unconfirmed`](crate::Statistics::unconfirmed) counts
    /// what was sent behind the last PING that was answered. The shorter this time, the closer is
    /// that figure to what was really lost.
    #[must_use]
    pub fn confirm_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.confirm_interval = interval.into();
        self
    }

    /// How many messages may wait in one subscription; what finds no room is dropped and counted.
    /// Default: 65,536; at least 1.
    #[must_use]
    pub fn subscription_capacity(mut self, messages: usize) -> Self {
        self.queue.messages = messages.max(1);
        self
    }

    /// How many bytes of headers and payload may wait in one subscription; what finds no room is
    /// dropped and counted. Default: 64 MiB. One message always finds room.
    #[must_use]
    pub fn subscription_capacity_bytes(mut self, bytes: usize) -> Self {
        self.queue.bytes = bytes;
        self
    }

    /// What a subscription does when that many wait. Default:
    /// [`DropNewest`](WhenFull::DropNewest).
    #[must_use]
    pub fn subscription_when_full(mut self, when_full: WhenFull) -> Self {
        self.queue.when_full = when_full;
        self
    }

    /// Is called with every event, one after the other, from a task of its own. While it runs up to
    /// 128 events wait; see [`Events`](crate::Events).
    #[must_use]
    pub fn event_callback<F, Fut>(mut self, callback: F) -> Self
    where
        F: Fn(Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.on_event = Some(Box::new(move |event| Box::pin(callback(event))));
        self
    }
}

impl ConnectOptions {
    /// Finds what would make every connection or every request fail.
    pub(crate) fn check(&self) -> Result<(), ConnectError> {
        self.identity.check()?;
        match Subject::from(&*self.inbox_prefix).is_literal() {
            true => Ok(()),
            false => {
                let detail = format!("{:?}", self.inbox_prefix);
                Err(ConnectError::with_detail(
                    ConnectErrorKind::InvalidOptions,
                    detail,
                ))
            }
        }
    }

    /// How long to wait before an attempt, `failed` attempts after the connection was lost.
    pub(crate) fn delay(&self, failed: usize, servers: usize, random: &Random) -> Duration {
        if let Some(delay) = &self.delay {
            return delay(failed);
        }
        let most = match failed.checked_sub(servers) {
            None => FIRST_DELAY_MAX,
            Some(round) => DELAY_MAX.min(FIRST_DELAY_MAX * (2 << round.min(10))),
        };
        let half = most / 2;
        half * u32::from(failed >= servers) + half * random.below(1001) as u32 / 1000
    }
}

impl ConnectOptions {
    /// How long to stay with a server that has said that it is about to go.
    pub(crate) fn leave_delay(&self, random: &Random) -> Duration {
        match &self.delay {
            Some(delay) => delay(0),
            None => LEAVE_DELAY_MAX * random.below(1001) as u32 / 1000,
        }
    }
}

/// Names the client, never a secret.
impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("name", &self.name)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// Spreads the clients of a server that came back at once over a moment. A guess.
const FIRST_DELAY_MAX: Duration = Duration::from_millis(50);
/// Spreads the clients of a lame duck over its peers; a tenth of the time that nats-server leaves
/// them. A guess.
const LEAVE_DELAY_MAX: Duration = Duration::from_secs(1);
/// As async-nats has it.
const DELAY_MAX: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_their_bound_and_are_never_the_same_for_all() {
        let (options, random) = (ConnectOptions::new(), Random::default());
        for _ in 0..100 {
            assert!(options.delay(0, 2, &random) <= FIRST_DELAY_MAX);
            assert!(options.delay(1, 2, &random) <= FIRST_DELAY_MAX);
            let second_round = options.delay(2, 2, &random);
            assert!(second_round >= FIRST_DELAY_MAX && second_round <= 2 * FIRST_DELAY_MAX);
            let late = options.delay(10_000, 2, &random);
            assert!(late >= DELAY_MAX / 2 && late <= DELAY_MAX);
        }
        assert!(options.check().is_ok());
        for prefix in ["", "a b", "a.*", "a.", "a\r\nPUB b 0"] {
            let options = ConnectOptions::new().custom_inbox_prefix(prefix);
            let error = options.check().unwrap_err();
            assert_eq!(error.kind(), ConnectErrorKind::InvalidOptions, "{prefix:?}");
        }
        let options = options.reconnect_delay_callback(|failed| Duration::from_secs(failed as u64));
        assert_eq!(options.delay(7, 1, &random), Duration::from_secs(7));
    }
}
