//! `/varz`: the server at one glance. The fields, their types and their order are the reference
//! server's.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

use super::time::{stamp, uptime};
use super::{CLIENTS, Monitor, SYSTEM_ACCOUNT, process};
use crate::peer::Statistics;

/// What belongs to something that does not exist here: `{}`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Nothing {}

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct Varz {
    server_id: String,
    server_name: String,
    version: String,
    proto: u8,
    #[serde(skip_serializing_if = "str::is_empty")]
    git_commit: &'static str,
    go: String,
    host: String,
    port: u16,
    #[serde(skip_serializing_if = "is_false")]
    auth_required: bool,
    #[serde(skip_serializing_if = "is_false")]
    tls_required: bool,
    #[serde(skip_serializing_if = "is_false")]
    tls_verify: bool,
    max_connections: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_subscriptions: Option<usize>,
    ping_interval: u64,
    ping_max: u32,
    http_host: String,
    http_port: u16,
    http_base_path: String,
    https_port: u16,
    auth_timeout: f64,
    max_control_line: usize,
    max_payload: usize,
    max_pending: usize,
    cluster: Nothing,
    gateway: Nothing,
    leaf: Nothing,
    mqtt: Nothing,
    websocket: Websocket,
    jetstream: Nothing,
    tls_timeout: f64,
    write_deadline: u64,
    start: String,
    now: String,
    uptime: String,
    mem: u64,
    cores: usize,
    gomaxprocs: usize,
    cpu: f64,
    #[serde(flatten)]
    counts: Counts,
    http_req_stats: BTreeMap<&'static str, u64>,
    config_load_time: String,
    config_digest: String,
    system_account: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    slow_consumer_stats: ByKind,
    stale_connection_stats: ByKind,
    disk_io_wait_stats: Waits,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cert_not_after: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct Websocket {
    #[serde(skip_serializing_if = "String::is_empty")]
    host: String,
    #[serde(skip_serializing_if = "is_zero")]
    port: u16,
}

/// What has been counted.
#[derive(Debug, Serialize)]
struct Counts {
    connections: u64,
    total_connections: u64,
    routes: u64,
    remotes: u64,
    leafnodes: u64,
    in_msgs: u64,
    in_bytes: u64,
    in_client_msgs: u64,
    in_client_bytes: u64,
    out_msgs: u64,
    out_bytes: u64,
    out_client_msgs: u64,
    out_client_bytes: u64,
    slow_consumers: u64,
    stale_connections: u64,
    stalled_clients: u64,
    subscriptions: u64,
}

#[derive(Debug, Default, Serialize)]
struct ByKind {
    clients: u64,
    routes: u64,
    gateways: u64,
    leafs: u64,
}

/// Nothing here waits for a disk.
#[derive(Debug, Default, Serialize)]
struct Waits {
    waiters: u64,
    waits: u64,
    wait_time: u64,
    max_wait_time: u64,
}

impl Monitor {
    pub(crate) fn varz(&self, now: Instant) -> Varz {
        let facts = self.facts();
        let statistics = self.host.statistics();
        let (host, port) = facts.websocket.clone().unwrap_or_default();
        Varz {
            server_id: facts.server_id.clone(),
            server_name: facts.server_name.clone(),
            version: facts.version.clone(),
            proto: 1,
            git_commit: option_env!("DUNLIN_COMMIT").unwrap_or_default(),
            go: facts.go.clone(),
            host: facts.host.clone(),
            port: facts.port,
            auth_required: facts.auth_required,
            tls_required: facts.tls_required,
            tls_verify: facts.tls_verify,
            max_connections: facts.max_connections,
            max_subscriptions: facts.max_subscriptions,
            ping_interval: facts.ping_interval.as_nanos() as u64,
            ping_max: facts.ping_max,
            http_host: facts.http_host.clone(),
            http_port: facts.http_port,
            http_base_path: facts.http_base_path.clone(),
            https_port: facts.https_port,
            auth_timeout: facts.auth_timeout.as_secs_f64(),
            max_control_line: facts.max_control_line,
            max_payload: facts.max_payload,
            max_pending: facts.max_pending,
            cluster: Nothing {},
            gateway: Nothing {},
            leaf: Nothing {},
            mqtt: Nothing {},
            websocket: Websocket { host, port },
            jetstream: Nothing {},
            tls_timeout: facts.tls_timeout.as_secs_f64(),
            write_deadline: facts.write_deadline.as_nanos() as u64,
            start: self.clock.text(self.clock.started()),
            now: self.clock.text(now),
            uptime: uptime(now.saturating_duration_since(self.clock.started())),
            mem: process::resident_bytes(),
            cores: process::cores(),
            gomaxprocs: process::cores(),
            cpu: self.process.cpu_percent(),
            counts: Counts::new(&statistics),
            http_req_stats: self.requests.all(),
            config_load_time: stamp(facts.configured_at),
            config_digest: facts.config_digest.clone(),
            system_account: SYSTEM_ACCOUNT,
            tags: facts.tags.clone(),
            metadata: facts.metadata.clone(),
            slow_consumer_stats: ByKind::of_clients(statistics.slow_consumers),
            stale_connection_stats: ByKind::of_clients(statistics.stale_connections),
            disk_io_wait_stats: Waits::default(),
            tls_cert_not_after: self.certificate_ends(CLIENTS).map(stamp),
        }
    }
}

impl Counts {
    fn new(statistics: &Statistics) -> Self {
        Self {
            connections: statistics.connections,
            total_connections: statistics.total_connections,
            routes: 0,
            remotes: 0,
            leafnodes: 0,
            in_msgs: statistics.in_messages,
            in_bytes: statistics.in_bytes,
            in_client_msgs: statistics.in_messages,
            in_client_bytes: statistics.in_bytes,
            out_msgs: statistics.out_messages,
            out_bytes: statistics.out_bytes,
            out_client_msgs: statistics.out_messages,
            out_client_bytes: statistics.out_bytes,
            slow_consumers: statistics.slow_consumers,
            stale_connections: statistics.stale_connections,
            stalled_clients: statistics.stalled_clients,
            subscriptions: statistics.subscriptions,
        }
    }
}

impl ByKind {
    fn of_clients(clients: u64) -> Self {
        Self {
            clients,
            ..Self::default()
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u16) -> bool {
    *value == 0
}
