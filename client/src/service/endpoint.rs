//! Where requests come in: endpoints, and the groups that share a beginning of their subjects.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use super::failure::check_name;
use super::{EndpointInfo, EndpointStats, Inner, Metadata, Request, ServiceError, refused};
use crate::message::Subject;
use crate::subscribe::SubscribeOptions;
use crate::subscriber::Subscriber;

/// Endpoints whose subjects begin alike, made by [`Service::group`](super::Service::group).
#[derive(Clone)]
pub struct Group {
    inner: Arc<Inner>,
    prefix: Subject,
    queue: Option<Subject>,
}

impl Group {
    pub(super) fn new(inner: Arc<Inner>, prefix: Subject, queue: Option<Subject>) -> Self {
        Self {
            inner,
            prefix,
            queue,
        }
    }

    /// The queue group of its endpoints, as far as they name none of their own.
    #[must_use]
    pub fn queue_group(mut self, group: impl AsRef<str>) -> Self {
        self.queue = Some(group.as_ref().into());
        self
    }

    /// A group within this one.
    pub fn group(&self, prefix: impl AsRef<str>) -> Self {
        Self {
            prefix: under(Some(&self.prefix), prefix.as_ref()),
            ..self.clone()
        }
    }

    /// Takes requests on the group's prefix, a dot and `subject`.
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
        let prefix = Some(self.prefix.clone());
        EndpointBuilder::new(Arc::clone(&self.inner), prefix, self.queue.clone())
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// What an endpoint is to be.
#[must_use = "nothing happens until `add`"]
pub struct EndpointBuilder {
    inner: Arc<Inner>,
    prefix: Option<Subject>,
    name: Option<String>,
    queue: Option<Subject>,
    metadata: Metadata,
    options: SubscribeOptions,
    data: Option<Data>,
}

/// Makes what an endpoint adds to its figures, as JSON text.
type Data = Box<dyn Fn() -> String + Send + Sync>;

impl EndpointBuilder {
    pub(super) fn new(inner: Arc<Inner>, prefix: Option<Subject>, queue: Option<Subject>) -> Self {
        Self {
            inner,
            prefix,
            name: None,
            queue,
            metadata: Metadata::new(),
            options: SubscribeOptions::new(),
            data: None,
        }
    }

    /// Its name, of letters, digits, `-` and `_`. Default: the subject, all others replaced by `-`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Its queue group: of each request one member gets one copy. Default: that of the group or
    /// service.
    pub fn queue_group(mut self, group: impl AsRef<str>) -> Self {
        self.queue = Some(group.as_ref().into());
        self
    }

    /// No queue group: each instance gets each request.
    pub fn without_queue_group(mut self) -> Self {
        self.queue = None;
        self
    }

    /// What else is to be known of it. Default: nothing.
    pub fn metadata(mut self, metadata: impl IntoIterator<Item = (String, String)>) -> Self {
        self.metadata = metadata.into_iter().collect();
        self
    }

    /// What it adds of its own to its figures, as JSON text, made whenever somebody asks for them;
    /// what is no JSON is told as a string. Default: nothing.
    ///
    /// It is called by the task that answers for the service, which it must not hold up.
    pub fn stats_data(mut self, data: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.data = Some(Box::new(data));
        self
    }

    /// How many requests may wait here, and what becomes of more; a queue group named there is
    /// passed over. Default: what the client's options say of a subscription.
    pub fn limits(mut self, options: SubscribeOptions) -> Self {
        self.options = options;
        self
    }

