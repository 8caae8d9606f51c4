//! Opens the doors and shuts them.

mod assemble;
mod error;
mod reload;
mod retire;
mod unix;
mod websocket;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;

pub use assemble::REFERENCE_VERSION;
pub use error::StartError;
pub use reload::{Change, ReloadError};

use crate::doors::nats::{self, Nats, NatsDoor, Way};
use crate::events;
#[cfg(feature = "http")]
use crate::http::Request;
#[cfg(feature = "http")]
use crate::monitoring::{Bound, CLIENTS, Monitoring, Sources, WEBSOCKET};
pub use crate::net::Batching;
use crate::net::{AllGone, Bounds, Encryption, Hub, Listener, Pipe, bind};
use crate::options::{Builder, WriteTimeout};
use crate::peer::{ConnectionType, Host, Statistics, read_text};
use websocket::WebsocketPort;

/// A server that runs until it is shut down or dropped.
///
/// Dropping it stops it as [`Server::shutdown`] does, but does not wait: its tasks end by
/// themselves soon after, or with the runtime.
pub struct Server {
    address: SocketAddr,
    host: Arc<Host>,
    hub: Arc<Hub>,
    nats: Arc<Nats>,
    /// The door behind the port.
    door: Arc<NatsDoor>,
    encryption: Arc<Encryption>,
    websocket: Option<WebsocketPort>,
    /// The door behind the Unix-domain socket.
    unix: Option<Arc<NatsDoor>>,
    /// What holds now; changed by a reload.
    options: Mutex<Builder>,
    gone: AllGone,
    #[cfg(feature = "http")]
    monitoring: Option<Monitoring>,
}

impl Server {
    /// Options for a new server.
    pub fn builder() -> Builder {
        Builder::default()
    }

    async fn start(options: Builder) -> Result<Self, StartError> {
        #[cfg_attr(not(feature = "http"), allow(unused_mut, reason = "nobody to tell of"))]
        let mut terms = assemble::terms(&options, assemble::info(&options))?;
        let encryption = Encryption::new(options.tls.clone()).map_err(StartError::Tls)?;
        #[cfg(feature = "http")]
        let monitoring = Bound::new(&options).await?;
        let websocket = websocket::bind(&options).await?;
        // Last, since whoever waits for a server looks whether this port is open.
        let bound = bind(&options.host, options.port).await;
        let (socket, address) =
            bound.map_err(|error| StartError::listen(&options.host, options.port, error))?;
        let unix = unix::bind(&options).await?;
        let host = Arc::new(assemble::host(&options));
        tracing::info!("  Name:     {}", terms.info.server_name);
        tracing::info!("  ID:       {}", terms.info.server_id);
        let bounds = Bounds {
            pending_max: options.pending_max,
            pending_total_max: options.pending_total(),
            last_words: nats::slow_words(),
            read_text,
            write_deadline: options.write_deadline,
            keeps_stalled: options.write_timeout == WriteTimeout::Retry,
        };
        let (hub, gone) = Hub::start(bounds);
        events::start(&host, &hub, &terms.info.server_id, options.pending_max);
        let way = assemble::way(&options, address.port());
        #[cfg(feature = "http")]
        let monitoring = monitoring.map(|bound| {
            let sources = sources(&host, &hub, &encryption, websocket.as_ref());
            let port = address.port();
            bound.serve(sources, port, &options, &terms.access, &terms.info)
        });
        #[cfg(feature = "http")]
        {
            let monitoring = monitoring.as_ref().map(Monitoring::address);
            terms.settings.http_port = monitoring.map(|address| address.port());
        }
        let nats = Nats::new(Arc::clone(&host), hub.clone(), Arc::new(terms));
        let door = NatsDoor::new(&nats, way);
        let mut server = Self {
            address,
            host,
            hub,
            nats,
            door,
            encryption,
            websocket: None,
            unix: None,
            options: Mutex::new(options),
            gone,
            #[cfg(feature = "http")]
            monitoring,
        };
        let mut listener = server.listener(&server.door);
        listener.encryption = Some(Arc::clone(&server.encryption));
        listener.listen(socket);
        server.websocket = websocket.map(|bound| bound.listen(&server));
        tracing::info!("Listening for client connections on {address}");
        match server.door.way().encryption {
            nats::Encryption::None => {}
            nats::Encryption::Available => {
                tracing::info!("TLS available for client connections");
            }
            nats::Encryption::Required => tracing::info!("TLS required for client connections"),
        }
        server.unix = unix.map(|bound| server.listen_unix(bound));
        tracing::info!("Server is ready");
        Ok(server)
    }

