//! What a configuration file asks of the server, as plain values; nothing for what it leaves open.

mod placed;
mod security;
mod watching;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use super::source::Span;

pub use placed::Placed;
pub use security::{
    Authorization, Certificate, ConnectionType, HandshakeFirst, Identity, Permissions, Responses,
    Secret, Subjects, Tls, TlsVersion, User,
};
pub use watching::{Events, Monitoring};

/// The settings of a file. `None` leaves the server's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Address or name to listen on.
    pub host: Option<String>,
    /// Port to listen on; 0 takes a free one.
    pub port: Option<u16>,
    /// What the server is called.
    pub server_name: Option<String>,
    /// The address that clients are told, `host[:port]`.
    pub client_advertise: Option<Placed<String>>,
    /// Words that describe the server, in lower case.
    pub server_tags: Vec<String>,
    /// Names and values that describe the server.
    pub server_metadata: BTreeMap<String, String>,
    /// A listener for processes of this machine, besides the port.
    pub unix: Option<Unix>,
    /// The largest message, in bytes.
    pub max_payload: Option<usize>,
    /// The longest protocol line, in bytes.
    pub max_control_line: Option<usize>,
    /// The most that may wait for one reader, in bytes.
    pub max_pending: Option<usize>,
    /// What becomes of messages for a reader that does not keep up.
    pub lag: Option<Lag>,
    /// Where that is decided by the subject; the first that covers it counts.
    pub lag_subjects: Vec<(String, Lag)>,
    /// The most memory that what waits for all readers together may take, in bytes.
    pub max_pending_total: Option<usize>,
    /// The most connections; 0 admits nobody.
    pub max_connections: Option<usize>,
    /// The most subscriptions of one connection.
    pub max_subscriptions: Option<usize>,
    /// The most tokens of a subject that is subscribed to.
    pub max_subscription_tokens: Option<u8>,
    /// How many closed connections are remembered.
    pub max_closed_clients: Option<usize>,
    /// How long a reader may take nothing.
    pub write_deadline: Option<Duration>,
    /// Whether a reader that takes longer is kept.
    pub keeps_stalled: bool,
    /// How often a quiet client is asked whether it lives.
    pub ping_interval: Option<Duration>,
    /// How many of those questions may stand unanswered.
    pub ping_max: Option<u32>,
    /// Over how long a lame duck closes its connections.
    pub lame_duck_duration: Option<Duration>,
    /// How long it waits before it begins.
    pub lame_duck_grace_period: Option<Duration>,
    /// Whether messages may have no headers.
    pub no_header_support: Option<bool>,
    /// Limits for all connections of one user together, and of one address.
    pub limits: Limits,
    /// Who may connect, and do what.
    pub authorization: Option<Authorization>,
    /// The user that clients without credentials become.
    pub no_auth_user: Option<Placed<String>>,
    /// How connections are encrypted.
    pub tls: Option<Tls>,
    /// Whether connections may do without.
    pub allow_non_tls: Option<bool>,
    /// The WebSocket listener.
    pub websocket: Option<WebSocket>,
    /// Where the monitoring pages are served over HTTP.
    pub http: Option<Address>,
    /// Where over HTTPS.
    pub https: Option<Address>,
    /// What their paths begin with: empty, or `/` and more.
    pub http_base_path: Option<String>,
    /// What else holds for those pages.
    pub monitoring: Monitoring,
    /// What is published about connections, if anything is.
    pub events: Option<Events>,
    /// Whether to log what happens to connections.
    pub debug: Option<bool>,
    /// Whether to log everything.
    pub trace: Option<bool>,
    /// The most of a payload that is shown in the log, in bytes.
    pub max_traced_msg_len: Option<usize>,
    /// Whether log lines have a time.
    pub logtime: Option<bool>,
    /// Whether that time is UTC.
    pub logtime_utc: Option<bool>,
    /// How log lines look.
    pub log_format: Option<LogFormat>,
    /// Where the log goes instead of stderr.
    pub log_file: Option<PathBuf>,
    /// The size at which a log file is put aside, in bytes.
    pub log_size_limit: Option<u64>,
    /// How many log files are kept, the one being written included.
    pub log_max_num: Option<usize>,
    /// Where the number of the process is written.
    pub pid_file: Option<PathBuf>,
    /// The folder of the file that lists the ports.
    pub ports_file_dir: Option<PathBuf>,
    /// Where each of the above was set, by the first name of its key.
    pub places: HashMap<&'static str, Span>,
}

/// Where to listen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// Address or name; nothing for that of the client port.
    pub host: Option<String>,
    /// The port; 0 takes a free one.
    pub port: u16,
}

/// A Unix-domain socket to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unix {
    /// Where it stands in the file system.
    pub path: Placed<PathBuf>,
    /// Who may connect, as permission bits; nothing leaves them to the process's mask.
    pub mode: Option<u32>,
    /// What becomes of messages for who comes here and does not keep up.
    pub lag: Option<Lag>,
}

/// What becomes of messages for a reader that does not keep up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lag {
    /// The reader is cut.
    Disconnect,
    /// What does not fit is dropped.
    DropNewest,
    /// The oldest make room.
    DropOldest,
    /// The last to each subject stays.
    Latest,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// As nats-server's.
    Text,
    /// One JSON object a line.
    Json,
}

/// Limits that several connections share; ours, nats-server has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// For the connections of one user.
    pub per_user: Quota,
    /// For the connections from one address.
    pub per_address: Quota,
}

/// The most that is allowed together; nothing for no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// Connections.
    pub connections: Option<usize>,
    /// Subscriptions.
    pub subscriptions: Option<usize>,
    /// Bytes that wait to be read.
    pub pending_bytes: Option<usize>,
    /// Messages published in a second.
    pub publish_messages_per_second: Option<u64>,
    /// Bytes published in a second.
    pub publish_bytes_per_second: Option<u64>,
}

/// The WebSocket listener.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebSocket {
    /// Where to listen; no host is every address.
    pub address: Address,
    /// The address that clients are told.
    pub advertise: Option<Placed<String>>,
    /// How connections are encrypted; nothing if they are not.
    pub tls: Option<Tls>,
    /// Whether only pages of this server's own host may connect.
    pub same_origin: bool,
    /// The origins whose pages may connect; every one if none is named.
    pub allowed_origins: Vec<String>,
    /// How long the handshake may take.
    pub handshake_timeout: Option<Duration>,
    /// Whether messages may be compressed.
    pub compression: bool,
    /// Who may connect here, in place of the authorization of the server.
    pub authorization: Option<Authorization>,
    /// The user that clients without credentials become here.
    pub no_auth_user: Option<Placed<String>>,
    /// The cookie that holds a user's name.
    pub user_cookie: Option<String>,
    /// The cookie that holds the password.
    pub pass_cookie: Option<String>,
    /// The cookie that holds the token.
    pub token_cookie: Option<String>,
    /// Headers of the answer to a handshake.
    pub headers: Vec<(String, String)>,
    /// How often a quiet client is asked whether it lives.
    pub ping_interval: Option<Duration>,
    /// What becomes of messages for who comes here and does not keep up.
    pub lag: Option<Lag>,
}
