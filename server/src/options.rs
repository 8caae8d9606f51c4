//! What can be chosen about a server before it starts, each with its default and its bound.

mod memory;
mod other;
mod websocket;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "http")]
use crate::http::MonitorOptions;
use crate::net::TlsOptions;
use crate::peer::{Authorization, EventOptions, Lag, LagRule, Quota};
pub use websocket::WebsocketOptions;

/// What is not the same in two sets of options.
pub(crate) struct Difference {
    /// The key in a configuration file.
    pub(crate) name: &'static str,
    /// The name inside the reference server, which its messages use.
    pub(crate) go_name: &'static str,
    pub(crate) old: String,
    pub(crate) new: String,
    /// Whether a running server can follow.
    pub(crate) can_change: bool,
}

/// Options of a server to be, made by [`Server::builder`](crate::Server::builder).
///
/// Every option has a default; the defaults that concern clients are the reference server's.
#[derive(Debug, Clone)]
#[must_use = "nothing listens before start"]
pub struct Builder {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) name: Option<String>,
    pub(crate) advertised: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) payload_max: usize,
    pub(crate) control_line_max: usize,
    pub(crate) pending_max: usize,
    pub(crate) lag: Lag,
    pub(crate) lag_rules: Vec<LagRule>,
    pub(crate) unix_lag: Option<Lag>,
    /// None: half of what memory there is.
    pub(crate) pending_total_max: Option<usize>,
    pub(crate) connections_max: usize,
    pub(crate) subscriptions_max: Option<usize>,
    pub(crate) subscription_tokens_max: Option<u8>,
    pub(crate) closed_max: usize,
    pub(crate) write_deadline: Duration,
    pub(crate) write_timeout: WriteTimeout,
    pub(crate) ping_interval: Duration,
    pub(crate) ping_max: u32,
    pub(crate) has_headers: bool,
    pub(crate) authorization: Authorization,
    pub(crate) per_user: Quota,
    pub(crate) per_address: Quota,
    pub(crate) tls: Option<TlsOptions>,
    pub(crate) unix_socket: Option<(PathBuf, Option<u32>)>,
    pub(crate) websocket: Option<WebsocketOptions>,
    pub(crate) events: Option<EventOptions>,
    #[cfg(feature = "sim")]
    pub(crate) seed: Option<u64>,
    #[cfg(feature = "http")]
    pub(crate) monitor: Option<MonitorOptions>,
}

/// What becomes of a reader that takes nothing for longer than
/// [`Builder::write_deadline`](crate::Builder::write_deadline).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteTimeout {
    /// It is cut as a slow consumer.
    #[default]
    Close,
    /// It is counted as a slow consumer, and kept: only what waits for it is bounded then, by
    /// [`Builder::max_pending`](crate::Builder::max_pending).
    Retry,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 4222,
            name: None,
            advertised: None,
            tags: Vec::new(),
            metadata: BTreeMap::new(),
            payload_max: 1024 * 1024,
            control_line_max: 4096,
            pending_max: 64 * 1024 * 1024,
            lag: Lag::Disconnect,
            lag_rules: Vec::new(),
            unix_lag: None,
            pending_total_max: None,
            connections_max: 64 * 1024,
            subscriptions_max: None,
            subscription_tokens_max: None,
            closed_max: 10_000,
            write_deadline: Duration::from_secs(10),
            write_timeout: WriteTimeout::Close,
            ping_interval: Duration::from_secs(120),
            ping_max: 2,
            has_headers: true,
            authorization: Authorization::default(),
            per_user: Quota::default(),
            per_address: Quota::default(),
            tls: None,
            unix_socket: None,
            websocket: None,
            events: None,
            #[cfg(feature = "sim")]
            seed: None,
            #[cfg(feature = "http")]
            monitor: None,
        }
    }
}

