//! The WebSocket listener: from the words of a file to those of the server.

use crate::auth::Authorization;
use crate::conf::{self, Settings};
use crate::options::WebsocketOptions;

use super::{access, tls};

/// The listener that is asked for; on every address of the machine if none is named.
pub(super) fn of_block(settings: &Settings) -> Option<WebsocketOptions> {
    let block = settings.websocket.as_ref()?;
    let host = block.address.host.as_deref().unwrap_or("0.0.0.0");
    let mut it = WebsocketOptions::new(block.address.port)
        .host(host)
        .same_origin(block.same_origin)
        .compression(block.compression);
    for origin in &block.allowed_origins {
        it = it.allowed_origin(origin);
    }
    for (name, value) in &block.headers {
        it = it.header(name, value);
    }
    macro_rules! hand_on {
        ($($setting:ident;)*) => {
            $(if let Some(value) = block.$setting.clone() {
                it = it.$setting(value);
            })*
        };
    }
    hand_on! {
        handshake_timeout;
        ping_interval;
        user_cookie;
        pass_cookie;
        token_cookie;
    }
    if let Some(lag) = block.lag {
        it = it.lag(access::of_lag(lag));
    }
    if let Some(tls) = &block.tls {
        it = it.tls(tls::of_block(tls));
    }
    if let Some(user) = &block.no_auth_user {
        it = it.no_auth_user(&user.value);
    }
    if let Some(own) = &block.authorization {
        it = it.authorization(authorization(own, settings));
    }
    Some(it)
}

/// A user or a token of the listener's own stand in place of the server's; a timeout alone leaves
/// everything else as it is there.
fn authorization(own: &conf::Authorization, settings: &Settings) -> Authorization {
    if own.user.is_some() || own.token.is_some() {
        return access::of_block(own, None);
    }
    let it = access::of_server(settings);
    own.timeout.into_iter().fold(it, Authorization::timeout)
}
