//! Opens the doors and shuts them.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use dunlin_protocol::{Info, Limits};

use crate::doors::nats::{Nats, NatsDoor, Settings, Terms, Way};
use crate::net::{AllGone, Bounds, Hub, Listener, Pipe, bind};
use crate::options::Builder;
use crate::peer::{Access, AuthorizationError, ConnectionType, Host, Statistics};

/// The version of the reference server whose behaviour is offered; clients compare it.
const REFERENCE_VERSION: &str = "2.15.2";

/// A server that runs until it is shut down or dropped.
///
/// Dropping it stops it as [`Server::shutdown`] does, but does not wait: its tasks end by
/// themselves soon after, or with the runtime.
pub struct Server {
    address: SocketAddr,
    host: Arc<Host>,
    hub: Arc<Hub>,
    nats: Arc<Nats>,
    way: Arc<Way>,
    gone: AllGone,
}

impl Server {
    /// Options for a new server.
    pub fn builder() -> Builder {
        Builder::default()
    }

    async fn start(options: Builder) -> Result<Self, StartError> {
        if options.payload_max > options.pending_max {
            return Err(StartError::PayloadOverPending {
                payload_max: options.payload_max,
                pending_max: options.pending_max,
            });
        }
        let socket = bind_first(&options).await?;
        let address = socket
            .local_addr()
            .map_err(|error| StartError::listen(&options, error))?;
        let access = Access::new(&options.authorization).map_err(StartError::Authorization)?;
        let host = Arc::new(Host::new(
            options.connections_max,
            options.subscriptions_max,
        ));
        let info = info(&options);
        tracing::info!("  Name:     {}", info.server_name);
        tracing::info!("  ID:       {}", info.server_id);
        let bounds = Bounds {
            pending_max: options.pending_max,
            write_deadline: options.write_deadline,
        };
        let (hub, gone) = Hub::start(bounds);
        let way = Way {
            host: options.host.clone(),
            port: address.port(),
            ..Way::default()
        };
        let terms = Terms {
            settings: settings(&options),
            access,
            websocket_access: None,
            info,
        };
        let nats = Nats::new(Arc::clone(&host), hub.clone(), Arc::new(terms));
        let server = Self {
            address,
            host,
            hub,
            nats,
            way: Arc::new(way),
            gone,
        };
        server.listener(&server.way).listen(socket);
        tracing::info!("Listening for client connections on {address}");
        tracing::info!("Server is ready");
        Ok(server)
    }

    /// Where the server listens; the port is the real one where 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// What a NATS client connects to: `nats://` and the address.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Opens a connection without a socket: the server's side is served like any other, the other
    /// side is returned as a stream of bytes for a client.
    ///
    /// After a shutdown the stream is at its end from the start.
    pub fn connect(&self) -> Pipe {
        let way = Way {
            kind: ConnectionType::InProcess,
            ..(*self.way).clone()
        };
        self.listener(&Arc::new(way)).connect_in_process()
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

    /// Stops: accepts nobody any more, sends to every reader what is queued for it (for at most
    /// two seconds), closes all connections, and returns when no task is left.
    ///
    /// # Cancel safety
    ///
    /// The stop goes on when the future is dropped; only the waiting ends.
    pub async fn shutdown(mut self) {
        self.hub.stop();
        self.gone.wait().await;
    }

    fn listener(&self, way: &Arc<Way>) -> Listener {
        Listener {
            hub: Arc::clone(&self.hub),
            door: Arc::new(NatsDoor {
                nats: Arc::clone(&self.nats),
                way: Arc::clone(way),
            }),
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
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Binds the first address of the host that can be bound.
async fn bind_first(options: &Builder) -> Result<tokio::net::TcpListener, StartError> {
    let resolved = tokio::net::lookup_host((options.host.as_str(), options.port)).await;
    let addresses = resolved.map_err(|error| StartError::listen(options, error))?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match bind(address) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(StartError::listen(options, last))
}

fn settings(options: &Builder) -> Settings {
    Settings {
        limits: Limits {
            control_line_max: options.control_line_max,
            payload_max: options.payload_max,
            has_headers: options.has_headers,
        },
        ping_interval: options.ping_interval,
        ping_max: options.ping_max,
    }
}

fn info(options: &Builder) -> Info {
    let server_id = nkeys::KeyPair::new_server().public_key();
    Info {
        server_name: options.name.clone().unwrap_or_else(|| server_id.clone()),
        server_id,
        version: REFERENCE_VERSION.to_owned(),
        proto: 1,
        go: concat!("rust (dunlin ", env!("CARGO_PKG_VERSION"), ")").to_owned(),
        headers: options.has_headers,
        max_payload: options.payload_max as i64,
        ..Info::default()
    }
}

/// Why a server did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The address could not be resolved or listened on.
    #[non_exhaustive]
    Listen {
        /// Host and port asked for.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// A message may be larger than what may wait for its reader: it could never be delivered.
    #[non_exhaustive]
    PayloadOverPending {
        /// The largest message, in bytes.
        payload_max: usize,
        /// The most that may wait, in bytes.
        pending_max: usize,
    },
    /// What was said of users contradicts itself.
    #[non_exhaustive]
    Authorization(AuthorizationError),
}

impl StartError {
    fn listen(options: &Builder, source: io::Error) -> Self {
        Self::Listen {
            address: format!("{}:{}", options.host, options.port),
            source,
        }
    }

    /// Whether somebody else listens on the address.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Self::PayloadOverPending {
                payload_max,
                pending_max,
            } => write!(
                f,
                "max_payload ({payload_max} bytes) is over max_pending ({pending_max} bytes)"
            ),
            Self::Authorization(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { source, .. } => Some(source),
            Self::Authorization(error) => Some(error),
            Self::PayloadOverPending { .. } => None,
        }
    }
}
