//! The Unix-domain socket: how those who come by it are told of the server.

use std::path::Path;
use std::sync::Arc;

use super::{Server, StartError};
use crate::doors::nats::{Encryption, NatsDoor, Way};
use crate::net::{UnixBound, bind_unix};
use crate::options::Builder;
use crate::peer::Lag;

/// Binds the socket that was chosen, if one was.
///
/// # Errors
///
/// It cannot be bound.
pub(super) async fn bind(options: &Builder) -> Result<Option<UnixBound>, StartError> {
    let Some((path, mode)) = &options.unix_socket else {
        return Ok(None);
    };
    let bound = bind_unix(path, *mode).await;
    bound.map(Some).map_err(|source| StartError::Listen {
        address: name(path),
        source,
    })
}

/// How the socket is named where addresses are.
fn name(path: &Path) -> String {
    format!("unix:{}", path.display())
}

impl Server {
    /// Serves those who come by `bound`; gives the door behind it.
    pub(super) fn listen_unix(&self, bound: UnixBound) -> Arc<NatsDoor> {
        let lag = self.options.lock().unix_lag;
        let door = NatsDoor::new(&self.nats, way(&self.door.way(), lag));
        self.listener(&door).listen_unix(bound);
        if let Some((path, _)) = &self.options.lock().unix_socket {
            tracing::info!("Listening for client connections on {}", name(path));
        }
        door
    }
}

/// What holds by way of the file system: the machine sees to it that nobody else listens.
pub(super) fn way(main: &Way, lag: Option<Lag>) -> Way {
    Way {
        lag,
        encryption: Encryption::None,
        is_verified: false,
        ..main.clone()
    }
}
