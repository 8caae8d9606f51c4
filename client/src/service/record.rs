//! What services say of themselves, and its JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

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
}

/// The three answers: how one is read, and what it is called on the wire.
pub(super) trait Record: Sized {
    const TYPE: &'static str;

    /// None if it is no such answer.
    fn from_json(value: &Value) -> Option<Self>;
}

impl Ping {
    pub(super) fn to_json(&self) -> Vec<u8> {
        text(head(
            Self::TYPE,
            &self.name,
            &self.id,
            &self.version,
            &self.metadata,
        ))
    }
}

impl Record for Ping {
    const TYPE: &'static str = "io.nats.micro.v1.ping_response";

    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            name: string(value, "name")?,
            id: string(value, "id")?,
            version: string(value, "version")?,
            metadata: metadata(value),
        })
    }
}

impl Info {
    pub(super) fn to_json(&self) -> Vec<u8> {
        let endpoints: Vec<_> = self.endpoints.iter().map(EndpointInfo::to_value).collect();
        let (name, id, version) = (&self.name, &self.id, &self.version);
        let mut object = head(Self::TYPE, name, id, version, &self.metadata);
        object.insert("description".to_owned(), json!(self.description));
        object.insert("endpoints".to_owned(), Value::Array(endpoints));
        text(object)
    }
}

impl Record for Info {
    const TYPE: &'static str = "io.nats.micro.v1.info_response";

    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            name: string(value, "name")?,
            id: string(value, "id")?,
            version: string(value, "version")?,
            description: string(value, "description").unwrap_or_default(),
            metadata: metadata(value),
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

impl Stats {
    pub(super) fn to_json(&self) -> Vec<u8> {
        let endpoints: Vec<_> = self.endpoints.iter().map(EndpointStats::to_value).collect();
        let (name, id, version) = (&self.name, &self.id, &self.version);
        let mut object = head(Self::TYPE, name, id, version, &self.metadata);
        object.insert("started".to_owned(), json!(self.started));
        object.insert("endpoints".to_owned(), Value::Array(endpoints));
        text(object)
    }
}

impl Record for Stats {
    const TYPE: &'static str = "io.nats.micro.v1.stats_response";

    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            name: string(value, "name")?,
            id: string(value, "id")?,
            version: string(value, "version")?,
            metadata: metadata(value),
            started: string(value, "started").unwrap_or_default(),
            endpoints: list(value, EndpointStats::from_value)?,
        })
    }
}

impl EndpointStats {
    fn to_value(&self) -> Value {
        json!({
            "name": self.name,
            "subject": self.subject,
            "queue_group": self.queue_group,
            "num_requests": self.requests,
            "num_errors": self.errors,
            "last_error": self.last_error,
            "processing_time": nanos(self.processing_time),
            "average_processing_time": nanos(self.average_processing_time),
        })
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
        })
    }
}

fn head(
    kind: &str,
    name: &str,
    id: &str,
    version: &str,
    metadata: &Metadata,
) -> Map<String, Value> {
    let members = [
        ("type", json!(kind)),
        ("name", json!(name)),
        ("id", json!(id)),
        ("version", json!(version)),
        ("metadata", json!(metadata)), // An empty object where there is none; never null.
    ];
    let own = |(key, value): (&str, Value)| (key.to_owned(), value);
    members.into_iter().map(own).collect()
}

fn text(object: Map<String, Value>) -> Vec<u8> {
    Value::Object(object).to_string().into_bytes()
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