    /// Takes requests on `subject`, behind the group's prefix.
    ///
    /// # Errors
    ///
    /// The name or subject is malformed, or the server does not allow it.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves no endpoint behind.
    pub async fn add(mut self, subject: impl AsRef<str>) -> Result<Endpoint, ServiceError> {
        let subject = subject.as_ref();
        let name = self.name.unwrap_or_else(|| name_of(subject));
        check_name(&name)?;
        let subject = under(self.prefix.as_ref(), subject);
        self.options.group = self.queue.clone();
        let client = &self.inner.client;
        let requests = client.subscribe_with(&subject, self.options).await;
        let requests = requests.map_err(refused)?;
        let state = Arc::new(EndpointState {
            name,
            subject,
            queue: self.queue,
            metadata: self.metadata,
            sid: requests.sid(),
            data: self.data,
            figures: Mutex::default(),
        });
        self.inner.state.add(Arc::clone(&state));
        Ok(Endpoint {
            requests,
            state,
            inner: self.inner,
        })
    }
}

impl fmt::Debug for EndpointBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointBuilder")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The requests to one subject of a service: a stream. Dropping it takes no more.
pub struct Endpoint {
    requests: Subscriber,
    state: Arc<EndpointState>,
    inner: Arc<Inner>,
}

impl Endpoint {
    /// Waits for the next request; none when the service or the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no request.
    pub async fn next(&mut self) -> Option<Request> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// What those who ask are told of it.
    pub fn info(&self) -> EndpointInfo {
        self.state.info()
    }

    /// Its figures.
    pub fn stats(&self) -> EndpointStats {
        self.state.stats()
    }

    /// How many requests found no room in its queue. Exact.
    pub fn dropped(&self) -> u64 {
        self.requests.dropped()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Request>> {
        let next = Pin::new(&mut self.requests).poll_next(cx);
        next.map(|message| {
            let (client, state) = (self.inner.client.clone(), Arc::clone(&self.state));
            message.map(|message| Request::new(message, client, state))
        })
    }
}

impl Stream for Endpoint {
    type Item = Request;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Request>> {
        self.get_mut().poll(cx)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.state.name)
            .field("subject", &self.state.subject)
            .finish_non_exhaustive()
    }
}

/// What is known of an endpoint, to whoever asks.
pub(super) struct EndpointState {
    name: String,
    subject: Subject,
    queue: Option<Subject>,
    metadata: Metadata,
    pub(super) sid: u64,
    data: Option<Data>,
    figures: Mutex<Figures>,
}

#[derive(Default)]
struct Figures {
    requests: u64,
    errors: u64,
    last_error: String,
    processing: Duration,
}

impl EndpointState {
    pub(super) fn info(&self) -> EndpointInfo {
        EndpointInfo {
            name: self.name.clone(),
            subject: self.subject.to_string(),
            queue_group: self.queue_name(),
            metadata: self.metadata.clone(),
        }
    }

    pub(super) fn stats(&self) -> EndpointStats {
        let data = self.data.as_ref().map(|data| data());
        let figures = self.figures();
        let requests = u32::try_from(figures.requests).unwrap_or(u32::MAX);
        EndpointStats {
            name: self.name.clone(),
            subject: self.subject.to_string(),
            queue_group: self.queue_name(),
            requests: figures.requests,
            errors: figures.errors,
            last_error: figures.last_error.clone(),
            processing_time: figures.processing,
            average_processing_time: figures.processing / requests.max(1),
            data,
        }
    }

    pub(super) fn reset(&self) {
        *self.figures() = Figures::default();
    }

    pub(super) fn count(&self, processing: Duration, error: Option<String>) {
        let mut figures = self.figures();
        figures.requests += 1;
        figures.processing += processing;
        if let Some(error) = error {
            figures.errors += 1;
            figures.last_error = error;
        }
    }

    fn queue_name(&self) -> String {
        self.queue.as_deref().unwrap_or_default().to_owned()
    }

    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn under(prefix: Option<&Subject>, subject: &str) -> Subject {
    match prefix {
        Some(prefix) if !prefix.is_empty() => format!("{prefix}.{subject}").into(),
        _ => subject.into(),
    }
}

fn name_of(subject: &str) -> String {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let letter = |letter| if is_letter(letter) { letter } else { '-' };
    subject.chars().map(letter).collect()
}
