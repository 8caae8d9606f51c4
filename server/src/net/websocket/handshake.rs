//! The HTTP request that opens a WebSocket, and its answer.
//!
//! ```text
//! GET /any/path HTTP/1.1⏎Host: …⏎Upgrade: websocket⏎Connection: Upgrade⏎
//! Sec-WebSocket-Key: <16 bytes in base64>⏎Sec-WebSocket-Version: 13⏎⏎
//! ```
//!
//! Bytes in; an agreement and the answer out, or a refusal and the answer that says so. The order
//! of the checks and the answers are the reference server's, measured 2026-11.
//! Source: protocol.md#websocket.

use std::net::IpAddr;

use data_encoding::BASE64;
use httparse::{EMPTY_HEADER, Header, Status};
use tungstenite::handshake::derive_accept_key;

use super::rules::{CookieNames, Rules};
use super::stream::Manner;
use crate::link::Cookies;

/// The longest request head, in bytes: what Node and most proxies allow.
pub(super) const HEAD_MAX: usize = 16 * 1024;
/// The most headers of a request. A guess; browsers behind proxies send some thirty.
const HEADERS_MAX: usize = 100;
const EXTENSION: &str = "permessage-deflate";
const EXTENSION_ANSWER: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// What was agreed on.
#[derive(Debug)]
pub(super) struct Agreement {
    pub(super) manner: Manner,
    pub(super) cookies: Option<Box<Cookies>>,
    /// Whom a proxy says it speaks for. It may be anybody: good for a log only.
    pub(super) forwarded_for: Option<IpAddr>,
    /// What to answer.
    pub(super) answer: Vec<u8>,
}

/// Why there is no WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    /// What is answered; none where the connection is dropped without a word.
    status: Option<&'static str>,
    /// What the log says.
    pub(super) why: &'static str,
}

const BAD_REQUEST: &str = "400 Bad Request";

/// Looks at what has come so far: nothing as long as the head is not whole.
///
/// # Errors
///
/// It is no request for a WebSocket, or one that may not be granted.
pub(super) fn read(input: &[u8], rules: &Rules) -> Result<Option<Agreement>, Refusal> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let len = match request.parse(input) {
        Ok(Status::Complete(len)) => len,
        Ok(Status::Partial) if input.len() < HEAD_MAX => return Ok(None),
        Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Refusal {
                status: Some("431 Request Header Fields Too Large"),
                why: "request is too long",
            });
        }
        Err(_) => return Err(not_http(input)),
    };
    let agreement = grant(&request, rules)?;
    if len < input.len() {
        return Err(Refusal {
            status: None, // As the reference server: the answer could not be told from an attack.
            why: "client sent data before handshake is complete",
        });
    }
    Ok(Some(agreement))
}

fn grant(request: &httparse::Request<'_, '_>, rules: &Rules) -> Result<Agreement, Refusal> {
    let headers = &*request.headers;
    let path = request.path.unwrap_or_default();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let refuse = |status, why| {
        Err(Refusal {
            status: Some(status),
            why,
        })
    };
    if path.ends_with("/mqtt") || path.ends_with("/leafnode") {
        return refuse(
            "404 Not Found",
            "neither MQTT nor leaf nodes are served here",
        );
    }
    if request.method != Some("GET") {
        return refuse("405 Method Not Allowed", "request method must be GET");
    }
    let mut hosts = all(headers, "Host");
    let (Some(host), None) = (hosts.next().filter(|it| !it.is_empty()), hosts.next()) else {
        return refuse(BAD_REQUEST, "'Host' missing in request");
    };
    if !has_token(headers, "Upgrade", "websocket") {
        return refuse(BAD_REQUEST, "invalid value for header 'Upgrade'");
    }
    if !has_token(headers, "Connection", "Upgrade") {
        return refuse(BAD_REQUEST, "invalid value for header 'Connection'");
    }
    let key = first(headers, "Sec-WebSocket-Key").unwrap_or_default();
    if !BASE64
        .decode(key.as_bytes())
        .is_ok_and(|key| key.len() == 16)
    {
        return refuse(BAD_REQUEST, "invalid websocket key");
    }
    if !has_token(headers, "Sec-WebSocket-Version", "13") {
        return refuse(BAD_REQUEST, "invalid version");
    }
    let origin = first(headers, "Origin").or_else(|| first(headers, "Sec-WebSocket-Origin"));
    if let Err(why) = rules.check(origin, host) {
        return refuse("403 Forbidden", why);
    }
    let manner = Manner {
        has_compression: rules.has_compression && offers_compression(headers),
        is_masked: first(headers, "Nats-No-Masking") != Some("true"),
        is_browser: first(headers, "User-Agent").is_some_and(|it| it.starts_with("Mozilla/")),
    };
    let forwarded = first(headers, "X-Forwarded-For");
    Ok(Agreement {
        manner,
        cookies: cookies(headers, &rules.cookies),
        forwarded_for: forwarded.and_then(|text| text.parse().ok()),
        answer: accept(key, manner, rules),
    })
}

