//! What is known of a server before anybody connects: who it is, and what it was told to be.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// Who the server is, and what holds for it now.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) server_id: String,
    pub(crate) server_name: String,
    /// The version of the reference server whose behaviour is offered.
    pub(crate) version: String,
    /// What runs it, as clients are told.
    pub(crate) go: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) auth_required: bool,
    pub(crate) tls_required: bool,
    pub(crate) tls_verify: bool,
    pub(crate) max_connections: usize,
    pub(crate) max_subscriptions: Option<usize>,
    pub(crate) ping_interval: Duration,
    pub(crate) ping_max: u32,
    pub(crate) http_host: String,
    pub(crate) http_port: u16,
    pub(crate) http_base_path: String,
    pub(crate) https_port: u16,
    pub(crate) auth_timeout: Duration,
    pub(crate) tls_timeout: Duration,
    pub(crate) max_control_line: usize,
    pub(crate) max_payload: usize,
    pub(crate) max_pending: usize,
    pub(crate) max_pending_total: usize,
    pub(crate) write_deadline: Duration,
    pub(crate) tags: Vec<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    /// When the configuration was read last.
    pub(crate) configured_at: SystemTime,
    /// `sha256:` and the digest of the configuration file; empty without one.
    pub(crate) config_digest: String,
    /// The WebSocket listener, if there is one.
    pub(crate) websocket: Option<(String, u16)>,
}
