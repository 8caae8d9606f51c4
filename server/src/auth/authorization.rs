//! Who may connect, as it is configured.

use std::fmt;
use std::time::Duration;

use super::password::Secret;
use super::permissions::Permissions;
use crate::link::Lag;

/// Who may connect, and what each may do. The default lets everybody in.
///
/// ```
/// use dunlin_server::{Authorization, Permissions, Server, User};
///
/// let may = Permissions::new().allow_publish(["orders.>"]).allow_subscribe(["_INBOX.>"]);
/// let authorization = Authorization::new()
///     .user(User::new("admin", "s3cret"))
///     .user(User::new("shop", "$2a$11$…").permissions(may));
/// let server = Server::builder().authorization(authorization);
/// ```
///
/// Source: docs/configuration.md#authorization.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Authorization {
    pub(super) token: Option<Secret>,
    pub(super) single: Option<(String, Secret)>,
    pub(super) users: Vec<User>,
    pub(super) default_permissions: Option<Permissions>,
    pub(super) no_auth_user: Option<String>,
    pub(super) timeout: Option<Duration>,
}

/// Somebody who may connect.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    pub(super) login: Login,
    pub(super) permissions: Option<Permissions>,
    pub(super) connection_types: Option<Vec<ConnectionType>>,
    pub(super) lag: Option<Lag>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Login {
    Password { user: String, secret: Secret },
    Nkey(String),
}

/// A way in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionType {
    /// A TCP or Unix socket, encrypted or not.
    #[default]
    Standard,
    /// A WebSocket.
    Websocket,
    /// A connection inside the process.
    InProcess,
}

impl Authorization {
    /// Everybody is let in.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets in who knows the token: text, or its bcrypt hash.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Secret::new(token)).filter(|token| !token.is_empty());
        self
    }

    /// Lets in one user without a name in the list of users; the default permissions do not apply.
    pub fn user_and_password(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        self.single = Some((user.into(), Secret::new(password)));
        self
    }

    /// Lets in one more user.
    pub fn user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// What users may do who have no permissions of their own. Default: everything.
    pub fn default_permissions(mut self, permissions: Permissions) -> Self {
        self.default_permissions = Some(permissions);
        self
    }

    /// Takes who brings no credentials for this user, by its name or public key.
    pub fn no_auth_user(mut self, user: impl Into<String>) -> Self {
        self.no_auth_user = Some(user.into());
        self
    }

    /// How long a connection may take to say who it is. Default: 2 s, or where connections are
    /// encrypted the time of the handshake and a second more, as the reference server has it; who
    /// has begun to type by then has 58 s more.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Whether nobody is let in without credentials, `no_auth_user` aside.
    pub(crate) fn is_required(&self) -> bool {
        self.token.is_some() || self.single.is_some() || !self.users.is_empty()
    }
}

impl User {
    /// A user with a password: text, or its bcrypt hash.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::with(Login::Password {
            user: user.into(),
            secret: Secret::new(password),
        })
    }

    /// A user who signs with a key: `public_key` is its public half, which begins with `U`.
    pub fn nkey(public_key: impl Into<String>) -> Self {
        Self::with(Login::Nkey(public_key.into()))
    }

    fn with(login: Login) -> Self {
        Self {
            login,
            permissions: None,
            connection_types: None,
            lag: None,
        }
    }

    /// What the user may do. Default: the default permissions.
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = Some(permissions);
        self
    }

    /// By which ways the user may come in. Default: all.
    pub fn connection_types(mut self, types: impl IntoIterator<Item = ConnectionType>) -> Self {
        self.connection_types = Some(types.into_iter().collect());
        self
    }

    /// What becomes of messages for the user's connections when they do not keep up. Default: as
    /// for others.
    pub fn lag(mut self, lag: Lag) -> Self {
        self.lag = Some(lag);
        self
    }

    /// The name or public key.
    pub(super) fn name(&self) -> &str {
        match &self.login {
            Login::Password { user, .. } => user,
            Login::Nkey(key) => key,
        }
    }
}

/// What is wrong with an [`Authorization`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthorizationError {
    /// Two users have the same name or key.
    DuplicateUser(String),
    /// An entry of a permission list is no subject.
    InvalidSubject(String),
    /// A key is not the public key of a user.
    InvalidNkey(String),
    /// There is no user of the name that `no_auth_user` gives.
    UnknownNoAuthUser(String),
    /// A token, a single user and a list of users cannot be combined.
    Conflict(&'static str),
}

impl fmt::Display for AuthorizationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateUser(user) => write!(f, "duplicate user \"{user}\""),
            Self::InvalidSubject(text) => write!(f, "subject \"{text}\" is not a valid subject"),
            Self::InvalidNkey(key) => write!(f, "not a valid public nkey for a user: \"{key}\""),
            Self::UnknownNoAuthUser(user) => write!(
                f,
                "no_auth_user: \"{user}\" not present as user or nkey in authorization block"
            ),
            Self::Conflict(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for AuthorizationError {}
