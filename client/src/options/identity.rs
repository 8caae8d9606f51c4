//! Who the client is to the server.

use std::future::Future;
use std::path::Path;

use super::ConnectOptions;
use crate::auth::{Auth, AuthError};
use crate::error::ConnectError;

/// Who the client is to the server. Of nkey, JWT, credentials and callback the last one set holds;
/// user, password and token are shown besides. A server whose address carries credentials is shown
/// those and nothing else.
impl ConnectOptions {
    /// User and password.
    #[must_use]
    pub fn user_and_password(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        self.identity.plain.username = Some(user.into());
        self.identity.plain.password = Some(password.into());
        self
    }

    /// A token.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.identity.plain.token = Some(token.into());
        self
    }

    /// The seed of an nkey, `SU…`: signs what the server asks to be signed, and never leaves the
    /// program. A text that is no seed of a user is an error of
    /// [`connect`](ConnectOptions::connect).
    #[must_use]
    pub fn nkey(mut self, seed: impl AsRef<str>) -> Self {
        self.identity.set_nkey(seed.as_ref());
        self
    }

    /// A user JWT, and a callback that signs for it: it is given the bytes to sign and returns the
    /// 64 of the signature. Is called for each connection; should it fail, the attempt fails and
    /// others follow. [`UserKey`](crate::UserKey) signs with a seed.
    ///
    /// ```no_run
    /// # async fn example(jwt: String, seed: String) -> Result<(), Box<dyn std::error::Error>> {
    /// let key = dunlin::UserKey::from_seed(&seed)?;
    /// let options = dunlin::ConnectOptions::new().jwt(jwt, move |nonce| {
    ///     let signature = key.sign(&nonce);
    ///     async move { Ok(signature) }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn jwt<F, Fut>(mut self, jwt: impl Into<String>, sign: F) -> Self
    where
        F: Fn(Vec<u8>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<u8>, AuthError>> + Send + 'static,
    {
        self.identity.set_jwt(jwt.into(), sign);
        self
    }

    /// The text of a credentials file: a user JWT, and the seed that signs for it.
    ///
    /// # Errors
    ///
    /// One of the two is missing, or the seed is none.
    pub fn credentials(mut self, text: impl AsRef<str>) -> Result<Self, ConnectError> {
        self.identity.set_credentials(text.as_ref())?;
        Ok(self)
    }

    /// A credentials file, `.creds`. It is read now, to tell mistakes early, and again for each
    /// connection: one that is renewed on disk is taken up without a restart. At most 1 MiB.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no credentials file.
    pub async fn credentials_file(mut self, path: impl AsRef<Path>) -> Result<Self, ConnectError> {
        self.identity.set_file(path.as_ref()).await?;
        Ok(self)
    }

    /// A callback that says who the client is: it is given the bytes to sign, none if the server
    /// asks for no signature, and returns what to show. Is called for each connection; should it
    /// fail, the attempt fails and others follow. It takes of the
    /// [connection timeout](ConnectOptions::connection_timeout).
    ///
    /// ```no_run
    /// # async fn vault() -> Result<String, std::io::Error> { Ok("t0ken".to_owned()) }
    /// let options = dunlin::ConnectOptions::new().auth_callback(|_nonce| async {
    ///     let mut auth = dunlin::Auth::new();
    ///     auth.token = Some(vault().await.map_err(dunlin::AuthError::new)?);
    ///     Ok(auth)
    /// });
    /// ```
    #[must_use]
    pub fn auth_callback<F, Fut>(mut self, callback: F) -> Self
    where
        F: Fn(Vec<u8>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Auth, AuthError>> + Send + 'static,
    {
        self.identity.set_callback(callback);
        self
    }
}
