//! What can go wrong with a service, and what a service says when a request does.

use std::fmt;

use dunlin_protocol::HeaderMap;

use crate::message::Message;

/// A service or an endpoint could not be made, or ended in order.
pub type ServiceError = crate::error::Error<ServiceErrorKind>;

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceErrorKind {
    /// A name is not made of letters, digits, `-` and `_`.
    InvalidName,
    /// A version is not `1.2.3`, perhaps with `-pre` and `+build` behind it.
    InvalidVersion,
    /// The server did not take a subscription; the source says why.
    Subscribe,
    /// The connection was lost or closed.
    Closed,
}

impl fmt::Display for ServiceErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidName => "name is not made of letters, digits, - and _",
            Self::InvalidVersion => "version is not like 1.2.3, 1.2.3-pre or 1.2.3+build",
            Self::Subscribe => "subscription failed",
            Self::Closed => "connection was lost or closed",
        })
    }
}

/// What a service answers when it cannot do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// A number to tell failures apart; by custom those of HTTP.
    pub code: u16,
    /// What went wrong.
    pub status: String,
}

impl Error {
    /// An error with a code and a text.
    pub fn new(code: u16, status: impl ToString) -> Self {
        Self {
            code,
            status: status.to_string(),
        }
    }

    /// As headers carry it; what cannot stand in a header is left out of the text.
    pub(super) fn add_to(&self, headers: &mut HeaderMap) {
        let status = self.status.replace(['\r', '\n'], " ");
        let added = headers.insert(STATUS, &*status);
        debug_assert!(added.is_ok(), "line ends are gone");
        let added = headers.insert(CODE, &*self.code.to_string());
        debug_assert!(added.is_ok(), "digits can stand anywhere");
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.status)
    }
}

impl std::error::Error for Error {}

impl Message {
    /// What the service that answered could not do, if this is such an answer.
    pub fn service_error(&self) -> Option<Error> {
        let headers = self.headers.as_ref()?;
        let code = headers.get(CODE).and_then(|code| code.parse().ok());
        match (headers.get(STATUS), code) {
            (None, None) => None,
            (status, code) => Some(Error {
                code: code.unwrap_or(0),
                status: status.unwrap_or_default().to_owned(),
            }),
        }
    }
}

pub(super) fn check_name(name: &str) -> Result<(), ServiceError> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match !name.is_empty() && name.bytes().all(is_letter) {
        true => Ok(()),
        false => Err(ServiceError::with_detail(
            ServiceErrorKind::InvalidName,
            format!("{name:?}"),
        )),
    }
}

/// Source: semver.org, version 2.0.0.
pub(super) fn check_version(version: &str) -> Result<(), ServiceError> {
    let (rest, build) = match version.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (version, None),
    };
    let (core, pre) = match rest.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (rest, None),
    };
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_number = |part: &str| is_digits(part) && (part == "0" || !part.starts_with('0'));
    let is_word = |part: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !part.is_empty() && part.bytes().all(is_letter)
    };
    let has_numbers = core.split('.').count() == 3 && core.split('.').all(is_number);
    let has_pre = pre.is_none_or(|pre| {
        let is_part = |part: &str| is_word(part) && (!is_digits(part) || is_number(part));
        pre.split('.').all(is_part)
    });
    let has_build = build.is_none_or(|build| build.split('.').all(is_word));
    match has_numbers && has_pre && has_build {
        true => Ok(()),
        false => Err(ServiceError::with_detail(
            ServiceErrorKind::InvalidVersion,
            format!("{version:?}"),
        )),
    }
}

const STATUS: &str = "Nats-Service-Error";
const CODE: &str = "Nats-Service-Error-Code";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_are_those_of_the_convention() {
        for (name, expected) in [("a", true), ("A-b_1", true), ("", false), ("a.b", false)] {
            assert_eq!(check_name(name).is_ok(), expected, "{name:?}");
        }
        for (version, expected) in [
            ("0.0.0", true),
            ("1.20.300", true),
            ("1.0.0-alpha.1", true),
            ("1.0.0-0a.b-c", true),
            ("1.0.0+001.x", true),
            ("1.0.0-rc+5", true),
            ("1.0.0--", true),
            ("", false),
            ("1.0", false),
            ("1.0.0.0", false),
            ("v1.0.0", false),
            ("01.0.0", false),
            ("1.0.0-01", false),
            ("1.0.0-", false),
            ("1.0.0+", false),
            ("1.0.0-ä", false),
        ] {
            assert_eq!(check_version(version).is_ok(), expected, "{version:?}");
        }
    }
}
