//! The monitoring port as the server opens it: where it listens, and what is told there.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use dunlin_protocol::Info;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::http::{self, Gate, Keys, MonitorOptions, Request, Serving};
use crate::monitor::{Certificate, Facts, Monitor};
use crate::net::{Encryption, Prepared, TlsError, TlsOptions, bind, keep_fresh};
use crate::options::Builder;
use crate::peer::{Access, Host, Latency};

/// The listener for clients, and the two others, as metrics name them.
pub(crate) use crate::monitor::CLIENTS;
pub(crate) const WEBSOCKET: &str = "websocket";
const PAGES: &str = "monitor";

/// How long an encrypted connection may take to agree on how, as the reference server has it.
const TLS_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);

/// A monitoring port that is bound; nobody is served yet.
pub(crate) struct Bound {
    socket: TcpListener,
    address: SocketAddr,
    host: String,
    options: MonitorOptions,
    encryption: Option<Arc<Encryption>>,
}

/// Why there is no monitoring port.
pub(crate) enum Failure {
    /// It could not be bound: what was asked for, and what the system said.
    Listen(String, io::Error),
    /// It cannot be encrypted.
    Tls(TlsError),
}

/// What there is to be told of.
pub(crate) struct Sources {
    pub(crate) host: Arc<Host>,
    pub(crate) latency: Arc<Latency>,
    /// What encrypts each listener, but for this one.
    pub(crate) encryptions: Vec<(&'static str, Arc<Encryption>)>,
}

/// A monitoring port that is open.
pub(crate) struct Monitoring {
    address: SocketAddr,
    host: String,
    monitor: Arc<Monitor>,
    serving: Serving,
    /// With what reads its certificate again when that changes.
    encryption: Option<(Arc<Encryption>, AbortHandle)>,
}

impl Bound {
    /// Binds the port that is asked for, if one is.
    ///
    /// # Errors
    ///
    /// It could not be bound, or encrypted.
    pub(crate) async fn new(builder: &Builder) -> Result<Option<Self>, Failure> {
        let Some(options) = builder.monitor.clone() else {
            return Ok(None);
        };
        let encryption = options.is_encrypted.then(|| encryption(builder));
        let encryption = encryption.transpose().map_err(Failure::Tls)?;
        let host = options.host.clone().unwrap_or(builder.host.clone());
        let asked = format!("{host}:{}", options.port);
        let bound = bind(&host, options.port).await;
        let (socket, address) = bound.map_err(|error| Failure::Listen(asked, error))?;
        let scheme = scheme(&options);
        tracing::info!("Starting {scheme} monitor on {host}:{}", address.port());
        Ok(Some(Self {
            socket,
            address,
            host,
            options,
            encryption,
        }))
    }

    /// Begins to serve what there is to tell of `sources`; clients come to `port`.
    pub(crate) fn serve(
        self,
        sources: Sources,
        port: u16,
        builder: &Builder,
        access: &Access,
        info: &Info,
    ) -> Monitoring {
        let told = facts(&self.host, self.address, port, builder, access, info);
        let encryption = self.encryption;
        let own = encryption.clone().map(|it| (PAGES, it));
        let certificates = sources.encryptions.into_iter().chain(own);
        let certificates = certificates.map(|(listener, encryption)| Certificate {
            listener,
            ends: Box::new(move || encryption.certificate_ends()),
        });
        let now = tokio::time::Instant::now().into_std();
        let Sources { host, latency, .. } = sources;
        let monitor = Monitor::new(host, latency, certificates.collect(), told, now);
        let keys = encryption
            .clone()
            .map(|encryption| Keys::new(move || encryption.config()));
        if self.options.is_traffic_watched {
            monitor.watch_traffic(true, tokio::time::Instant::now().into_std());
        }
        let gate = gate(builder);
        if gate.is_closed_to_strangers() && !self.address.ip().is_loopback() {
            tracing::info!(
                "Monitoring asks who does not come from this machine for a user; monitoring \
                 {{ demand_user: false }} lets everybody read"
            );
        }
        let serving = http::serve(
            self.socket,
            keys,
            Arc::clone(&monitor),
            gate,
            &self.options.base_path,
        );
        Monitoring {
            address: self.address,
            host: self.host,
            monitor,
            serving,
            encryption: encryption.map(|it| {
                let fresh = tokio::spawn(keep_fresh(Arc::clone(&it)));
                (it, fresh.abort_handle())
            }),
        }
    }
}

impl Monitoring {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What encrypts the port with these options, if anything does.
    ///
    /// # Errors
    ///
    /// There is no certificate, or it cannot be used.
    pub(crate) fn prepare(&self, builder: &Builder) -> Result<Option<Prepared>, TlsError> {
        let options = self.encryption.is_some().then(|| certificate(builder));
        let prepared = options
            .transpose()?
            .map(|options| Prepared::new(Some(options)));
        prepared.transpose()
    }

