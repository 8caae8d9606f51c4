//! Listeners beside the client port: `websocket { }`, monitoring over HTTP, and `unix { }`.

use std::path::PathBuf;

use super::authorization::of_listener;
use super::field::{Done, Field, set};
use super::lag::policy;
use super::table::{Known, Standing, known};
use super::tls::tls;
use crate::conf::language::Value;
use crate::conf::report::{Diagnostic, Severity};
use crate::conf::settings::{Address, Lag, Placed, Settings, Unix, WebSocket};

use Standing::{Obeyed, Refused};

/// Headers of an answer that are the server's own.
const OWN_HEADERS: [&str; 5] = [
    "host",
    "content-length",
    "connection",
    "upgrade",
    "nats-no-masking",
];
/// What other headers of the server's own begin with.
const OWN_HEADER_PREFIX: &str = "sec-websocket-";
/// The permission bits that a mode may have.
const MODE_MAX: u32 = 0o777;

const NO_OPERATOR: &str = "this version has no operator mode, accounts or JWTs";

const WEBSOCKET_KEYS: &[Known<RawWebSocket>] = known! {
    "listen" => Obeyed(|field, it| set(&mut it.at, field.address().map(Some)));
    "host" / "net" => Obeyed(|field, it| set(&mut it.host, field.some_text()));
    "port" => Obeyed(|field, it| set(&mut it.port, field.port()));
    "advertise" => Obeyed(|field, it| set(&mut it.block.advertise, field.advertised()));
    "no_tls" => Obeyed(|field, it| set(&mut it.is_plain, field.boolean()));
    "tls" => Obeyed(|field, it| set(&mut it.block.tls, tls(field)));
    "same_origin" => Obeyed(|field, it| set(&mut it.block.same_origin, field.boolean()));
    "allowed_origins" / "allowed_origin" / "allow_origins" / "allow_origin" / "origins" / "origin" =>
        Obeyed(allowed_origins);
    "handshake_timeout" =>
        Obeyed(|field, it| set(&mut it.block.handshake_timeout, field.seconds()));
    "compression" / "compress" =>
        Obeyed(|field, it| set(&mut it.block.compression, field.boolean()));
    "authorization" / "authentication" =>
        Obeyed(|field, it| set(&mut it.block.authorization, of_listener(field)));
    "no_auth_user" => Obeyed(|field, it| set(&mut it.block.no_auth_user, field.some_placed()));
    "jwt_cookie" => Refused(NO_OPERATOR, "browsers could not log in with it");
    "user_cookie" => Obeyed(|field, it| set(&mut it.block.user_cookie, field.some_text()));
    "pass_cookie" => Obeyed(|field, it| set(&mut it.block.pass_cookie, field.some_text()));
    "token_cookie" => Obeyed(|field, it| set(&mut it.block.token_cookie, field.some_text()));
    "headers" => Obeyed(headers);
    "ping_interval" => Obeyed(|field, it| set(&mut it.block.ping_interval, field.duration()));
    "lag" => Obeyed(|field, it| set(&mut it.block.lag, policy(field)));
};

const UNIX_KEYS: &[Known<RawUnix>] = known! {
    "path" => Obeyed(|field, it| set(&mut it.path, path(field)));
    "mode" => Obeyed(|field, it| set(&mut it.mode, mode(field).map(Some)));
    "lag" => Obeyed(|field, it| set(&mut it.lag, policy(field)));
};

/// `websocket { }` as far as it is read.
#[derive(Default)]
struct RawWebSocket {
    block: WebSocket,
    at: Option<(Option<String>, Option<u16>)>,
    host: Option<String>,
    port: Option<u16>,
    is_plain: bool,
}

/// `unix { }` as far as it is read.
#[derive(Default)]
struct RawUnix {
    path: Option<Placed<PathBuf>>,
    mode: Option<u32>,
    lag: Option<Lag>,
}