/// `101 Switching Protocols`.
fn accept(key: &str, manner: Manner, rules: &Rules) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n",
        derive_accept_key(key.as_bytes())
    );
    let mut add = |name: &str, value: &str| {
        for part in [name, ": ", value, "\r\n"] {
            answer.push_str(part);
        }
    };
    if manner.has_compression {
        add("Sec-WebSocket-Extensions", EXTENSION_ANSWER);
    }
    if !manner.is_masked {
        add("Nats-No-Masking", "true");
    }
    for (name, value) in &rules.headers {
        add(name, value);
    }
    answer.push_str("\r\n");
    answer.into_bytes()
}

impl Refusal {
    /// What to answer; nothing where the connection is dropped without a word.
    pub(super) fn answer(&self) -> Vec<u8> {
        let Some(status) = self.status else {
            return Vec::new();
        };
        let text = &status[4..]; // Behind the number.
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Sec-Websocket-Version: 13\r\nX-Content-Type-Options: nosniff\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{text}\n",
            text.len() + 1
        )
        .into_bytes()
    }
}

/// Something that is no HTTP, by its first bytes.
fn not_http(input: &[u8]) -> Refusal {
    const TLS_HANDSHAKE: &[u8] = &[0x16, 3];
    match input.starts_with(TLS_HANDSHAKE) {
        true => Refusal {
            status: None,
            why: "client began a TLS handshake, but this port is not encrypted: use ws://",
        },
        false => Refusal {
            status: Some(BAD_REQUEST),
            why: "client did not send an HTTP request",
        },
    }
}

/// The values of a header that are text.
fn all<'a>(headers: &'a [Header<'a>], name: &'static str) -> impl Iterator<Item = &'a str> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .filter_map(|header| std::str::from_utf8(header.value).ok())
        .map(str::trim)
}

fn first<'a>(headers: &'a [Header<'a>], name: &'static str) -> Option<&'a str> {
    all(headers, name).next()
}

/// Whether a header that lists tokens has this one, in any of its lines and any case.
fn has_token(headers: &[Header<'_>], name: &'static str, token: &str) -> bool {
    all(headers, name)
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// Whether the client knows the extension, whatever parameters it offers: all of them are met by
/// an answer without a window of its own and without memory.
fn offers_compression(headers: &[Header<'_>]) -> bool {
    all(headers, "Sec-WebSocket-Extensions")
        .flat_map(|value| value.split(','))
        .filter_map(|offer| offer.split(';').next())
        .any(|name| name.trim().eq_ignore_ascii_case(EXTENSION))
}

/// The credentials in the cookies that the rules name.
fn cookies(headers: &[Header<'_>], names: &CookieNames) -> Option<Box<Cookies>> {
    if !names.is_any() {
        return None;
    }
    let find = |name: &Option<String>| {
        let name = name.as_deref()?;
        all(headers, "Cookie")
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| unquoted(value).to_owned())
    };
    let cookies = Cookies {
        user: find(&names.user),
        pass: find(&names.pass),
        token: find(&names.token),
    };
    Some(Box::new(cookies))
}

fn unquoted(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value)
}
