//! Who may connect: from the words of a file to those of the server.

use crate::auth::{Authorization, ConnectionType, Permissions, Responses, User};
use crate::conf::{self, Identity, Settings};
use crate::peer::Lag;

/// Who may connect to the server.
pub(super) fn of_server(settings: &Settings) -> Authorization {
    let no_auth_user = settings.no_auth_user.as_ref();
    let block = settings.authorization.clone().unwrap_or_default();
    of_block(&block, no_auth_user.map(|user| user.value.as_str()))
}

pub(super) fn of_block(block: &conf::Authorization, no_auth_user: Option<&str>) -> Authorization {
    let mut it = Authorization::new();
    if let Some(token) = &block.token {
        it = it.token(&token.0);
    }
    // A password without a user lets everybody in, in nats-server too; conf/ says so.
    if let Some(user) = &block.user {
        let password = block.password.clone().unwrap_or_default();
        it = it.user_and_password(user, password.0);
    }
    if let Some(permissions) = &block.default_permissions {
        it = it.default_permissions(of_permissions(permissions));
    }
    if let Some(timeout) = block.timeout {
        it = it.timeout(timeout);
    }
    if let Some(user) = no_auth_user {
        it = it.no_auth_user(user);
    }
    block
        .users
        .iter()
        .fold(it, |it, user| it.user(of_user(user)))
}

fn of_user(user: &conf::User) -> User {
    let mut it = match &user.identity.value {
        Identity::Name { name, password } => User::new(name, &password.0),
        Identity::Nkey(key) => User::nkey(key),
    };
    if let Some(permissions) = &user.permissions {
        it = it.permissions(of_permissions(permissions));
    }
    if let Some(lag) = user.lag {
        it = it.lag(of_lag(lag));
    }
    if let Some(types) = &user.connection_types {
        it = it.connection_types(types.iter().filter_map(of_type));
    }
    it
}

/// What becomes of messages for who does not keep up.
pub(super) fn of_lag(lag: conf::Lag) -> Lag {
    match lag {
        conf::Lag::Disconnect => Lag::Disconnect,
        conf::Lag::DropNewest => Lag::DropNewest,
        conf::Lag::DropOldest => Lag::DropOldest,
        conf::Lag::Latest => Lag::Latest,
    }
}

/// Nothing for ways that do not exist here: a user of those alone cannot come in.
fn of_type(kind: &conf::ConnectionType) -> Option<ConnectionType> {
    match kind {
        conf::ConnectionType::Standard => Some(ConnectionType::Standard),
        conf::ConnectionType::WebSocket => Some(ConnectionType::Websocket),
        conf::ConnectionType::InProcess => Some(ConnectionType::InProcess),
        conf::ConnectionType::LeafNode
        | conf::ConnectionType::LeafNodeWebSocket
        | conf::ConnectionType::Mqtt
        | conf::ConnectionType::MqttWebSocket => None,
    }
}

fn of_permissions(permissions: &conf::Permissions) -> Permissions {
    let texts = |list: &[conf::Placed<String>]| -> Vec<String> {
        list.iter().map(|entry| entry.value.clone()).collect()
    };
    let (publish, subscribe) = (&permissions.publish, &permissions.subscribe);
    let mut it = Permissions::new()
        .deny_publish(texts(&publish.deny))
        .deny_subscribe(texts(&subscribe.deny));
    if let Some(allow) = &publish.allow {
        it = it.allow_publish(texts(allow));
    }
    if let Some(allow) = &subscribe.allow {
        it = it.allow_subscribe(texts(allow));
    }
    if let Some(responses) = permissions.responses {
        it = it.allow_responses(Responses {
            max: responses.max,
            expires: responses.expires,
        });
    }
    it
}
