//! Services: who answers what, found by whoever asks.
//!
//! A service is a name, a version and endpoints; each endpoint is a subject that requests come to,
//! shared among all instances by a queue group. Everybody may ask who is there: each instance
//! answers on `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS`, on those with its name behind them, and on
//! those with its name and id. Source: the convention of all NATS clients, ADR-32.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = dunlin_server::Server::builder().port(0).start().await?;
//! # let client = dunlin::ConnectOptions::new().connect_with(server.connect()).await?;
//! let service = client.service_builder().start("math", "1.0.0").await?;
//! let mut doubling = service.endpoint("double").await?;
//! tokio::spawn(async move {
//!     while let Some(request) = doubling.next().await {
//!         let text = String::from_utf8_lossy(&request.message.payload);
//!         let answer = match text.parse::<u32>() {
//!             Ok(number) => Ok((2 * number).to_string()),
//!             Err(error) => Err(dunlin::service::Error::new(400, error)),
//!         };
//!         let _ = request.respond(answer).await; // Whoever asked may have gone.
//!     }
//! });
//! assert_eq!(client.request("double", "21").await?.payload, "42");
//! let found = dunlin::service::Discovery::new().name("math").info(&client).await?;
//! assert_eq!(found[0].endpoints[0].subject, "double");
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::task::AbortHandle;

use crate::client::Client;
use crate::error::SubscribeError;
use crate::message::Subject;

mod control;
mod discover;
mod endpoint;
mod failure;
mod record;
mod request;
mod time;

pub use discover::Discovery;
pub use endpoint::{Endpoint, EndpointBuilder, Group};
pub use failure::{Error, ServiceError, ServiceErrorKind};
pub use record::{EndpointInfo, EndpointStats, Info, Ping, Stats};
pub use request::Request;

use endpoint::EndpointState;

/// Names and values that describe a service or an endpoint.
pub type Metadata = BTreeMap<String, String>;

impl Client {
    /// Makes a service of this program: see [`service`](crate::service).
    pub fn service_builder(&self) -> ServiceBuilder {
        ServiceBuilder {
            client: self.clone(),
            description: String::new(),
            metadata: Metadata::new(),
            queue: Some(QUEUE.into()),
            prefix: PREFIX.into(),
        }
    }
}

/// What a service is to be, before it starts.
#[derive(Debug)]
#[must_use = "nothing happens until `start`"]
pub struct ServiceBuilder {
    client: Client,
    description: String,
    metadata: Metadata,
    queue: Option<Subject>,
    prefix: Subject,
}

impl ServiceBuilder {
    /// What it does, for people. Default: nothing said.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// What else is to be known of it. Default: nothing.
    pub fn metadata(mut self, metadata: impl IntoIterator<Item = (String, String)>) -> Self {
        self.metadata = metadata.into_iter().collect();
        self
    }

    /// The queue group of its endpoints, as far as they name none of their own. Default: `q`.
    pub fn queue_group(mut self, group: impl AsRef<str>) -> Self {
        self.queue = Some(group.as_ref().into());
        self
    }

    /// No queue group: each instance gets each request, as far as an endpoint names none.
    pub fn without_queue_group(mut self) -> Self {
        self.queue = None;
        self
    }

    /// What stands in the place of `$SRV`, where that is not allowed. Default: `$SRV`.
    pub fn prefix(mut self, prefix: impl AsRef<str>) -> Self {
        self.prefix = prefix.as_ref().into();
        self
    }

    /// Starts to answer those who ask who is there. Must be called within the client's runtime.
    ///
    /// # Errors
    ///
    /// The name is not made of letters, digits, `-` and `_`; the version is not `1.2.3`, perhaps
    /// with `-pre` and `+build` behind it; or the server does not allow the subscriptions.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves nothing behind.
    pub async fn start(
        self,
        name: impl Into<String>,
        version: impl Into<String>,
    ) -> Result<Service, ServiceError> {
        let (name, version) = (name.into(), version.into());
        failure::check_name(&name)?;
        failure::check_version(&version)?;
        let state = Arc::new(State {
            id: self.client.new_name(),
            name,
            version,
            description: self.description,
            metadata: self.metadata,
            started: SystemTime::now(),
            endpoints: Mutex::default(),
        });
        let asked = control::subscribe(&self.client, &self.prefix, &state).await?;
        let answering = control::answer(self.client.clone(), asked, Arc::clone(&state));
        let answering = tokio::spawn(answering).abort_handle();
        Ok(Service {
            inner: Arc::new(Inner {
                client: self.client,
                queue: self.queue,
                state,
                answering,
            }),
        })
    }
}

