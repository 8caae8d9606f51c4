//! From options to the parts that a server is put together from.

use dunlin_protocol::{Info, Limits, subject};

use super::{StartError, websocket};
use crate::doors::nats::{Encryption, Settings, Terms, Way};
use crate::net::TlsOptions;
use crate::options::Builder;
use crate::peer::{Access, Bounds, Host, LagRule, Ledgers};

/// The version of the reference server whose behaviour is offered; clients compare it.
pub const REFERENCE_VERSION: &str = "2.15.2";

/// What holds for everybody as long as these options do. `info` says who the server is.
///
/// # Errors
///
/// The options contradict each other.
pub(super) fn terms(options: &Builder, info: Info) -> Result<Terms, StartError> {
    if options.payload_max > options.pending_max {
        return Err(StartError::PayloadOverPending {
            payload_max: options.payload_max,
            pending_max: options.pending_max,
        });
    }
    let is_wrong = |rule: &&LagRule| !subject::is_valid_filter(&rule.filter);
    if let Some(rule) = options.lag_rules.iter().find(is_wrong) {
        let filter = String::from_utf8_lossy(&rule.filter).into_owned();
        return Err(StartError::LagFilter { filter });
    }
    let pending_total_max = options.pending_total();
    if options.payload_max > pending_total_max {
        return Err(StartError::PayloadOverPendingTotal {
            payload_max: options.payload_max,
            pending_total_max,
        });
    }
    Ok(Terms {
        settings: settings(options),
        access: Access::new(&options.authorization)
            .map_err(StartError::Authorization)?
            .after_handshake(options.tls.as_ref().map(TlsOptions::handshake_max)),
        websocket_access: websocket::access(options)?,
        room_up_to: None,
        info: Info {
            max_payload: options.payload_max as i64,
            ..info
        },
    })
}

/// What the clients of the main listener are told of it.
pub(super) fn way(options: &Builder, port: u16) -> Way {
    let tls = options.tls.as_ref();
    let (host, port) = options.told_address(port);
    Way {
        host,
        port,
        encryption: match tls.map(TlsOptions::is_optional) {
            None => Encryption::None,
            Some(true) => Encryption::Available,
            Some(false) => Encryption::Required,
        },
        is_verified: tls.is_some_and(TlsOptions::wants_certificates),
        maps_certificates: tls.is_some_and(TlsOptions::maps_certificates),
        ..Way::default()
    }
}

/// What all parties share.
pub(super) fn host(options: &Builder) -> Host {
    let host = Host::new(
        Bounds {
            connections_max: options.connections_max,
            subscriptions_max: options.subscriptions_max,
            tokens_max: options.subscription_tokens_max,
            closed_max: options.remembered(),
        },
        Ledgers::new(options.per_user, options.per_address),
    )
    .with_events(options.events.clone());
    #[cfg(feature = "sim")]
    if let Some(seed) = options.seed {
        return host.walked_by(seed);
    }
    host
}

fn settings(options: &Builder) -> Settings {
    Settings {
        limits: Limits {
            control_line_max: options.control_line_max,
            payload_max: options.payload_max,
            has_headers: options.has_headers,
        },
        ping_interval: options.ping_interval,
        ping_max: options.ping_max,
        http_port: None,
        lag: options.lag,
        lag_rules: options.lag_rules.clone().into(),
    }
}

pub(super) fn info(options: &Builder) -> Info {
    let server_id = nkeys::KeyPair::new_server().public_key();
    Info {
        server_name: options.name.clone().unwrap_or_else(|| server_id.clone()),
        server_id,
        version: REFERENCE_VERSION.to_owned(),
        proto: 1,
        go: concat!("rust (dunlin ", env!("CARGO_PKG_VERSION"), ")").to_owned(),
        headers: options.has_headers,
        ..Info::default()
    }
}
