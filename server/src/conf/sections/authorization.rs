//! `authorization { }`: who may connect, and what they may do.

use super::field::{Done, Field, set};
use super::lag::policy;
use super::permissions::permissions;
use super::table::{Known, Standing, known};
use crate::conf::report::{Diagnostic, Severity};
use crate::conf::settings::{
    Authorization, ConnectionType, Identity, Lag, Permissions, Placed, Secret, Settings, User,
};

use Standing::{Obeyed, Refused};

/// The longest that a client may take to say who it is without a warning, in seconds, as in
/// nats-server.
const TIMEOUT_USUAL: u64 = 60;
/// The prefix of a user's public key.
const USER_KEY: char = 'U';

const NO_CALLOUT: &str = "this version asks no service who somebody is";
const NO_CALLOUT_HELP: &str = "the users of the file alone would be let in";
pub(crate) const NO_PROXY: &str = "this version knows no trusted proxies";
pub(crate) const NO_PROXY_HELP: &str = "clients would be let in past the proxy";

const KEYS: &[Known<Authorization>] = known! {
    "user" / "username" => Obeyed(|field, it| set(&mut it.user, field.some_text()));
    "pass" / "password" => Obeyed(|field, it| set(&mut it.password, secret(field)));
    "token" => Obeyed(|field, it| set(&mut it.token, secret(field)));
    "timeout" => Obeyed(timeout);
    "users" => Obeyed(|field, it| set(&mut it.users, users(field)));
    "default_permissions" / "default_permission" / "permissions" =>
        Obeyed(|field, it| set(&mut it.default_permissions, permissions(field)));
    "auth_callout" / "auth_hook" => Obeyed(no_callout);
    "proxy_required" => Refused(NO_PROXY, NO_PROXY_HELP);
};

/// What a listener of its own may say of who may connect there.
const LISTENER_KEYS: &[Known<Authorization>] = known! {
    "user" / "username" => Obeyed(|field, it| set(&mut it.user, field.some_text()));
    "pass" / "password" => Obeyed(|field, it| set(&mut it.password, secret(field)));
    "token" => Obeyed(|field, it| set(&mut it.token, secret(field)));
    "timeout" => Obeyed(timeout);
};

const USER_KEYS: &[Known<Raw>] = known! {
    "user" / "username" => Obeyed(|field, it| set(&mut it.name, field.some_text()));
    "pass" / "password" => Obeyed(|field, it| set(&mut it.password, secret(field)));
    "nkey" => Obeyed(nkey);
    "permissions" / "permission" / "authorization" =>
        Obeyed(|field, it| set(&mut it.permissions, permissions(field)));
    "allowed_connection_types" / "connection_types" / "clients" => Obeyed(connection_types);
    "lag" => Obeyed(|field, it| set(&mut it.lag, policy(field)));
    "proxy_required" => Refused(NO_PROXY, NO_PROXY_HELP);
};

const CONNECTION_TYPES: [(&str, ConnectionType); 7] = [
    ("STANDARD", ConnectionType::Standard),
    ("WEBSOCKET", ConnectionType::WebSocket),
    ("LEAFNODE", ConnectionType::LeafNode),
    ("LEAFNODE_WS", ConnectionType::LeafNodeWebSocket),
    ("MQTT", ConnectionType::Mqtt),
    ("MQTT_WS", ConnectionType::MqttWebSocket),
    ("IN_PROCESS", ConnectionType::InProcess),
];

/// A user as far as it is read.
#[derive(Default)]
struct Raw {
    name: Option<String>,
    password: Option<Secret>,
    nkey: Option<String>,
    permissions: Option<Permissions>,
    connection_types: Option<Vec<ConnectionType>>,
    lag: Option<Lag>,
}

/// The block at the top.
pub(crate) fn authorization(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let map = field.map()?;
    let mut it = Authorization::default();
    field.read_map(&map, "authorization", KEYS, &mut it);
    let told: Vec<Diagnostic> = conflicts(&it, field).into_iter().flatten().collect();
    field.diagnostics.extend(told);
    duplicates(&it.users, field);
    settings.authorization = Some(it);
    Ok(())
}

/// The block of a listener of its own, as in `websocket { }`.
pub(crate) fn of_listener(field: &mut Field<'_>) -> Result<Option<Authorization>, Diagnostic> {
    let map = field.map()?;
    let mut it = Authorization::default();
    field.read_map(
        &map,
        "the authorization of a listener",
        LISTENER_KEYS,
        &mut it,
    );
    if it.token.is_some() && (it.user.is_some() || it.password.is_some()) {
        return Err(field.error("cannot have a user/pass and a token"));
    }
    Ok(Some(it))
}

pub(crate) fn no_auth_user(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.no_auth_user, field.some_placed())
}

fn secret(field: &mut Field<'_>) -> Result<Option<Secret>, Diagnostic> {
    let text = field.some_text()?;
    if text.as_deref().is_some_and(is_broken_hash) {
        let text = "this begins like a hash of bcrypt and is none: nobody can log in with it";
        let notice = field.error(text).as_severity(Severity::Notice);
        field
            .diagnostics
            .push(notice.help("make one with: dunlin-server passwd"));
    }
    Ok(text.map(Secret))
}

/// `$2a$11$` and 53 letters more make a hash of bcrypt.
fn is_broken_hash(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"./".contains(&byte);
    let bytes = text.as_bytes();
    let begins = matches!(bytes, [b'$', b'2', b'a' | b'b' | b'x' | b'y', b'$', tens, ones, b'$', ..]
        if tens.is_ascii_digit() && ones.is_ascii_digit());
    begins && !(bytes.len() == 60 && bytes[7..].iter().copied().all(is_letter))
}