/// A service of this program, made by [`ServiceBuilder::start`].
///
/// Clones are cheap and are the same service. It is there as long as one of them, or one of its
/// endpoints, is; then it ends at once. [`Service::stop`] ends it in order.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    queue: Option<Subject>,
    state: Arc<State>,
    answering: AbortHandle,
}

/// What those who ask are told of.
struct State {
    name: String,
    id: String,
    version: String,
    description: String,
    metadata: Metadata,
    started: SystemTime,
    /// Those that end stay, with their figures.
    endpoints: Mutex<Vec<Arc<EndpointState>>>,
}

impl Service {
    /// Takes requests on `subject`, under the same name, its dots replaced by `-`.
    ///
    /// # Errors
    ///
    /// The subject is malformed, or the server does not allow it.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves no endpoint behind.
    pub async fn endpoint(&self, subject: impl AsRef<str>) -> Result<Endpoint, ServiceError> {
        self.endpoint_builder().add(subject).await
    }

    /// Takes requests under a name, a queue group or a description of their own.
    pub fn endpoint_builder(&self) -> EndpointBuilder {
        EndpointBuilder::new(Arc::clone(&self.inner), None, self.inner.queue.clone())
    }

    /// Endpoints whose subjects all begin with `prefix` and a dot.
    pub fn group(&self, prefix: impl AsRef<str>) -> Group {
        let queue = self.inner.queue.clone();
        Group::new(Arc::clone(&self.inner), prefix.as_ref().into(), queue)
    }

    /// The id of this instance; no other has it.
    pub fn id(&self) -> &str {
        &self.inner.state.id
    }

    /// What those who ask are told.
    pub fn info(&self) -> Info {
        self.inner.state.info()
    }

    /// The figures of its endpoints.
    pub fn stats(&self) -> Stats {
        self.inner.state.stats()
    }

    /// Sets all figures back to nothing.
    pub fn reset(&self) {
        for endpoint in self.inner.state.endpoints() {
            endpoint.reset();
        }
    }

    /// Ends it in order: answers those who ask no longer, and ends all endpoints; what was sent to
    /// them before can still be read, and their streams end behind it.
    ///
    /// # Errors
    ///
    /// The connection was lost or closed meanwhile; it has ended all the same.
    pub async fn stop(&self) -> Result<(), ServiceError> {
        self.inner.answering.abort();
        let endpoints = self.inner.state.endpoints();
        let mut ended = Vec::new();
        for one in &endpoints {
            ended.extend(self.inner.client.end(one.sid).await);
        }
        for ended in ended {
            // One that is not answered for has ended all the same, with the client.
            if let Ok(Err(error)) = ended.await {
                let error = crate::error::FlushError::from(error);
                return Err(ServiceError::with_source(ServiceErrorKind::Closed, error));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = &self.inner.state;
        f.debug_struct("Service")
            .field("name", &state.name)
            .field("version", &state.version)
            .field("id", &state.id)
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

impl State {
    fn endpoints(&self) -> Vec<Arc<EndpointState>> {
        let endpoints = self.endpoints.lock();
        endpoints.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, endpoint: Arc<EndpointState>) {
        let endpoints = self.endpoints.lock();
        endpoints
            .unwrap_or_else(PoisonError::into_inner)
            .push(endpoint);
    }

    fn ping(&self) -> Ping {
        Ping {
            name: self.name.clone(),
            id: self.id.clone(),
            version: self.version.clone(),
            metadata: self.metadata.clone(),
        }
    }

    fn info(&self) -> Info {
        Info {
            name: self.name.clone(),
            id: self.id.clone(),
            version: self.version.clone(),
            description: self.description.clone(),
            metadata: self.metadata.clone(),
            endpoints: self.endpoints().iter().map(|one| one.info()).collect(),
        }
    }

    fn stats(&self) -> Stats {
        Stats {
            name: self.name.clone(),
            id: self.id.clone(),
            version: self.version.clone(),
            metadata: self.metadata.clone(),
            started: time::rfc3339(self.started),
            endpoints: self.endpoints().iter().map(|one| one.stats()).collect(),
        }
    }
}

fn refused(error: SubscribeError) -> ServiceError {
    ServiceError::with_source(ServiceErrorKind::Subscribe, error)
}

/// As all clients have it.
const QUEUE: &str = "q";
const PREFIX: &str = "$SRV";
