//! As whom a client connects.
//!
//! In: what the program gave once, the nonce that a server asks to be signed. Out: what goes into
//! CONNECT, worked out anew for each connection, so that what expires can be renewed.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use dunlin_protocol::Connect;

use crate::address::ServerAddr;
use crate::error::{ConnectError, ConnectErrorKind};

mod base;
mod credentials;
mod key;

use credentials::Credentials;
pub use key::{KeyError, UserKey};

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, AuthError>> + Send>>;
type SignCallback = Arc<dyn Fn(Vec<u8>) -> Answer<Vec<u8>> + Send + Sync>;
type AuthCallback = Arc<dyn Fn(Vec<u8>) -> Answer<Auth> + Send + Sync>;

/// What a client shows a server to be let in, as an
/// [`auth_callback`](crate::ConnectOptions::auth_callback) gives it. What is `None` is left out.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Auth {
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// A token that lets the bearer in.
    pub token: Option<String>,
    /// Public key of the user, `U…`.
    pub nkey: Option<String>,
    /// User JWT.
    pub jwt: Option<String>,
    /// Signature of the nonce, 64 bytes as they are.
    pub signature: Option<Vec<u8>>,
}

impl Auth {
    /// Nothing to show.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Tells that something is there, never what.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("username", &self.username)
            .field("nkey", &self.nkey)
            .finish_non_exhaustive()
    }
}

/// Why a callback could not say who the client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthError(Box<str>);

impl AuthError {
    /// With a text that explains it.
    pub fn new(text: impl ToString) -> Self {
        Self(text.to_string().into())
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AuthError {}

/// How the client gets to know what to show.
#[derive(Clone, Default)]
pub(crate) struct Identity {
    /// User, password and token; goes besides the rest, so that a server may choose.
    pub(crate) plain: Auth,
    method: Method,
}

#[derive(Clone, Default)]
enum Method {
    #[default]
    Plain,
    /// A seed that was given as text, or why it is none.
    Nkey(Result<UserKey, KeyError>),
    Jwt(String, SignCallback),
    Credentials(Credentials),
    /// Read again for each connection: whoever renews it need not restart the program.
    File(PathBuf),
    Callback(AuthCallback),
}

/// Settling it.
impl Identity {
    pub(crate) fn set_nkey(&mut self, seed: &str) {
        self.method = Method::Nkey(UserKey::from_seed(seed));
    }

    pub(crate) fn set_jwt<F, Fut>(&mut self, jwt: String, sign: F)
    where
        F: Fn(Vec<u8>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<u8>, AuthError>> + Send + 'static,
    {
        self.method = Method::Jwt(jwt, Arc::new(move |nonce| Box::pin(sign(nonce))));
    }

    pub(crate) fn set_credentials(&mut self, text: &str) -> Result<(), ConnectError> {
        self.method = Method::Credentials(Credentials::parse(text).map_err(invalid)?);
        Ok(())
    }

    pub(crate) async fn set_file(&mut self, path: &Path) -> Result<(), ConnectError> {
        read(path).await?;
        self.method = Method::File(path.to_owned());
        Ok(())
    }

    pub(crate) fn set_callback<F, Fut>(&mut self, callback: F)
    where
        F: Fn(Vec<u8>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Auth, AuthError>> + Send + 'static,
    {
        self.method = Method::Callback(Arc::new(move |nonce| Box::pin(callback(nonce))));
    }

    /// Finds a seed that is none before anything is dialled.
    pub(crate) fn check(&self) -> Result<(), ConnectError> {
        match &self.method {
            Method::Nkey(Err(error)) => Err(invalid(error.to_string())),
            _ => Ok(()),
        }
    }
}

/// Showing it.
impl Identity {
    /// Puts what `addr` is to be shown into the line that introduces the client; an address that
    /// carries credentials goes first. Without a `nonce` nothing is signed: that server does not
    /// ask.
    ///
    /// # Errors
    ///
    /// A callback failed, a file could not be read, a seed is none.
    pub(crate) async fn fill(
        &self,
        connect: &mut Connect,
        addr: Option<&ServerAddr>,
        nonce: &str,
    ) -> Result<(), ConnectError> {
        let auth = match addr.and_then(|addr| addr.user().map(|user| (user, addr.password()))) {
            Some((user, Some(password))) => Auth {
                username: Some(user.to_owned()),
                password: Some(password.to_owned()),
                ..Auth::default()
            },
            Some((token, None)) => Auth {
                token: Some(token.to_owned()),
                ..Auth::default()
            },
            None => self.answer(nonce.as_bytes()).await?,
        };
        let text = |text: Option<String>| text.unwrap_or_default();
        connect.user = text(auth.username);
        connect.pass = text(auth.password);
        connect.auth_token = text(auth.token);
        connect.nkey = text(auth.nkey);
        connect.jwt = text(auth.jwt);
        connect.sig = auth
            .signature
            .map_or(String::new(), |raw| base::url64(&raw));
        Ok(())
    }

    async fn answer(&self, nonce: &[u8]) -> Result<Auth, ConnectError> {
        let failed = |error| ConnectError::with_source(ConnectErrorKind::Credentials, error);
        let plain = self.plain.clone();
        match &self.method {
            Method::Plain => Ok(plain),
            Method::Nkey(Err(error)) => Err(invalid(error.to_string())),
            Method::Nkey(Ok(key)) => Ok(Auth {
                nkey: Some(key.public_key()),
                ..signed(plain, key, nonce)
            }),
            Method::Jwt(jwt, sign) => {
                let signature = match nonce {
                    [] => None,
                    nonce => Some(sign(nonce.to_owned()).await.map_err(failed)?),
                };
                Ok(Auth {
                    jwt: Some(jwt.clone()),
                    signature,
                    ..plain
                })
            }
            Method::Credentials(credentials) => Ok(shown(plain, credentials, nonce)),
            Method::File(path) => Ok(shown(plain, &read(path).await?, nonce)),
            Method::Callback(callback) => callback(nonce.to_owned()).await.map_err(failed),
        }
    }
}

/// Names the user, never a secret.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = match &self.method {
            Method::Plain => "plain",
            Method::Nkey(_) => "nkey",
            Method::Jwt(..) => "jwt",
            Method::Credentials(_) | Method::File(_) => "credentials",
            Method::Callback(_) => "callback",
        };
        f.debug_struct("Identity")
            .field("user", &self.plain.username)
            .field("method", &method)
            .finish_non_exhaustive()
    }
}

fn shown(plain: Auth, credentials: &Credentials, nonce: &[u8]) -> Auth {
    Auth {
        jwt: Some(credentials.jwt.clone()),
        ..signed(plain, &credentials.key, nonce)
    }
}

fn signed(plain: Auth, key: &UserKey, nonce: &[u8]) -> Auth {
    Auth {
        signature: (!nonce.is_empty()).then(|| key.sign(nonce)),
        ..plain
    }
}

/// Reads a credentials file, off the tasks of the runtime: it may lie on a slow disk.
async fn read(path: &Path) -> Result<Credentials, ConnectError> {
    let kind = ConnectErrorKind::Credentials;
    let about = format!("{}", path.display());
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || Credentials::read(&path)).await;
    match read.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(credentials) => Ok(credentials),
        Err(error) => Err(ConnectError::with_detail(kind, format!("{about}: {error}"))),
    }
}

fn invalid(detail: String) -> ConnectError {
    ConnectError::with_detail(ConnectErrorKind::Credentials, detail)
}