/// Refused even where it is empty: nobody writes it who wants the users of the file alone.
fn no_callout(field: &mut Field<'_>, _: &mut Authorization) -> Done {
    let text = format!("\"{}\" cannot be obeyed: {NO_CALLOUT}", field.key);
    Err(field.error(text).help(NO_CALLOUT_HELP))
}

fn timeout(field: &mut Field<'_>, it: &mut Authorization) -> Done {
    it.timeout = field.seconds()?;
    if let Some(timeout) = it
        .timeout
        .filter(|it| it.as_secs_f64() > TIMEOUT_USUAL as f64)
    {
        let text = format!("a timeout of {timeout:?} lets strangers hold connections for long");
        let warning = field.error(text).as_severity(Severity::Warning);
        field.diagnostics.push(warning.help(
            "nats-server warns above 60 s; a number counts in seconds, minutes need quotes: \"1m\"",
        ));
    }
    Ok(())
}

/// Ways to say who may connect that exclude each other, and those that say nothing.
fn conflicts(it: &Authorization, field: &Field<'_>) -> [Option<Diagnostic>; 3] {
    let has_users = !it.users.is_empty();
    let is_single = it.user.is_some() || it.password.is_some();
    let conflict = match (&it.token, &it.user) {
        (Some(_), _) if is_single => Some("cannot have a user/pass and a token"),
        (Some(_), _) if has_users => Some("cannot have a token and a users array"),
        (_, Some(_)) if has_users => Some("cannot have a single user/pass and a users array"),
        _ => None,
    };
    let conflict = conflict.map(|text| {
        let error = field.error(text);
        error.help("give each client an entry in users: [ {user: …, password: …} ]")
    });
    let notice = |text: &str| field.error(text).as_severity(Severity::Notice);
    let unguarded = (it.user.is_none() && it.password.is_some()).then(|| {
        let notice = notice("a password without a user guards nothing, as in nats-server");
        match has_users {
            true => notice.help("take it out: each entry of users has its own"),
            false => notice.help("everybody is let in: name the user, or use a token"),
        }
    });
    let unused = it.default_permissions.is_some() && !has_users;
    let unused = unused.then(|| {
        notice("these permissions bind nobody: they are for users, as in nats-server").help(
            "a single user or token may do everything; write users: [ {user: …, password: …} ]",
        )
    });
    [conflict, unguarded, unused]
}

fn duplicates(users: &[User], field: &mut Field<'_>) {
    let mut seen = std::collections::HashSet::new();
    for user in users {
        let name = user.identity.name();
        if seen.insert(name) {
            continue;
        }
        let kind = match &user.identity.value {
            Identity::Name { .. } => "user",
            Identity::Nkey(_) => "nkey",
        };
        let text = format!("duplicate {kind} {name:?}");
        field
            .diagnostics
            .push(Diagnostic::error(user.identity.span, text));
    }
}

fn users(field: &mut Field<'_>) -> Result<Vec<User>, Diagnostic> {
    let items = field.array("users")?;
    let mut users = Vec::new();
    for node in items.iter() {
        match user(&mut field.at("a user", node)) {
            Ok(user) => users.extend(user),
            Err(error) => field.diagnostics.push(error),
        }
    }
    Ok(users)
}

/// One user; nothing when something in it is wrong already.
fn user(field: &mut Field<'_>) -> Result<Option<User>, Diagnostic> {
    let map = field.map()?;
    let mut raw = Raw::default();
    let before = errors(field.diagnostics);
    field.read_map(&map, "a user", USER_KEYS, &mut raw);
    let is_damaged = errors(field.diagnostics) > before;
    let identity = match (raw.nkey, raw.name) {
        (Some(_), name) if name.is_some() || raw.password.is_some() => {
            return Err(field.error("a user with an nkey takes no user or password"));
        }
        (Some(key), _) => Identity::Nkey(key),
        (None, Some(name)) => Identity::Name {
            name,
            password: raw.password.unwrap_or_default(),
        },
        (None, None) if is_damaged => return Ok(None),
        (None, None) => {
            return Err(field
                .error("this entry names no user")
                .help("such as {user: joe, password: \"…\"} or {nkey: U…}"));
        }
    };
    Ok(Some(User {
        identity: Placed {
            value: identity,
            span: Some(field.node.span),
        },
        permissions: raw.permissions,
        connection_types: raw.connection_types,
        lag: raw.lag,
    }))
}

fn errors(diagnostics: &[Diagnostic]) -> usize {
    let is_error = |found: &&Diagnostic| found.severity == Severity::Error;
    diagnostics.iter().filter(is_error).count()
}

fn nkey(field: &mut Field<'_>, raw: &mut Raw) -> Done {
    let key = field.text()?;
    let is_valid = key.starts_with(USER_KEY) && nkeys::KeyPair::from_public_key(&key).is_ok();
    if !is_valid {
        let error = field.error("this is no public key of a user");
        return Err(match key.starts_with('S') {
            true => error.help("this looks like a seed, which is for the client alone"),
            false => error.help("such a key begins with U and has 56 letters and digits"),
        });
    }
    raw.nkey = Some(key);
    Ok(())
}

fn connection_types(field: &mut Field<'_>, raw: &mut Raw) -> Done {
    let names = field.texts("a connection type")?;
    let mut types = Vec::new();
    for name in &names {
        let found = CONNECTION_TYPES
            .iter()
            .find(|(it, _)| it.eq_ignore_ascii_case(name));
        let Some((_, kind)) = found else {
            let text = format!("there is no connection type {:?}", name.value);
            let known = CONNECTION_TYPES.map(|(name, _)| name).join(", ");
            return Err(Diagnostic::error(name.span, text).help(format!("there are {known}")));
        };
        types.push(*kind);
    }
    raw.connection_types = (!types.is_empty()).then_some(types);
    Ok(())
}
