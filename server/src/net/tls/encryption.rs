//! How the connections of a listener are encrypted: what holds now, and the bounds on what is under
//! way.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::{Mutex, RwLock};
use rustls::ServerConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::config::{self, TlsError};
use super::options::TlsOptions;
use super::stamps::Stamps;

/// The most handshakes under way; one more connection is closed at once. Each costs a millisecond
/// of a core: more could not be done within the two seconds that they have.
const HANDSHAKES_MAX: usize = 4096;
/// The time in which handshakes are counted against a rate.
const RATE_INTERVAL: Duration = Duration::from_secs(1);

/// The encryption of one listener.
pub(crate) struct Encryption {
    /// None while connections are in the open.
    current: RwLock<Option<Arc<Current>>>,
    under_way: Arc<Semaphore>,
    rate: Mutex<Rate>,
}

/// Another encryption, read and found good, so that several can change together or none.
pub(crate) struct Prepared(Option<Arc<Current>>);

/// What holds for connections made now.
pub(in crate::net) struct Current {
    pub(super) options: TlsOptions,
    pub(super) config: Arc<ServerConfig>,
    pub(super) pins: Vec<String>,
    /// When the first of the certificates expires.
    pub(super) not_after: SystemTime,
    /// How the files stood before they were read.
    pub(super) stamps: Stamps,
}

/// Handshakes begun in the interval under way.
#[derive(Default)]
struct Rate {
    until: Option<Instant>,
    begun: u64,
}

impl Encryption {
    /// # Errors
    ///
    /// A file cannot be read, or does not hold what it should; a name means nothing.
    pub(crate) fn new(options: Option<TlsOptions>) -> Result<Arc<Self>, TlsError> {
        Ok(Arc::new(Self {
            current: RwLock::new(Prepared::new(options)?.0),
            under_way: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
            rate: Mutex::default(),
        }))
    }

    /// What holds now.
    pub(in crate::net) fn current(&self) -> Option<Arc<Current>> {
        self.current.read().clone()
    }

    /// What encrypts now, for a listener that others serve.
    #[cfg(feature = "http")]
    pub(crate) fn config(&self) -> Option<Arc<ServerConfig>> {
        self.current().map(|current| Arc::clone(&current.config))
    }

    /// When the first of the certificates that are shown now expires; none in the open.
    #[cfg(feature = "http")]
    pub(crate) fn certificate_ends(&self) -> Option<SystemTime> {
        self.current().map(|current| current.not_after)
    }

    /// Encrypts new connections as `change` has it.
    pub(crate) fn obey(&self, change: Prepared) {
        *self.current.write() = change.0;
    }

    /// Lets `fresh` take the place of `stale`, if that is what holds.
    pub(super) fn renew(&self, stale: &Arc<Current>, fresh: Current) -> bool {
        let mut current = self.current.write();
        let is_it = current
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, stale));
        if is_it {
            *current = Some(Arc::new(fresh));
        }
        is_it
    }

    /// Room for one more handshake, until it is dropped.
    pub(in crate::net) fn begin(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.under_way).try_acquire_owned().ok()
    }

    /// Whether one more handshake is within the rate.
    pub(super) fn is_within_rate(&self, most: Option<u64>, now: Instant) -> bool {
        let Some(most) = most else {
            return true;
        };
        let mut rate = self.rate.lock();
        if rate.until.is_none_or(|until| until <= now) {
            *rate = Rate {
                until: Some(now + RATE_INTERVAL),
                begun: 0,
            };
        }
        rate.begun += 1;
        rate.begun <= most
    }
}

impl Prepared {
    /// # Errors
    ///
    /// As for [`Encryption::new`].
    pub(crate) fn new(options: Option<TlsOptions>) -> Result<Self, TlsError> {
        let current = options.map(Current::new).transpose()?;
        Ok(Self(current.map(Arc::new)))
    }
}

impl Current {
    pub(super) fn new(options: TlsOptions) -> Result<Self, TlsError> {
        Ok(Self {
            stamps: Stamps::of(&options),
            config: Arc::new(config::load(&options)?),
            pins: config::pins(&options)?,
            not_after: config::facts(&options)?.not_after,
            options,
        })
    }
}