    /// Encrypts new connections as `change` has it.
    pub(crate) fn obey(&self, change: Option<Prepared>) {
        if let Some(((encryption, _), change)) = self.encryption.as_ref().zip(change) {
            encryption.obey(change);
        }
    }

    /// Tells of other options from now on.
    pub(crate) fn tell(&self, port: u16, builder: &Builder, access: &Access, info: &Info) {
        let told = facts(&self.host, self.address, port, builder, access, info);
        self.monitor.set_facts(told);
        self.serving.set_gate(gate(builder));
    }

    /// The next thing that a visitor asks of whoever runs the server; none once nobody is served.
    pub(crate) async fn wish(&self) -> Option<Request> {
        self.serving.wish().await
    }

    /// Counts what flows from now on, or stops.
    pub(crate) fn watch_traffic(&self, is_on: bool) {
        let now = tokio::time::Instant::now().into_std();
        self.monitor.watch_traffic(is_on, now);
    }

    /// Accepts nobody any more, and ends what is open soon.
    pub(crate) fn stop(&self) {
        if let Some((_, fresh)) = &self.encryption {
            fresh.abort();
        }
        self.serving.stop();
    }

    /// Resolves when nobody is served any more.
    pub(crate) async fn wait(&mut self) {
        self.serving.wait().await;
    }
}

fn scheme(options: &MonitorOptions) -> &'static str {
    if options.is_encrypted {
        "https"
    } else {
        "http"
    }
}

fn encryption(builder: &Builder) -> Result<Arc<Encryption>, TlsError> {
    Encryption::new(Some(certificate(builder)?))
}

/// The server's certificate; nobody is asked for one of theirs here, as with the reference server.
fn certificate(builder: &Builder) -> Result<TlsOptions, TlsError> {
    let tls = builder.tls.as_ref().ok_or(TlsError::NoCertificate)?;
    Ok(tls.for_strangers())
}

/// Who may see and do what not everybody may.
fn gate(builder: &Builder) -> Gate {
    let options = builder.monitor.as_ref();
    let is_demanded = options.and_then(|options| options.is_user_demanded);
    // The same was found good when the server's own was made.
    let access = Access::new(&builder.authorization).unwrap_or_default();
    Gate::new(access, is_demanded)
}

/// What is told of a server with these options.
fn facts(
    monitor_host: &str,
    monitor_address: SocketAddr,
    port: u16,
    builder: &Builder,
    access: &Access,
    info: &Info,
) -> Facts {
    let options = builder.monitor.clone();
    let options = options.unwrap_or_else(|| MonitorOptions::port(monitor_address.port()));
    let (host, port) = builder.told_address(port);
    let tls = builder.tls.as_ref();
    Facts {
        server_id: info.server_id.clone(),
        server_name: info.server_name.clone(),
        version: info.version.clone(),
        go: info.go.clone(),
        host,
        port,
        auth_required: access.is_required(),
        tls_required: tls.is_some_and(|tls| !tls.is_optional()),
        tls_verify: tls.is_some_and(|tls| tls.wants_certificates()),
        max_connections: builder.connections_max,
        max_subscriptions: builder.subscriptions_max,
        ping_interval: builder.ping_interval,
        ping_max: builder.ping_max,
        http_host: monitor_host.to_owned(),
        http_port: if options.is_encrypted {
            0
        } else {
            monitor_address.port()
        },
        https_port: if options.is_encrypted {
            monitor_address.port()
        } else {
            0
        },
        http_base_path: options.base_path,
        auth_timeout: access.timeout(),
        tls_timeout: tls.map_or(TLS_TIMEOUT, TlsOptions::handshake_max),
        max_control_line: builder.control_line_max,
        max_payload: builder.payload_max,
        max_pending: builder.pending_max,
        max_pending_total: builder.pending_total(),
        write_deadline: builder.write_deadline,
        tags: builder.tags.clone(),
        metadata: builder.metadata.clone(),
        configured_at: SystemTime::now(),
        config_digest: options.config_digest,
        websocket: builder.websocket.as_ref().map(|websocket| {
            let host = websocket.host.clone().unwrap_or(builder.host.clone());
            (host, websocket.port)
        }),
    }
}
