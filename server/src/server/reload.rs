//! Other options for a server that runs.

use std::fmt;
use std::sync::Arc;

use super::{Server, StartError, assemble, unix};
use crate::net::Prepared;
use crate::options::{Builder, Difference, WriteTimeout};

/// An option that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Its key in a configuration file.
    pub name: &'static str,
    /// Its new value; empty for what holds secrets.
    pub value: String,
}

impl Server {
    /// Lets `options` hold instead of those before: all of them, or nothing changes.
    ///
    /// What can change: limits of payloads, control lines, connections and of all that waits
    /// together, pings, the write
    /// deadline, what becomes of messages for who lags, who may connect, and how new connections are encrypted: certificates are read
    /// again. Connections that are there feel it: a user who is gone, or
    /// whose password is another now, is closed with `Authorization Violation`; a subscription that
    /// is not allowed any more is taken back, with a `Permissions Violation` that names it; with
    /// fewer connections allowed, the youngest go. Returns what has changed; connections may notice
    /// a moment later.
    ///
    /// # Errors
    ///
    /// An option differs that cannot change, or the options contradict each other; the old ones go
    /// on.
    pub fn reload(&self, options: Builder) -> Result<Vec<Change>, ReloadError> {
        let mut current = self.options.lock();
        let differences = current.differences(&options);
        if let Some(fixed) = differences.iter().find(|known| !known.can_change) {
            return Err(ReloadError::Unsupported {
                option: fixed.go_name,
                old: fixed.old.clone(),
                new: fixed.new.clone(),
            });
        }
        let info = self.nats.terms().info.clone();
        let mut terms = assemble::terms(&options, info).map_err(ReloadError::Options)?;
        terms.settings.http_port = self.nats.terms().settings.http_port; // It does not move.
        let prepared =
            |tls| Prepared::new(tls).map_err(|error| ReloadError::Options(StartError::Tls(error)));
        let websocket = options.websocket.as_ref();
        let beside = prepared(websocket.and_then(|websocket| websocket.tls.clone()))?;
        #[cfg(feature = "http")]
        let pages = match &self.monitoring {
            Some(monitoring) => (monitoring.prepare(&options))
                .map_err(|error| ReloadError::Options(StartError::Tls(error)))?,
            None => None,
        };
        self.encryption.obey(prepared(options.tls.clone())?);
        let port = self.address.port();
        self.door.set_way(assemble::way(&options, port));
        if let Some(door) = &self.unix {
            door.set_way(unix::way(&self.door.way(), options.unix_lag));
        }
        terms.room_up_to = self.host.table.make_room_for(options.connections_max);
        let keeps_stalled = options.write_timeout == WriteTimeout::Retry;
        self.hub
            .set_write_deadline(options.write_deadline, keeps_stalled);
        (self.host.ledgers).obey(options.per_user, options.per_address);
        self.hub.set_pending_total_max(options.pending_total());
        if let Some(port) = &self.websocket {
            port.obey(&options, beside);
        }
        #[cfg(feature = "http")]
        if let Some(monitoring) = &self.monitoring {
            let port = self.address.port();
            monitoring.obey(pages);
            monitoring.tell(port, &options, &terms.access, &terms.info);
            let is_watched = |options: &Builder| {
                let monitor = options.monitor.as_ref();
                monitor.is_some_and(|monitor| monitor.is_traffic_watched)
            };
            if is_watched(&current) != is_watched(&options) {
                monitoring.watch_traffic(is_watched(&options));
            }
        }
        self.nats.set_terms(Arc::new(terms));
        self.hub.notify_all();
        *current = options;
        Ok(differences.into_iter().map(Change::from).collect())
    }
}

impl From<Difference> for Change {
    fn from(difference: Difference) -> Self {
        Self {
            name: difference.name,
            value: difference.new,
        }
    }
}

/// Why options were not taken over; the old ones go on.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReloadError {
    /// An option differs that cannot change while the server runs.
    #[non_exhaustive]
    Unsupported {
        /// Its name inside the reference server, which tools know.
        option: &'static str,
        /// What holds.
        old: String,
        /// What was asked for.
        new: String,
    },
    /// The options contradict each other.
    Options(StartError),
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { option, old, new } => write!(
                f,
                "config reload not supported for {option}: old={old}, new={new}"
            ),
            Self::Options(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReloadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unsupported { .. } => None,
            Self::Options(error) => Some(error),
        }
    }
}
