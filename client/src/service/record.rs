//! What services say of themselves, and its JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::Metadata;

/// That an instance of a service is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ping {
    /// The service's name.
    pub name: String,
    /// The instance's id.
    pub id: String,
    /// The service's version.
    pub version: String,
    /// What else is to be known of it.
    pub metadata: Metadata,
}

/// What an instance of a service is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// The service's name.
    pub name: String,
    /// The instance's id.
    pub id: String,
    /// The service's version.
    pub version: String,
    /// What it does, for people.
    pub description: String,
    /// What else is to be known of it.
    pub metadata: Metadata,
    /// Where requests may be sent.
    pub endpoints: Vec<EndpointInfo>,
}

/// Where requests may be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointInfo {
    /// The endpoint's name.
    pub name: String,
    /// Where to send requests.
    pub subject: String,
    /// Its queue group; empty if each instance gets each request.
    pub queue_group: String,
    /// What else is to be known of it.
    pub metadata: Metadata,
}

/// What an instance of a service has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The service's name.
    pub name: String,
    /// The instance's id.
    pub id: String,
    /// The service's version.
    pub version: String,
    /// What else is to be known of it.
    pub metadata: Metadata,
    /// When it was started, as RFC 3339 writes it, in UTC.
    pub started: String,
    /// What each endpoint has done.
    pub endpoints: Vec<EndpointStats>,
}

/// What an endpoint has done, since its start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointStats {
    /// The endpoint's name.
    pub name: String,
    /// Where to send requests.
    pub subject: String,
    /// Its queue group; empty if each instance gets each request.
    pub queue_group: String,
    /// How many requests came and were answered or dropped.
    pub requests: u64,
    /// How many of them were answered with an error.
    pub errors: u64,
    /// The latest of these, `code:status`; empty if there was none.
    pub last_error: String,
    /// How long they took together.
    pub processing_time: Duration,
    /// How long one took.
    pub average_processing_time: Duration,
    /// What the endpoint adds of its own, as JSON text; none where it adds nothing.
    pub data: Option<String>,
}

/// How an instance names itself in each of its answers.
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) version: String,
    pub(super) metadata: Metadata,
}

/// The three answers: what each is called on the wire, and what it says besides who says it.
pub(super) trait Record: Sized {
    const TYPE: &'static str;

    fn identity(&self) -> Identity;

    fn members(&self) -> Vec<(&'static str, Value)>;

    /// None if it is no such answer.
    fn of(identity: Identity, value: &Value) -> Option<Self>;

    fn to_json(&self) -> Vec<u8> {
        let who = self.identity();
        let head = [
            ("type", json!(Self::TYPE)),
            ("name", json!(who.name)),
            ("id", json!(who.id)),
            ("version", json!(who.version)),
            ("metadata", json!(who.metadata)), // An empty object where there is none; never null.
        ];
        let members = head.into_iter().chain(self.members());
        let own = |(key, value): (&str, Value)| (key.to_owned(), value);
        let object = Value::Object(members.map(own).collect());
        object.to_string().into_bytes()
    }

    /// None if it is no such answer.
    fn from_json(value: &Value) -> Option<Self> {
        let identity = Identity {
            name: string(value, "name")?,
            id: string(value, "id")?,
            version: string(value, "version")?,
            metadata: metadata(value),
        };
        Self::of(identity, value)
    }
}

impl Record for Ping {
    const TYPE: &'static str = "io.nats.micro.v1.ping_response";

    fn identity(&self) -> Identity {
        identity(&self.name, &self.id, &self.version, &self.metadata)
    }

    fn members(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    fn of(identity: Identity, _value: &Value) -> Option<Self> {
        Some(Self {
            name: identity.name,
            id: identity.id,
            version: identity.version,
            metadata: identity.metadata,
        })
    }
}

impl Record for Info {
    const TYPE: &'static str = "io.nats.micro.v1.info_response";

    fn identity(&self) -> Identity {
        identity(&self.name, &self.id, &self.version, &self.metadata)
    }

    fn members(&self) -> Vec<(&'static str, Value)> {
        let endpoints = self.endpoints.iter().map(EndpointInfo::to_value);
        vec![
            ("description", json!(self.description)),
            ("endpoints", endpoints.collect()),
        ]
    }

    fn of(identity: Identity, value: &Value) -> Option<Self> {
        Some(Self {
            name: identity.name,
            id: identity.id,
            version: identity.version,
            metadata: identity.metadata,
            description: string(value, "description").unwrap_or_default(),
            endpoints: list(value, EndpointInfo::from_value)?,
        })
    }
}

impl EndpointInfo {
    fn to_value(&self) -> Value {
        json!({
            "name": self.name,
            "subject": self.subject,
            "queue_group": self.queue_group,
            "metadata": self.metadata,
        })
    }

    fn from_value(value: &Value) -> Option<Self> {
        Some(Self {
            name: string(value, "name")?,
            subject: string(value, "subject")?,
            queue_group: string(value, "queue_group").unwrap_or_default(),
            metadata: metadata(value),
        })
    }
}

impl Record for Stats {
    const TYPE: &'static str = "io.nats.micro.v1.stats_response";

    fn identity(&self) -> Identity {
        identity(&self.name, &self.id, &self.version, &self.metadata)
    }

    fn members(&self) -> Vec<(&'static str, Value)> {
        let endpoints = self.endpoints.iter().map(EndpointStats::to_value);
        vec![
            ("started", json!(self.started)),
            ("endpoints", endpoints.collect()),
        ]
    }

    fn of(identity: Identity, value: &Value) -> Option<Self> {
        Some(Self {
            name: identity.name,
            id: identity.id,
            version: identity.version,
            metadata: identity.metadata,
            started: string(value, "started").unwrap_or_default(),
            endpoints: list(value, EndpointStats::from_value)?,
        })
    }
}

impl EndpointStats {
    fn to_value(&self) -> Value {
        let mut value = json!({
            "name": self.name,
            "subject": self.subject,
            "queue_group": self.queue_group,
            "num_requests": self.requests,
            "num_errors": self.errors,
            "last_error": self.last_error,
            "processing_time": nanos(self.processing_time),
            "average_processing_time": nanos(self.average_processing_time),
        });
        if let Some(data) = &self.data {
            value["data"] = serde_json::from_str(data).unwrap_or_else(|_| json!(data));
        }
        value
    }

    fn from_value(value: &Value) -> Option<Self> {
        let number = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
        Some(Self {
            name: string(value, "name")?,
            subject: string(value, "subject")?,
            queue_group: string(value, "queue_group").unwrap_or_default(),
            requests: number("num_requests"),
            errors: number("num_errors"),
            last_error: string(value, "last_error").unwrap_or_default(),
            processing_time: Duration::from_nanos(number("processing_time")),
            average_processing_time: Duration::from_nanos(number("average_processing_time")),
            data: match value.get("data") {
                None | Some(Value::Null) => None,
                Some(data) => Some(data.to_string()),
            },
        })
    }
}

fn identity(name: &str, id: &str, version: &str, metadata: &Metadata) -> Identity {
    Identity {
        name: name.to_owned(),
        id: id.to_owned(),
        version: version.to_owned(),
        metadata: metadata.clone(),
    }
}

fn string(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

/// What is no text is passed over; others write null for nothing.
fn metadata(value: &Value) -> Metadata {
    let members = value.get("metadata").and_then(Value::as_object);
    let texts = members.into_iter().flatten();
    let texts = texts.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    texts.collect()
}

fn list<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    match value.get("endpoints") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(endpoints) => endpoints.as_array()?.iter().map(read).collect(),
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
