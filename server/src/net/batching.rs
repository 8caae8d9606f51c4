//! One write for many publishers: what small rounds queue is sent when a thread has nothing left to
//! do, not after each of them.
//!
//! Only the runtime knows when a thread has nothing left to do; whoever builds it passes that on.

use std::cell::Cell;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::worker::Workers;

thread_local! {
    /// The last batching that was told of this thread's rest; its address, never followed.
    static TOLD: Cell<usize> = const { Cell::new(0) };
}

/// Lets a server write to each reader once for all that is ready, instead of once for each
/// publisher: with 64 requesters of one service, half of the writes.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let batching = dunlin_server::Batching::default();
/// let told = batching.clone();
/// let runtime = tokio::runtime::Builder::new_multi_thread()
///     .enable_all()
///     .on_thread_park(move || told.flush())
///     .build()?;
/// runtime.block_on(async {
///     let server = dunlin_server::Server::builder().port(0).start().await?;
///     server.batch_writes(&batching);
///     server.shutdown().await;
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Batching {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    servers: Mutex<Vec<Weak<Workers>>>,
}

impl Batching {
    /// Sends what the servers of this batching have queued on this thread. To be called by the
    /// runtime whenever a thread is about to wait.
    pub fn flush(&self) {
        TOLD.set(self.address());
        let count = self.shared.servers.lock().len();
        for at in 0..count {
            let server = self.shared.servers.lock().get(at).and_then(Weak::upgrade);
            server.iter().for_each(|workers| workers.flush());
        }
    }

    /// Whether this thread calls [`Batching::flush`] when it is about to wait.
    pub(super) fn is_told_here(&self) -> bool {
        TOLD.get() == self.address()
    }

    pub(super) fn attach(&self, workers: &Arc<Workers>) {
        let mut servers = self.shared.servers.lock();
        servers.retain(|server| server.strong_count() > 0);
        servers.push(Arc::downgrade(workers));
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.shared).addr()
    }
}