impl Builder {
    /// Listens on this address or host name. Default: `127.0.0.1`, this machine only.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    /// Listens on this port; 0 takes a free one, which [`Server::addr`](crate::Server::addr) tells. Default: 4222.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Names the server towards its clients. Default: its id.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Tells clients this address in INFO, `host` or `host:port`, instead of the one listened on: for
    /// a server behind a proxy. Default: none.
    pub fn advertise(mut self, address: impl Into<String>) -> Self {
        self.advertised = Some(address.into());
        self
    }

    /// Words that describe the server, told in monitoring. Default: none.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// Names and values that describe the server, told in monitoring. Default: none.
    pub fn metadata(mut self, metadata: BTreeMap<String, String>) -> Self {
        self.metadata = metadata;
        self
    }

    /// The largest message, headers included, in bytes. Default: 1 MiB; must not exceed
    /// [`Builder::max_pending`].
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.payload_max = bytes;
        self
    }

    /// The longest arguments of one protocol line, in bytes. Default: 4,096.
    pub fn max_control_line(mut self, bytes: usize) -> Self {
        self.control_line_max = bytes;
        self
    }

    /// The most that may wait for one reader, in bytes; a reader over it is cut as a slow consumer.
    /// Default: 64 MiB.
    pub fn max_pending(mut self, bytes: usize) -> Self {
        self.pending_max = bytes;
        self
    }

    /// What becomes of messages for a reader that has as much waiting as may wait. Default:
    /// [`Lag::Disconnect`], as nats-server. A user ([`User::lag`](crate::User::lag)) and a listener
    /// may have another.
    pub fn lag(mut self, lag: Lag) -> Self {
        self.lag = lag;
        self
    }

    /// The same for messages whose subject `filter` covers, whoever reads them; the first filter that
    /// covers it counts, in the order of the calls. Default: none.
    pub fn lag_for(mut self, filter: impl AsRef<str>, lag: Lag) -> Self {
        self.lag_rules.push(LagRule {
            filter: filter.as_ref().as_bytes().into(),
            lag,
        });
        self
    }

    /// The same for those who come by the [Unix-domain socket](Builder::unix_socket). Default: as for
    /// others.
    pub fn unix_lag(mut self, lag: Lag) -> Self {
        self.unix_lag = Some(lag);
        self
    }

    /// The most memory that what waits for all readers together may take, in bytes; over it the
    /// readers with the most are cut as slow consumers, until an eighth of it is free. A payload
    /// that several readers wait for counts once. Must not be less than [`Builder::max_payload`].
    /// Default: half of the memory that this process may use, by the machine, its control group and
    /// its limits; 1 GiB where that is unknown.
    ///
    /// Ours, not nats-server's.
    pub fn max_pending_total(mut self, bytes: usize) -> Self {
        self.pending_total_max = Some(bytes);
        self
    }

    /// The most connections at a time; one more is told so and closed. Default: 65,536.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.connections_max = connections;
        self
    }

    /// The most subscriptions of one connection. Default: no bound.
    pub fn max_subscriptions(mut self, subscriptions: usize) -> Self {
        self.subscriptions_max = Some(subscriptions);
        self
    }

    /// The most tokens of a subject that is subscribed to. Default: no bound.
    pub fn max_subscription_tokens(mut self, tokens: u8) -> Self {
        self.subscription_tokens_max = Some(tokens);
        self
    }

    /// How many of the connections that have left are remembered for monitoring, at some 400 bytes
    /// each; the oldest are forgotten first. Without a monitoring port nobody is. Default: 10,000.
    pub fn max_closed_clients(mut self, connections: usize) -> Self {
        self.closed_max = connections;
        self
    }

    /// How long a reader may take nothing at all while something waits for it; then it is cut as a
    /// slow consumer. Default: 10 s.
    pub fn write_deadline(mut self, deadline: Duration) -> Self {
        self.write_deadline = deadline;
        self
    }

    /// What becomes of a reader over the write deadline. Default: it is cut.
    pub fn write_timeout(mut self, timeout: WriteTimeout) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// How often a quiet client is asked whether it is alive; zero asks never. Default: 2 min.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// How many of those questions may stand unanswered; one more, and the connection is stale.
    /// Default: 2.
    pub fn ping_max(mut self, pings: u32) -> Self {
        self.ping_max = pings;
        self
    }

    /// Opens a port for monitoring. Default: none.
    #[cfg(feature = "http")]
    pub fn monitor(mut self, options: MonitorOptions) -> Self {
        self.monitor = Some(options);
        self
    }

    /// Whether messages may carry headers. Default: yes.
    pub fn headers(mut self, is_on: bool) -> Self {
        self.has_headers = is_on;
        self
    }

    /// Who may connect, and what each may do. Default: everybody, everything.
    pub fn authorization(mut self, authorization: Authorization) -> Self {
        self.authorization = authorization;
        self
    }

    /// What the connections of one user may have together. Default: no limit.
    pub fn limits_per_user(mut self, quota: Quota) -> Self {
        self.per_user = quota;
        self
    }

    /// What the connections from one address may have together. Default: no limit.
    pub fn limits_per_address(mut self, quota: Quota) -> Self {
        self.per_address = quota;
        self
    }

    /// Encrypts the connections that clients make over TCP. Default: all are in the open.
    pub fn tls(mut self, tls: TlsOptions) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Listens on a Unix-domain socket at `path`, too. `mode` are the permission bits of its file,
    /// which say who may connect; without them the mask of the process does. Default: none.
    ///
    /// A socket that a killed server left there is replaced if nobody answers; anything else is in
    /// the way. The file goes with the server. Connections by it are not encrypted and have no
    /// address. Ours, not nats-server's.
    pub fn unix_socket(mut self, path: impl Into<PathBuf>, mode: impl Into<Option<u32>>) -> Self {
        self.unix_socket = Some((path.into(), mode.into()));
        self
    }

    /// Listens for WebSockets too. Default: no.
    pub fn websocket(mut self, options: WebsocketOptions) -> Self {
        self.websocket = Some(options);
        self
    }

    /// Host and port as clients are told them, of a server that listens on `port`.
    pub(crate) fn told_address(&self, port: u16) -> (String, u16) {
        let Some(text) = &self.advertised else {
            return (self.host.clone(), port);
        };
        let bare = |host: &str| host.trim_matches(['[', ']']).to_owned();
        match text.rsplit_once(':') {
            Some((host, number)) if !host.contains(':') || host.ends_with(']') => {
                let own = number.parse().ok().filter(|number| *number > 0);
                (bare(host), own.unwrap_or(port))
            }
            _ => (bare(text), port),
        }
    }

    /// The most that may wait for all readers together, in bytes.
    pub(crate) fn pending_total(&self) -> usize {
        self.pending_total_max.unwrap_or_else(memory::half)
    }

    /// How many of those who have left are remembered: where nobody can look, nobody is, and what a
    /// crowd took is given back whole.
    pub(crate) fn remembered(&self) -> usize {
        #[cfg(feature = "http")]
        if self.monitor.is_some() {
            return self.closed_max;
        }
        0
    }

    /// Publishes what happens to connections. Default: nothing of it.
    pub fn events(mut self, options: EventOptions) -> Self {
        self.events = Some(options);
        self
    }

    /// What `new` has otherwise.
    pub(crate) fn differences(&self, new: &Self) -> Vec<Difference> {
        let found = self.compare(new).into_iter();
        let found = found.chain(self.other_lag(new));
        let found = found.chain(self.other_events(new));
        #[cfg(feature = "http")]
        let found = found.chain(self.other_monitor(new));
        found.collect()
    }

    fn compare(&self, new: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut compare = |name, go_name, can_change, old: String, new: String| {
            if old != new {
                found.push(Difference {
                    name,
                    go_name,
                    old: plain(&old),
                    new: plain(&new),
                    can_change,
                });
            }
        };
        macro_rules! compare {
            ($($name:literal $go_name:literal $can_change:literal $field:ident;)*) => {
                $(compare(
                    $name,
                    $go_name,
                    $can_change,
                    format!("{:?}", self.$field),
                    format!("{:?}", new.$field),
                );)*
            };
        }
        compare! {
            "unix" "Unix" false unix_socket;
            "host" "Host" false host;
            "port" "Port" false port;
            "server_name" "ServerName" false name;
            "max_pending" "MaxPending" false pending_max;
            "max_subscriptions" "MaxSubs" false subscriptions_max;
            "no_header_support" "NoHeaderSupport" false has_headers;
            "max_subscription_tokens" "MaxSubTokens" false subscription_tokens_max;
            "limits.per_user" "LimitsPerUser" true per_user;
            "limits.per_address" "LimitsPerAddress" true per_address;
            "client_advertise" "ClientAdvertise" true advertised;
            "max_closed_clients" "MaxClosedClients" false closed_max;
            "max_payload" "MaxPayload" true payload_max;
            "max_control_line" "MaxControlLine" true control_line_max;
            "max_connections" "MaxConn" true connections_max;
            "write_deadline" "WriteDeadline" true write_deadline;
            "write_timeout" "WriteTimeout" true write_timeout;
            "ping_interval" "PingInterval" true ping_interval;
            "ping_max" "MaxPingsOut" true ping_max;
        }
        let mut compare_secretly = |name, go_name, can_change, differs| {
            if differs {
                found.push(Difference {
                    name,
                    go_name,
                    old: String::new(),
                    new: String::new(),
                    can_change,
                });
            }
        };
        let differs = self.authorization != new.authorization;
        compare_secretly("authorization", "Authorization", true, differs);
        compare_secretly("tags", "Tags", true, self.tags != new.tags);
        let differs = self.metadata != new.metadata;
        compare_secretly("metadata", "Metadata", true, differs);
        let differs = self.websocket != new.websocket;
        let can_change = match (&self.websocket, &new.websocket) {
            (Some(old), Some(new)) => old.can_become(new),
            _ => false,
        };
        compare_secretly("websocket", "Websocket", can_change, differs);
        found.extend(self.other_tls(new));
        found
    }

    /// What becomes of messages for who lags, and how much may wait for all.
    fn other_lag(&self, new: &Self) -> impl Iterator<Item = Difference> {
        macro_rules! compared {
            ($($name:literal $go_name:literal $can_change:literal $field:ident;)*) => {
                [$((
                    $name,
                    $go_name,
                    $can_change,
                    format!("{:?}", self.$field),
                    format!("{:?}", new.$field),
                )),*]
            };
        }
        let compared = compared! {
            "lag" "Lag" true lag;
            "lag.subjects" "LagSubjects" true lag_rules;
            "unix.lag" "UnixLag" false unix_lag;
            "max_pending_total" "MaxPendingTotal" true pending_total_max;
        };
        let differ = compared.into_iter().filter(|(.., old, new)| old != new);
        differ.map(|(name, go_name, can_change, old, new)| Difference {
            name,
            go_name,
            old,
            new,
            can_change,
        })
    }

    /// Whether encryption is to be another.
    fn other_tls(&self, new: &Self) -> Option<Difference> {
        let state = |tls: &Option<_>| match tls {
            Some(_) => "enabled".to_owned(),
            None => "disabled".to_owned(),
        };
        (self.tls != new.tls).then(|| Difference {
            name: "tls",
            go_name: "TLSConfig",
            old: state(&self.tls),
            new: state(&new.tls),
            can_change: true,
        })
    }
}

/// A value as it would stand in a file: `Some("x")` is `x`, `None` nothing.
fn plain(value: &str) -> String {
    let bare = value.strip_prefix("Some(");
    let bare = bare.and_then(|rest| rest.strip_suffix(')'));
    match bare.unwrap_or(value) {
        "None" => String::new(),
        value => value.trim_matches('"').to_owned(),
    }
}
