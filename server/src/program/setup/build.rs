//! From settings to a server that can be started.

use crate::conf::{self, Settings};
#[cfg(feature = "http")]
use crate::http::MonitorOptions;
use crate::options::{Builder, WriteTimeout};
use crate::peer::{Event, EventOptions, Quota};
use crate::server::Server;

use super::{access, tls, websocket};

/// The server that is asked for; every address of the machine if none is.
pub(super) fn builder(settings: &Settings, digest: &str, host: &str, port: u16) -> Builder {
    let mut builder = Server::builder().host(host).port(port);
    macro_rules! hand_on {
        ($($setting:ident => $option:ident;)*) => {
            $(if let Some(value) = settings.$setting.clone() {
                builder = builder.$option(value);
            })*
        };
    }
    hand_on! {
        server_name => name;
        max_payload => max_payload;
        max_control_line => max_control_line;
        max_pending => max_pending;
        max_pending_total => max_pending_total;
        max_connections => max_connections;
        max_subscriptions => max_subscriptions;
        write_deadline => write_deadline;
        ping_interval => ping_interval;
        ping_max => ping_max;
        max_closed_clients => max_closed_clients;
        max_subscription_tokens => max_subscription_tokens;
    }
    if let Some(address) = &settings.client_advertise {
        builder = builder.advertise(&address.value);
    }
    if settings.keeps_stalled {
        builder = builder.write_timeout(WriteTimeout::Retry);
    }
    #[cfg(feature = "http")]
    if let Some(options) = monitor(settings, digest) {
        builder = builder.monitor(options);
    }
    if let Some(tls) = tls::of_server(settings) {
        builder = builder.tls(tls);
    }
    if let Some(events) = &settings.events {
        builder = builder.events(of_block(events));
    }
    if let Some(unix) = &settings.unix {
        builder = builder.unix_socket(&unix.path.value, unix.mode);
        if let Some(lag) = unix.lag {
            builder = builder.unix_lag(access::of_lag(lag));
        }
    }
    if let Some(websocket) = websocket::of_block(settings) {
        builder = builder.websocket(websocket);
    }
    if let Some(lag) = settings.lag {
        builder = builder.lag(access::of_lag(lag));
    }
    for (filter, lag) in &settings.lag_subjects {
        builder = builder.lag_for(filter, access::of_lag(*lag));
    }
    builder
        .tags(&settings.server_tags)
        .metadata(settings.server_metadata.clone())
        .limits_per_user(quota(&settings.limits.per_user))
        .limits_per_address(quota(&settings.limits.per_address))
        .headers(!settings.no_header_support.unwrap_or(false))
        .authorization(access::of_server(settings))
}

fn of_block(block: &conf::Events) -> EventOptions {
    let options = block.prefix.as_ref().map(EventOptions::new);
    let kinds = block.kinds.iter().map(|kind| match kind.as_str() {
        "connected" => Event::Connected,
        "left" => Event::Left,
        "subscribed" => Event::Subscribed,
        _ => Event::Slow, // The file was found good: there are no others.
    });
    options.unwrap_or_default().only(kinds)
}

/// The monitoring port, if one is asked for.
#[cfg(feature = "http")]
fn monitor(settings: &Settings, digest: &str) -> Option<MonitorOptions> {
    let address = settings.http.as_ref().or(settings.https.as_ref())?;
    let mut options = MonitorOptions::port(address.port)
        .encrypted(settings.http.is_none())
        .config_digest(digest);
    if let Some(host) = &address.host {
        options = options.host(host);
    }
    if let Some(path) = &settings.http_base_path {
        options = options.base_path(path);
    }
    if let Some(is_demanded) = settings.monitoring.demand_user {
        options = options.demand_user(is_demanded);
    }
    Some(options.watch_traffic(settings.monitoring.traffic.unwrap_or(false)))
}

fn quota(quota: &conf::Quota) -> Quota {
    Quota {
        connections: quota.connections,
        subscriptions: quota.subscriptions,
        pending_bytes: quota.pending_bytes,
        publish_messages_per_second: quota.publish_messages_per_second,
        publish_bytes_per_second: quota.publish_bytes_per_second,
    }
}
