//! What a configuration file asks of the server, as plain values; nothing for what it leaves open.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::source::Span;

/// The settings of a file. `None` leaves the server's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Address or name to listen on.
    pub host: Option<String>,
    /// Port to listen on; 0 takes a free one.
    pub port: Option<u16>,
    /// What the server is called.
    pub server_name: Option<String>,
    /// The largest message, in bytes.
    pub max_payload: Option<usize>,
    /// The longest protocol line, in bytes.
    pub max_control_line: Option<usize>,
    /// The most that may wait for one reader, in bytes.
    pub max_pending: Option<usize>,
    /// The most connections; 0 admits nobody.
    pub max_connections: Option<usize>,
    /// The most subscriptions of one connection.
    pub max_subscriptions: Option<usize>,
    /// How long a reader may take nothing.
    pub write_deadline: Option<Duration>,
    /// How often a quiet client is asked whether it lives.
    pub ping_interval: Option<Duration>,
    /// How many of those questions may stand unanswered.
    pub ping_max: Option<u32>,
    /// Whether messages may have no headers.
    pub no_header_support: Option<bool>,
    /// Whether to log what happens to connections.
    pub debug: Option<bool>,
    /// Whether to log everything.
    pub trace: Option<bool>,
    /// Whether log lines have a time.
    pub logtime: Option<bool>,
    /// Whether that time is UTC.
    pub logtime_utc: Option<bool>,
    /// Where the log goes instead of stderr.
    pub log_file: Option<PathBuf>,
    /// Where the number of the process is written.
    pub pid_file: Option<PathBuf>,
    /// Where each of the above was set, by the first name of its key.
    pub places: HashMap<&'static str, Span>,
}
