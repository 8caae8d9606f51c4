//! Asking who is there.

use std::time::Duration;

use serde_json::Value;

use super::control::Verb;
use super::record::Record;
use super::{Info, Ping, Stats};
use crate::answers::RequestMany;
use crate::client::Client;
use crate::error::{RequestError, RequestErrorKind};

/// A look at the services that are there: all of them, those of one name, or one instance.
///
/// All that answer in time are told, in the order of their names and ids; nobody there is an empty
/// list. What answers and is no service is passed over.
#[derive(Debug, Clone)]
#[must_use = "nobody is asked until `ping`, `info` or `stats`"]
pub struct Discovery {
    name: Option<String>,
    id: Option<String>,
    prefix: String,
    wait: Duration,
    gap: Duration,
}

impl Default for Discovery {
    fn default() -> Self {
        Self {
            name: None,
            id: None,
            prefix: super::PREFIX.to_owned(),
            wait: Duration::from_secs(2), // As the official tools wait.
            gap: Duration::from_millis(300), // As the official tools wait.
        }
    }
}

impl Discovery {
    /// Asks everybody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the instances of one service. A name that none can have is an error of asking.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Asks one instance of the named service; without a name everybody is asked.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// What stands in the place of `$SRV`. Default: `$SRV`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long to wait altogether, and how long for another answer after one. Default: 2 s, 300 ms.
    pub fn wait(mut self, altogether: Duration, gap: Duration) -> Self {
        (self.wait, self.gap) = (altogether, gap);
        self
    }

    /// Who is there.
    ///
    /// # Errors
    ///
    /// As [`Client::request_many`], but for nobody being there.
    pub async fn ping(&self, client: &Client) -> Result<Vec<Ping>, RequestError> {
        let mut found = self.ask::<Ping>(client, Verb::Ping).await?;
        found.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        Ok(found)
    }

    /// Who is there, and where to send requests.
    ///
    /// # Errors
    ///
    /// As [`Client::request_many`], but for nobody being there.
    pub async fn info(&self, client: &Client) -> Result<Vec<Info>, RequestError> {
        let mut found = self.ask::<Info>(client, Verb::Info).await?;
        found.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        Ok(found)
    }

    /// Who is there, and what they have done.
    ///
    /// # Errors
    ///
    /// As [`Client::request_many`], but for nobody being there.
    pub async fn stats(&self, client: &Client) -> Result<Vec<Stats>, RequestError> {
        let mut found = self.ask::<Stats>(client, Verb::Stats).await?;
        found.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        Ok(found)
    }

    async fn ask<T: Record>(&self, client: &Client, verb: Verb) -> Result<Vec<T>, RequestError> {
        let mut subject = format!("{}.{}", self.prefix, verb.as_str());
        if let Some(name) = &self.name {
            subject = format!("{subject}.{name}");
            if let Some(id) = &self.id {
                subject = format!("{subject}.{id}");
            }
        }
        let request = RequestMany::new().timeout(self.wait).idle(self.gap);
        let is_one = self.name.is_some() && self.id.is_some();
        let request = match is_one {
            true => request.max(1),
            false => request,
        };
        let mut answers = client.request_many(subject, request).await?;
        let mut found = Vec::new();
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(answer) => found.extend(read(&answer.payload)),
                Err(error) if is_nobody(error.kind()) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}

fn is_nobody(kind: RequestErrorKind) -> bool {
    matches!(
        kind,
        RequestErrorKind::NoResponders | RequestErrorKind::TimedOut
    )
}

fn read<T: Record>(payload: &[u8]) -> Option<T> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    let kind = value.get("type").and_then(Value::as_str);
    match kind == Some(T::TYPE) {
        true => T::from_json(&value),
        false => None,
    }
}
