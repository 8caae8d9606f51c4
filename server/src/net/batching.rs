//! One write for many publishers: what small rounds queue is sent when a thread has nothing left to
//! do, not after each of them.
//!
//! Only the runtime knows when a thread has nothing left to do; whoever builds it passes that on.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::worker::{self, Workers};

/// Numbers batchings; 0 is none.
static NEXT: AtomicU64 = AtomicU64::new(1);

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
///
/// It serves one server, and keeps that one's buffers until it is dropped itself.
#[derive(Clone)]
pub struct Batching {
    number: u64,
    workers: Arc<OnceLock<Arc<Workers>>>,
}

impl fmt::Debug for Batching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Batching")
    }
}

impl Default for Batching {
    fn default() -> Self {
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            workers: Arc::default(),
        }
    }
}

impl Batching {
    /// Sends what the server has queued on this thread. To be called by the runtime whenever a
    /// thread is about to wait; a thread that has called it once goes on doing so.
    pub fn flush(&self) {
        worker::note_rest(self.number);
        if let Some(workers) = self.workers.get() {
            workers.flush();
        }
    }

    /// Takes the server of `workers`, if it has none and they have no other.
    pub(super) fn attach(&self, workers: &Arc<Workers>) {
        if !workers.are_batched() && self.workers.set(Arc::clone(workers)).is_ok() {
            workers.batch(self.number);
        }
    }
}
