//! Ours: the server of this workspace, started through its builder.
//!
//! In: options. Out: a server inside this process.

use std::net::SocketAddr;

use dunlin_server::{MonitorOptions, Server};

use crate::options::Options;

/// An embedded server.
pub(crate) struct Ours(Box<Server>);

impl Ours {
    pub(crate) async fn start(options: &Options) -> Result<Self, String> {
        let mut builder = Server::builder()
            .host("127.0.0.1")
            .port(0)
            .headers(!options.no_headers);
        if let Some(bytes) = options.max_payload {
            builder = builder.max_payload(bytes);
        }
        if let Some(bytes) = options.max_control_line {
            builder = builder.max_control_line(bytes);
        }
        if let Some(count) = options.max_connections {
            builder = builder.max_connections(count);
        }
        if let Some(count) = options.max_subscriptions {
            builder = builder.max_subscriptions(count);
        }
        if let Some(bytes) = options.max_pending {
            builder = builder.max_pending(bytes);
        }
        if let Some(bytes) = options.max_pending_total {
            builder = builder.max_pending_total(bytes);
        }
        if let Some(deadline) = options.write_deadline {
            builder = builder.write_deadline(deadline);
        }
        if let Some(interval) = options.ping_interval {
            builder = builder.ping_interval(interval);
        }
        if let Some(count) = options.ping_max {
            builder = builder.ping_max(count);
        }
        if let Some(auth) = options.auth {
            builder = builder.authorization(auth.authorization());
        }
        if let Some(count) = options.max_closed_clients {
            builder = builder.max_closed_clients(count);
        }
        if options.is_monitored {
            builder = builder.monitor(MonitorOptions::port(0));
        }
        if let Some(websocket) = &options.websocket {
            builder = builder.websocket(websocket.options());
        }
        let server = builder
            .start()
            .await
            .map_err(|error| format!("dunlin: {error}"))?;
        Ok(Self(Box::new(server)))
    }

    pub(crate) async fn stop(self) {
        self.0.shutdown().await;
    }

    pub(crate) fn monitor(&self) -> Option<SocketAddr> {
        self.0.monitor_addr()
    }

    pub(crate) fn websocket(&self) -> Option<SocketAddr> {
        self.0.websocket_addr()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.addr()
    }
}

impl std::fmt::Debug for Ours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ours({})", self.address())
    }
}
