//! What can be chosen about the monitoring port.

/// Where a server is to be watched.
///
/// A visitor from this machine may read its pages and control the server. One from elsewhere names
/// a user of the bus, unless that is switched off ([`MonitorOptions::demand_user`]); where no users
/// are configured it reads what anybody could subscribe to, and controls nothing. `/healthz` is
/// open to all.
#[derive(Debug, Clone)]
#[must_use = "nothing listens before the server starts"]
pub struct MonitorOptions {
    pub(crate) host: Option<String>,
    pub(crate) port: u16,
    pub(crate) base_path: String,
    pub(crate) config_digest: String,
    pub(crate) is_user_demanded: Option<bool>,
    pub(crate) is_encrypted: bool,
    pub(crate) is_traffic_watched: bool,
}

impl MonitorOptions {
    /// Listens on this port, and on the host that clients connect to; 0 takes a free one, which
    /// [`Server::monitor_addr`](crate::Server::monitor_addr) tells.
    pub fn port(port: u16) -> Self {
        Self {
            host: None,
            port,
            base_path: String::new(),
            config_digest: String::new(),
            is_user_demanded: None,
            is_encrypted: false,
            is_traffic_watched: false,
        }
    }

    /// Listens on this address or host name instead of the one that clients connect to.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Puts every page below this path, as in `/nats`. Default: none.
    pub fn base_path(mut self, path: impl Into<String>) -> Self {
        let path = path.into();
        let inner = path.trim_matches('/');
        self.base_path = match inner {
            "" => String::new(),
            inner => format!("/{inner}"),
        };
        self
    }

    /// Demands a user of the bus from everybody, or from nobody. What a user may do here follows
    /// from its permissions. Default: demanded from those who do not come from this machine, where
    /// users are configured.
    pub fn demand_user(mut self, is_demanded: bool) -> Self {
        self.is_user_demanded = Some(is_demanded);
        self
    }

    /// Counts from the start on which subjects and publishers have the most traffic, what nobody
    /// reads and what is refused, for `/trafficz`; it can be switched there as well. Memory is
    /// bounded, messages are sampled. Default: no.
    pub fn watch_traffic(mut self, is_on: bool) -> Self {
        self.is_traffic_watched = is_on;
        self
    }

    /// Serves the pages over HTTPS, with the certificate of [`Builder::tls`](crate::Builder::tls),
    /// without which the server does not start. Nobody is asked for a certificate here. Default: in
    /// the open.
    pub fn encrypted(mut self, is_encrypted: bool) -> Self {
        self.is_encrypted = is_encrypted;
        self
    }

    /// Where the pages are, and whether encrypted.
    pub(crate) fn place(&self) -> (Option<&str>, u16, &str, bool) {
        (
            self.host.as_deref(),
            self.port,
            &self.base_path,
            self.is_encrypted,
        )
    }

    /// Tells what was configured, so that two servers can be compared: `sha256:` and the digest of
    /// the file. Default: nothing.
    pub fn config_digest(mut self, digest: impl Into<String>) -> Self {
        self.config_digest = digest.into();
        self
    }
}
