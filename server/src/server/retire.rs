//! Lame duck: a server that goes, and lets its clients find another one first.

use std::sync::Arc;
use std::time::Duration;

use super::Server;
use crate::doors::nats::Terms;

impl Server {
    /// Accepts nobody any more, tells every client that understands it (`"ldm":true` in INFO), serves
    /// on for `grace`, then closes one connection after another, so that the last goes after
    /// `duration` at the latest. Returns when nobody is left; the server is then only to be shut
    /// down.
    ///
    /// The gap between two closings is at most a second. Without connections it returns at once.
    ///
    /// Source: protocol.md#lame-duck.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nobody new is accepted, and nobody else is closed.
    pub async fn lame_duck(&self, duration: Duration, grace: Duration) {
        tracing::info!("Entering lame duck mode, stop accepting new clients");
        self.hub.close_to_newcomers();
        let terms = self.nats.terms();
        let mut info = terms.info.clone();
        info.ldm = true;
        match super::assemble::terms(&self.options.lock(), info) {
            Ok(leaving) => self.nats.set_terms(Arc::new(Terms {
                room_up_to: terms.room_up_to,
                ..leaving
            })),
            // The same options made the terms that hold.
            Err(error) => tracing::error!(%error, "clients are not told"),
        }
        self.hub.notify_all();
        self.hub.empty_or(grace).await;
        tracing::info!("Closing existing clients");
        self.hub
            .close_one_by_one(duration.saturating_sub(grace))
            .await;
    }
}