    /// Where the server listens; the port is the real one where 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Where the server listens for WebSockets, if it does.
    pub fn websocket_addr(&self) -> Option<SocketAddr> {
        self.websocket.as_ref().map(|port| port.address)
    }

    /// Where the server can be watched, if it can; over HTTP, or HTTPS if that was chosen.
    #[cfg(feature = "http")]
    pub fn monitor_addr(&self) -> Option<SocketAddr> {
        self.monitoring.as_ref().map(Monitoring::address)
    }

    /// What a NATS client connects to: `nats://`, or `tls://` where it must encrypt, and the
    /// address.
    pub fn url(&self) -> String {
        let scheme = match self.door.way().encryption {
            nats::Encryption::Required => "tls",
            _ => "nats",
        };
        format!("{scheme}://{}", self.address)
    }

    /// Opens a connection without a socket: the server's side is served like any other, the other
    /// side is returned as a stream of bytes for a client.
    ///
    /// After a shutdown the stream is at its end from the start.
    pub fn connect(&self) -> Pipe {
        let way = Way {
            kind: ConnectionType::InProcess,
            encryption: nats::Encryption::None,
            is_verified: false,
            ..(*self.door.way()).clone()
        };
        let door = NatsDoor::new(&self.nats, way);
        self.listener(&door).connect_in_process()
    }

    /// What has been counted since the start.
    pub fn statistics(&self) -> Statistics {
        self.host.statistics()
    }

    /// How many connections and subscriptions have left since the start. Costs two locks, however
    /// many there are; [`Server::statistics`] asks every connection.
    pub fn departures(&self) -> (u64, u64) {
        self.host.departures()
    }

    /// The next thing that a visitor of the monitoring port asks of whoever runs the server, who
    /// answers it. Without such a port nothing ever comes.
    ///
    /// Who may ask: docs/monitoring.md#control.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    #[cfg(feature = "http")]
    pub async fn asked(&self) -> Request {
        if let Some(monitoring) = &self.monitoring
            && let Some(request) = monitoring.wish().await
        {
            return request;
        }
        std::future::pending().await
    }

    /// Stops: accepts nobody any more, sends to every reader what is queued for it (for at most
    /// two seconds), closes all connections, and returns when no task is left.
    ///
    /// # Cancel safety
    ///
    /// The stop goes on when the future is dropped; only the waiting ends.
    pub async fn shutdown(mut self) {
        self.hub.stop();
        #[cfg(feature = "http")]
        if let Some(monitoring) = &mut self.monitoring {
            monitoring.stop();
            monitoring.wait().await;
        }
        self.gone.wait().await;
    }

    /// Leaves small writes to the end of what is ready, on threads that call
    /// [`Batching::flush`] before they wait. The first call counts, and the first server of a
    /// batching.
    pub fn batch_writes(&self, batching: &Batching) {
        self.hub.batch_writes(batching);
    }

    fn listener(&self, door: &Arc<NatsDoor>) -> Listener {
        Listener {
            hub: Arc::clone(&self.hub),
            door: door.clone(),
            encryption: None,
        }
    }
}

impl Builder {
    /// Starts the server on the runtime of the caller; it accepts connections when this returns.
    ///
    /// # Errors
    ///
    /// The address cannot be resolved or bound, or options contradict each other; nothing runs
    /// then.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time enabled.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves nothing behind.
    pub async fn start(self) -> Result<Server, StartError> {
        Server::start(self).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.hub.stop();
        #[cfg(feature = "http")]
        if let Some(monitoring) = &self.monitoring {
            monitoring.stop();
        }
    }
}

/// What the monitoring port is to tell of.
#[cfg(feature = "http")]
fn sources(
    host: &Arc<Host>,
    hub: &Hub,
    encryption: &Arc<Encryption>,
    websocket: Option<&websocket::Bound>,
) -> Sources {
    let websocket = websocket.map(|bound| (WEBSOCKET, bound.encryption()));
    let clients = (CLIENTS, Arc::clone(encryption));
    Sources {
        host: Arc::clone(host),
        latency: hub.latency(),
        encryptions: websocket.into_iter().chain([clients]).collect(),
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
