//! As whom a client connects.

use std::fmt;

use dunlin_protocol::Connect;

use crate::address::ServerAddr;

/// What a client shows a server to be let in; what an address says goes first.
#[derive(Clone, Default)]
pub(crate) struct Auth {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) token: String,
}

impl Auth {
    /// Puts the credentials for `addr` into the line that introduces the client.
    pub(crate) fn fill(&self, connect: &mut Connect, addr: Option<&ServerAddr>) {
        let addr = addr.and_then(|addr| addr.user().map(|user| (user, addr.password())));
        match addr {
            Some((user, Some(password))) => {
                connect.user = user.to_owned();
                connect.pass = password.to_owned();
            }
            Some((token, None)) => connect.auth_token = token.to_owned(),
            None => {
                connect.user.clone_from(&self.user);
                connect.pass.clone_from(&self.password);
                connect.auth_token.clone_from(&self.token);
            }
        }
    }
}

/// Names the user, never a secret.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
