//! What a server's monitoring says at one moment, as plain values.
//!
//! In: the JSON of `/varz` and `/connz?subs=detail`, nats-server's or ours. Out: [`Sample`]. A field
//! that is missing is zero or empty: servers of all versions are read.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::connect::Target;
use crate::failure::Failure;
use crate::http;
use crate::view::shown;

/// One look at a server.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) server: Server,
    pub(super) connections: Vec<Connection>,
}

/// What `/varz` says.
#[derive(Debug, Clone, Default)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) uptime: String,
    /// Percent of one core.
    pub(super) cpu: f64,
    pub(super) memory_bytes: u64,
    pub(super) connections: u64,
    pub(super) connections_ever: u64,
    pub(super) subscriptions: u64,
    pub(super) slow_consumers: u64,
    /// How much may wait for one connection before it is cut.
    pub(super) pending_max: u64,
    pub(super) counts: Counts,
}

/// What went in and out, since the beginning; `in` is what clients published.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) in_messages: u64,
    pub(super) in_bytes: u64,
    pub(super) out_messages: u64,
    pub(super) out_bytes: u64,
}

/// One of the connections that `/connz` lists.
#[derive(Debug, Clone, Default)]
pub(super) struct Connection {
    pub(super) cid: u64,
    pub(super) name: String,
    pub(super) user: String,
    pub(super) address: String,
    /// Language and version of the client.
    pub(super) client: String,
    pub(super) uptime: String,
    pub(super) idle: String,
    pub(super) rtt: String,
    pub(super) pending_bytes: u64,
    pub(super) counts: Counts,
    pub(super) subscriptions: u64,
    pub(super) subjects: Vec<Subscription>,
}

/// A subscription of a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Subscription {
    pub(super) subject: String,
    pub(super) queue: String,
    pub(super) messages: u64,
}

/// Looks at the server whose monitoring is at `base`; of its connections the first 1,024 by `sort`,
/// one of the orders of `/connz`.
pub(super) async fn look(
    base: &str,
    sort: &str,
    wait: Duration,
    target: &Target,
) -> Result<Sample, Failure> {
    let connz = format!("connz?subs=detail&auth=1&limit=1024&sort={sort}");
    let page = |path| page(base, path, wait, target);
    let (varz, connz) = tokio::try_join!(page("varz"), page(&connz))?;
    let connections = connz["connections"].as_array();
    Ok(Sample {
        at: Instant::now(),
        server: Server::read(&varz),
        connections: connections
            .into_iter()
            .flatten()
            .map(Connection::read)
            .collect(),
    })
}

async fn page(base: &str, path: &str, wait: Duration, target: &Target) -> Result<Value, Failure> {
    let url = format!("{base}/{path}");
    let (status, body) = http::get(&url, wait, target).await?;
    if status != 200 {
        return Err(Failure::because(&url, format_args!("status {status}")));
    }
    serde_json::from_slice(&body).map_err(|error| Failure::because(&url, error))
}

impl Server {
    fn read(varz: &Value) -> Self {
        Self {
            name: text(varz, "server_name"),
            version: text(varz, "version"),
            uptime: text(varz, "uptime"),
            cpu: varz["cpu"].as_f64().unwrap_or(0.0),
            memory_bytes: number(varz, "mem"),
            connections: number(varz, "connections"),
            connections_ever: number(varz, "total_connections"),
            subscriptions: number(varz, "subscriptions"),
            slow_consumers: number(varz, "slow_consumers"),
            pending_max: number(varz, "max_pending"),
            counts: Counts::read(varz),
        }
    }
}

impl Counts {
    fn read(value: &Value) -> Self {
        Self {
            in_messages: number(value, "in_msgs"),
            in_bytes: number(value, "in_bytes"),
            out_messages: number(value, "out_msgs"),
            out_bytes: number(value, "out_bytes"),
        }
    }
}

impl Connection {
    fn read(value: &Value) -> Self {
        let client = format!("{} {}", text(value, "lang"), text(value, "version"));
        let subjects = value["subscriptions_list_detail"].as_array();
        Self {
            cid: number(value, "cid"),
            name: text(value, "name"),
            user: text(value, "authorized_user"),
            address: format!("{}:{}", text(value, "ip"), number(value, "port")),
            client: client.trim().to_owned(),
            uptime: text(value, "uptime"),
            idle: text(value, "idle"),
            rtt: text(value, "rtt"),
            pending_bytes: number(value, "pending_bytes"),
            counts: Counts::read(value),
            subscriptions: number(value, "subscriptions"),
            subjects: subjects
                .into_iter()
                .flatten()
                .map(Subscription::read)
                .collect(),
        }
    }
}

impl Subscription {
    fn read(value: &Value) -> Self {
        Self {
            subject: text(value, "subject"),
            queue: text(value, "qgroup"),
            messages: number(value, "msgs"),
        }
    }
}

/// A text of an object, without what could steer a terminal: clients choose their names.
fn text(object: &Value, key: &str) -> String {
    shown(object[key].as_str().unwrap_or_default())
}

fn number(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or(0)
}
