//! What keeps a connection alive: one of these is shared by all handles of a client.

use std::sync::Arc;

use crate::shared::Shared;

#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
}

/// The last handle is gone: the driver sends what is there and goes too. Needs no runtime.
impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.outgoing.abandon();
    }
}