pub(crate) fn websocket(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let map = field.map()?;
    let mut raw = RawWebSocket::default();
    let before = field.diagnostics.len();
    field.read_map(&map, "websocket", WEBSOCKET_KEYS, &mut raw);
    let (host, port) = raw.at.unwrap_or_default();
    let Some(port) = raw.port.or(port) else {
        if !map.is_empty() && field.diagnostics.len() == before {
            let notice = field.error("this listens nowhere: no port is given");
            let notice = notice.as_severity(Severity::Notice);
            field.diagnostics.push(notice.help("add port: 8080"));
        }
        return Ok(());
    };
    let mut block = raw.block;
    block.address = Address {
        host: raw.host.or(host),
        port,
    };
    if block.tls.is_none() && !raw.is_plain && field.diagnostics.len() == before {
        return Err(field
            .error("websocket needs tls { cert_file, key_file }")
            .help("or say that it is meant to be open: no_tls: true"));
    }
    settings.websocket = Some(block);
    Ok(())
}

fn allowed_origins(field: &mut Field<'_>, it: &mut RawWebSocket) -> Done {
    for origin in field.texts("an origin")? {
        let host = ["http://", "https://"]
            .iter()
            .find_map(|scheme| origin.strip_prefix(scheme));
        if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
            let text = format!("{:?} is no origin", origin.value);
            return Err(Diagnostic::error(origin.span, text)
                .help("such as https://example.com or http://localhost:3000"));
        }
        it.block.allowed_origins.push(origin.value);
    }
    Ok(())
}

fn headers(field: &mut Field<'_>, it: &mut RawWebSocket) -> Done {
    let map = field.map()?;
    for entry in map.entries() {
        let value = field.at(&entry.key, &entry.node).text()?;
        let say = |text: String| Err(Diagnostic::error(entry.key_span, text));
        let lower = entry.key.to_lowercase();
        if OWN_HEADERS.contains(&lower.as_str()) || lower.starts_with(OWN_HEADER_PREFIX) {
            return say(format!("header {:?} is the server's own", entry.key));
        }
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if entry.key.is_empty() || !entry.key.bytes().all(is_token) {
            return say(format!("{:?} is no name of a header", entry.key));
        }
        if value.contains(|letter: char| letter.is_control() && letter != '\t') {
            return say(format!(
                "the value of header {:?} has control characters",
                entry.key
            ));
        }
        it.block
            .headers
            .push((entry.key.as_ref().to_owned(), value));
    }
    Ok(())
}

pub(crate) fn http(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.http, monitor(field))
}

pub(crate) fn https(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.https, monitor(field))
}

/// A port, or `host:port`; nothing for port 0.
fn monitor(field: &mut Field<'_>) -> Result<Option<Address>, Diagnostic> {
    let (host, port) = field.address()?;
    Ok(port.map(|port| Address { host, port }))
}

pub(crate) fn http_port(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.http, plain_port(field))
}

pub(crate) fn https_port(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.https, plain_port(field))
}

fn plain_port(field: &mut Field<'_>) -> Result<Option<Address>, Diagnostic> {
    Ok(field.port()?.map(|port| Address { host: None, port }))
}

/// A leading `/` is added, trailing ones go.
pub(crate) fn http_base_path(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let path = field.text()?;
    let path = path.trim_matches('/');
    settings.http_base_path = (!path.is_empty()).then(|| format!("/{path}"));
    Ok(())
}

/// A path, or a map of path and mode.
pub(crate) fn unix(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let mut raw = RawUnix::default();
    match field.map() {
        Ok(map) => field.read_map(&map, "unix", UNIX_KEYS, &mut raw),
        Err(_) => raw.path = path(field)?,
    }
    let Some(path) = raw.path else {
        return Err(field
            .error("this names no path to listen on")
            .help("such as unix { path: \"/run/dunlin.sock\", mode: \"0660\" }"));
    };
    settings.unix = Some(Unix {
        path,
        mode: raw.mode,
        lag: raw.lag,
    });
    Ok(())
}

fn path(field: &mut Field<'_>) -> Result<Option<Placed<PathBuf>>, Diagnostic> {
    Ok(field.some_path()?.map(|path| field.placed(path)))
}

/// Octal digits as text: a bare 0660 would be the number six hundred and sixty.
fn mode(field: &mut Field<'_>) -> Result<u32, Diagnostic> {
    let help = "octal digits in quotes, such as mode: \"0660\"";
    let text = match &field.node.value {
        Value::Text(text) => text,
        _ => return Err(field.wrong("a text").help(help)),
    };
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= MODE_MAX)
        .ok_or_else(|| {
            field
                .error(format!("{text:?} is no mode of a file"))
                .help(help)
        })
}
