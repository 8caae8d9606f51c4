//! What services and customers say to each other, as JSON.

use std::fmt;

use dunlin::service::Error;
use dunlin::{Client, Request, RequestError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    pub name: String,
    pub password: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Login {
    pub name: String,
    pub password: String,
}

impl Login {
    pub fn of(account: &Account) -> Self {
        Self {
            name: account.name.clone(),
            password: account.password.clone(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Session {
    pub token: String,
}

/// Whose token it is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Whose {
    pub name: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    pub token: String,
    pub what: String,
    pub cents: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Placed {
    pub order: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Payment {
    pub token: String,
    pub order: u64,
    pub cents: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Paid {
    pub receipt: String,
}

/// Why there is no answer of the right kind.
#[derive(Debug)]
pub enum Failed {
    /// The service says why.
    Refused(Error),
    /// No service was there, or none answered in time.
    Asking(RequestError),
    /// What came was something else.
    Reading(dunlin::JsonError),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Asking(error) => error.fmt(f),
            Self::Reading(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failed {}

/// Asks whichever instance is free.
pub async fn ask<T: Serialize, R: DeserializeOwned>(
    client: &Client,
    subject: &str,
    value: &T,
) -> Result<R, Failed> {
    let request = Request::new().json(value).map_err(Failed::Asking)?;
    let answer = client.send_request(subject, request).await;
    let answer = answer.map_err(Failed::Asking)?;
    match answer.service_error() {
        Some(error) => Err(Failed::Refused(error)),
        None => answer.json().map_err(Failed::Reading),
    }
}
