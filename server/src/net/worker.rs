//! What a thread needs while it works, and a connection does not need while it is idle.
//!
//! A worker is taken for one round (read, parse, route, write) and put back. Each thread finds the
//! one that it used last, still warm; no two threads share a place unless there are more threads
//! than cores. They belong to the server and go with it: nothing stays behind in thread storage
//! but a number.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::link::sync::Mutex;
use crate::link::{Pool, Reason, Wakes};

/// How much is read at once, in bytes: large enough that a system call's cost is spread over
/// hundreds of small messages, small enough to stay in the second-level cache.
pub(super) const BUFFER_LEN: usize = 128 * 1024;

/// Numbers threads in the order in which they first ask.
static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: usize = NEXT_THREAD.fetch_add(1, Ordering::Relaxed);
    /// The number of the last batching that was told of this thread's rest.
    static TOLD: Cell<u64> = const { Cell::new(0) };
}

/// This thread tells the batching of that number when it is about to wait.
pub(super) fn note_rest(number: u64) {
    TOLD.set(number);
}

/// How many rounds may leave their outboxes to a later one. A guess: some fifty microseconds.
const ROUNDS_MAX: u32 = 16;

pub(super) struct Worker {
    pub(super) buffer: Box<[u8]>,
    pub(super) wakes: Wakes,
    /// Whether it has worked since its thread last had nothing to do: then there is more to come.
    is_busy: bool,
    /// How many rounds have left outboxes in `wakes`.
    rounds: u32,
    has_worked: bool, // Since memory was last tidied.
}

pub(super) struct Workers {
    places: Box<[Mutex<Vec<Worker>>]>,
    pool: Arc<Pool>,
    /// The number of the batching that threads tell when they have nothing left to do, if any.
    batching: OnceLock<u64>,
}

impl Worker {
    /// Flushes the outboxes that rounds have left.
    fn flush(&mut self) {
        self.rounds = 0;
        let noted = self.wakes.take_noted();
        for outbox in &noted {
            if outbox.flush(self.wakes.chunks()).is_err() {
                outbox.end(Reason::WriteError);
                outbox.wake_owner();
            }
        }
        self.wakes.reuse(noted);
    }
}

impl Workers {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        let count = std::thread::available_parallelism().map_or(2, |cores| cores.get());
        Self {
            places: (0..count).map(|_| Mutex::default()).collect(),
            pool,
            batching: OnceLock::new(),
        }
    }

    pub(super) fn are_batched(&self) -> bool {
        self.batching.get().is_some()
    }

    /// Leaves small writes to the end of what is ready from now on, on threads that tell the
    /// batching of that number.
    pub(super) fn batch(&self, number: u64) {
        self.batching.get_or_init(|| number);
    }

    /// This thread has nothing left to do: whoever has worked here and is back is flushed, also
    /// where threads share the place and put theirs back meanwhile.
    pub(super) fn flush(&self) {
        let place = self.place();
        loop {
            let mut workers = place.lock();
            let Some(at) = workers.iter().rposition(|worker| worker.is_busy) else {
                return;
            };
            let mut worker = workers.remove(at);
            drop(workers);
            worker.flush();
            worker.is_busy = false;
            let mut workers = place.lock();
            let at = at.min(workers.len());
            workers.insert(at, worker);
        }
    }

    fn place(&self) -> &Mutex<Vec<Worker>> {
        &self.places[THREAD.with(|number| *number) % self.places.len()]
    }

    /// Runs `work` with a worker of this thread's own.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Worker) -> T) -> T {
        let place = self.place();
        let known = place.lock().pop();
        let mut worker = known.unwrap_or_else(|| Worker {
            buffer: vec![0; BUFFER_LEN].into_boxed_slice(),
            wakes: Wakes::new(Arc::clone(&self.pool)),
            is_busy: false,
            rounds: 0,
            has_worked: true,
        });
        worker.has_worked = true;
        // What comes alone is not kept waiting.
        let is_busy = std::mem::replace(&mut worker.is_busy, true);
        let number = self.batching.get();
        let is_batching = || number.is_some_and(|number| TOLD.get() == *number);
        worker.wakes.set_leaving(is_busy && is_batching());
        let result = work(&mut worker);
        if worker.wakes.has_noted() {
            worker.rounds += 1;
            if worker.rounds > ROUNDS_MAX || !worker.wakes.may_leave() {
                worker.flush();
            }
        }
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
