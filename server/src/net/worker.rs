//! What a thread needs while it works, and a connection does not need while it is idle.
//!
//! A worker is taken for one round (read, parse, route, write) and put back. Each thread finds the
//! one that it used last, still warm; no two threads share a place unless there are more threads
//! than cores. They belong to the server and go with it: nothing stays behind in thread storage
//! but a number.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::link::{Pool, Wakes};

/// How much is read at once, in bytes: large enough that a system call's cost is spread over
/// hundreds of small messages, small enough to stay in the second-level cache.
pub(super) const BUFFER_LEN: usize = 128 * 1024;

/// Numbers threads in the order in which they first ask.
static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: usize = NEXT_THREAD.fetch_add(1, Ordering::Relaxed);
}

pub(super) struct Worker {
    pub(super) buffer: Box<[u8]>,
    pub(super) wakes: Wakes,
    has_worked: bool, // Since memory was last tidied.
}

pub(super) struct Workers {
    places: Box<[Mutex<Vec<Worker>>]>,
    pool: Arc<Pool>,
}

impl Workers {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        let count = std::thread::available_parallelism().map_or(2, |cores| cores.get());
        Self {
            places: (0..count).map(|_| Mutex::default()).collect(),
            pool,
        }
    }

    /// Runs `work` with a worker of this thread's own.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Worker) -> T) -> T {
        let place = &self.places[THREAD.with(|number| *number) % self.places.len()];
        let known = place.lock().pop();
        let mut worker = known.unwrap_or_else(|| Worker {
            buffer: vec![0; BUFFER_LEN].into_boxed_slice(),
            wakes: Wakes::new(Arc::clone(&self.pool)),
            has_worked: true,
        });
        worker.has_worked = true;
        let result = work(&mut worker);
        place.lock().push(worker);
        result
    }

    /// Puts the memory that idle workers keep at hand into the pool; true if all are idle.
    pub(super) fn tidy(&self) -> bool {
        let mut are_idle = true;
        for place in &self.places {
            for worker in place.lock().iter_mut() {
                if std::mem::take(&mut worker.has_worked) {
                    are_idle = false;
                } else {
                    worker.wakes.chunks().return_all();
                }
            }
        }
        are_idle
    }
}
