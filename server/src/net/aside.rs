//! Work for connections that no connection's loop does: what the server has to say by itself.

use std::sync::Arc;

use super::hub::Hub;
use crate::link::Wakes;

impl Hub {
    /// Runs `work` as a round of its own; what it writes is flushed by those whom it is for.
    pub(crate) fn work(&self, work: impl FnOnce(&mut Wakes)) {
        self.with_worker(|worker| {
            worker.wakes.set_now(self.now());
            work(&mut worker.wakes);
            let noted = worker.wakes.take_noted();
            noted.iter().for_each(|outbox| outbox.wake_owner());
            worker.wakes.reuse(noted);
        });
    }

    /// Runs `task` until it ends, or the server stops; the server is not gone before.
    pub(crate) fn run_aside(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let hub = Arc::clone(self);
        self.spawn(async move {
            tokio::select! {
                () = task => {}
                () = hub.stopped() => {}
            }
        });
    }

    /// Resolves when the server stops.
    async fn stopped(&self) {
        loop {
            let notified = self.stop.notified();
            if self.is_stopping() {
                return;
            }
            notified.await;
        }
    }
}
