//! What all connections of a server share on this side: memory, workers, the clock, and the end.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, mpsc};

use super::batching::Batching;
use super::presence::Presence;
use super::stir::Stir;
use super::timers::Timers;
use super::worker::{Worker, Workers};
#[cfg(feature = "http")]
use crate::link::Latency;
use crate::link::{Background, Outbox, Pool, ReadText};

/// How often memory that lies about is halved: nine tenths of what a flood took are given back
/// within two seconds.
const TRIM_INTERVAL: Duration = Duration::from_millis(500);

/// How many sessions are told at once of something that all of them share: half a millisecond's work.
/// With the pause ten thousand of them are told within a quarter of a second.
const NOTIFIED_AT_ONCE: usize = 64;
const NOTICE_PAUSE: Duration = Duration::from_millis(1);

/// What a connection obeys on this side, whatever its door.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// The most that may wait for one reader, in bytes.
    pub(crate) pending_max: usize,
    /// The most that may wait for all readers together, in bytes.
    pub(crate) pending_total_max: usize,
    /// What a reader is told that has to go for the others.
    pub(crate) last_words: Vec<u8>,
    /// Tells for whom was what readers have lost.
    pub(crate) read_text: ReadText,
    /// How long a reader may take nothing while something waits for it.
    pub(crate) write_deadline: Duration,
    /// A reader over that is kept, and its messages with it.
    pub(crate) keeps_stalled: bool,
}

/// Held by every task of a server; when the last one is dropped, the server is gone.
pub(super) type Alive = mpsc::Sender<Infallible>;

pub(crate) struct Hub {
    pub(super) timers: Timers,
    workers: Arc<Workers>,
    pub(super) pending_max: usize,
    write_deadline_nanos: AtomicU64,
    keeps_stalled: AtomicBool,
    pub(super) pool: Arc<Pool>,
    pub(super) last_words: Vec<u8>,
    pub(super) read_text: ReadText,
    /// Held by whoever makes room.
    pub(super) relieving: Mutex<()>,
    /// Who is here; everybody holds an [`Alive`].
    pub(super) presence: Presence<Alive>,
    /// Somebody worked since memory was last tidied.
    stir: Stir,
    /// How often sessions were to be told since somebody began to tell them; 0 while nobody does.
    notices: AtomicU64,
    /// Nobody new is accepted.
    pub(super) is_closed: AtomicBool,
    /// Tells of both.
    pub(super) stop: Notify,
    /// The last connection has left.
    pub(super) emptied: Notify,
    /// How many jobs may run in the background at a time: no more than there are cores.
    jobs: Arc<Semaphore>,
    runtime: Handle,
}

/// Resolves when no task of the server is left.
pub(crate) struct AllGone(mpsc::Receiver<Infallible>);

impl AllGone {
    pub(crate) async fn wait(&mut self) {
        // Nobody ever sends: the only thing to come is the end.
        self.0.recv().await;
    }
}

impl Hub {
    /// Makes a hub and starts its clock.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub(crate) fn start(bounds: Bounds) -> (Arc<Self>, AllGone) {
        let clock = || tokio::time::Instant::now().into_std();
        let pool = Arc::new(Pool::new(bounds.pending_total_max, clock));
        let (alive, gone) = mpsc::channel(1);
        let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get());
        let hub = Arc::new(Self {
            timers: Timers::new(tokio::time::Instant::now().into_std()),
            workers: Arc::new(Workers::new(Arc::clone(&pool))),
            pending_max: bounds.pending_max,
            write_deadline_nanos: AtomicU64::new(nanos(bounds.write_deadline)),
            keeps_stalled: AtomicBool::new(bounds.keeps_stalled),
            pool,
            last_words: bounds.last_words,
            read_text: bounds.read_text,
            relieving: Mutex::default(),
            presence: Presence::new(alive),
            stir: Stir::default(),
            notices: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            stop: Notify::new(),
            emptied: Notify::new(),
            jobs: Arc::new(Semaphore::new(cores)),
            runtime: Handle::current(),
        });
        hub.set_relief();
        hub.spawn(Arc::clone(&hub).run_clock());
        (hub, AllGone(gone))
    }

    /// Runs `task` until it ends; the server is not gone before.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let Some(alive) = self.presence.sign() else {
            return;
        };
        self.runtime.spawn(async move {
            task.await;
            drop(alive);
        });
    }

    /// Takes the connection behind `outbox` in: its number, and the sign of life that its task
    /// holds. None once the server stops.
    pub(super) fn enter(&self, outbox: &Arc<Outbox>) -> Option<(u32, Alive)> {
        self.presence.enter(outbox)
    }

    /// Runs the task of a connection, which has brought its own sign of life.
    pub(super) fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    /// Forgets the connection `id`.
    pub(super) fn forget(&self, id: u32) {
        if self.presence.leave(id) {
            self.emptied.notify_waiters();
        }
    }

    /// The time, as the runtime tells it: a test may have stopped it.
    pub(super) fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.presence.is_stopping()
    }

    /// Whether a reader that takes nothing for longer is kept.
    pub(super) fn keeps_stalled(&self) -> bool {
        self.keeps_stalled.load(Ordering::Relaxed)
    }

    /// How long a reader may take nothing while something waits for it.
    pub(super) fn write_deadline(&self) -> Duration {
        Duration::from_nanos(self.write_deadline_nanos.load(Ordering::Relaxed))
    }

    /// From now on a reader may take nothing for so long.
    pub(crate) fn set_write_deadline(&self, deadline: Duration, keeps_stalled: bool) {
        self.keeps_stalled.store(keeps_stalled, Ordering::Relaxed);
        self.write_deadline_nanos
            .store(nanos(deadline), Ordering::Relaxed);
    }

    /// Resolves when nobody new is to be accepted.
    pub(super) async fn closed(&self) {
        loop {
            let notified = self.stop.notified();
            if self.is_stopping() || self.is_closed.load(Ordering::Acquire) {
                return;
            }
            notified.await;
        }
    }

    /// Has every session look at what all of them share: at once where there are few, or else little
    /// by little, so that nobody's messages wait for ten thousand of them.
    pub(crate) fn notify_all(self: &Arc<Self>) {
        let open = self.presence.all();
        if open.len() <= NOTIFIED_AT_ONCE {
            open.iter().for_each(|outbox| outbox.notify());
        } else if self.notices.fetch_add(1, Ordering::AcqRel) == 0 {
            self.spawn(Arc::clone(self).notify_slowly());
        } // Else whoever is at it goes round once more.
    }

    async fn notify_slowly(self: Arc<Self>) {
        loop {
            let asked = self.notices.load(Ordering::Acquire);
            for some in self.presence.all().chunks(NOTIFIED_AT_ONCE) {
                some.iter().for_each(|outbox| outbox.notify());
                tokio::time::sleep(NOTICE_PAUSE).await;
                if self.is_stopping() {
                    return;
                }
            }
            let (order, late) = (Ordering::AcqRel, Ordering::Acquire);
            let ended = self.notices.compare_exchange(asked, 0, order, late);
            if ended.is_ok() {
                return;
            }
        }
    }

    /// Ends everything: no new connection, what is queued is sent, then all hang up. The tasks end
    /// by themselves soon after.
    pub(crate) fn stop(&self) {
        if self.presence.stop() {
            self.stop.notify_waiters();
            self.timers.earlier.notify_one();
        }
    }

    /// The one task of the clock: wakes connections when their time comes, and gives memory back
    /// that lies about. It ends with the last connection after the server was stopped.
    async fn run_clock(self: Arc<Self>) {
        loop {
            let now = self.now();
            let next = self.wake_due(now);
            let is_tidy = self.tidy();
            if self.presence.is_over() {
                return;
            }
            // But whoever leaves a server that stops is to be heard of at once.
            if !is_tidy && !self.presence.is_stopping() {
                self.stir.look_anyway();
            }
            let due = match (next, is_tidy) {
                (Some(next), true) => next,
                (Some(next), false) => next.min(now + TRIM_INTERVAL),
                (None, false) => now + TRIM_INTERVAL,
                (None, true) => {
                    self.timers.earlier.notified().await;
                    continue;
                }
            };
            // Whichever comes first is looked at above.
            let _ = tokio::time::timeout_at(due.into(), self.timers.earlier.notified()).await;
        }
    }

    /// Wakes whoever is due; tells when the next one is.
    fn wake_due(&self, now: Instant) -> Option<Instant> {
        loop {
            match self.timers.next_due(now) {
                Ok(id) => {
                    let outbox = self.presence.get(id);
                    outbox.iter().for_each(|outbox| outbox.wake_owner());
                }
                Err(next) => return next,
            }
        }
    }

    /// Halves what lies about; true when nothing does.
    fn tidy(&self) -> bool {
        self.stir.settle();
        let are_idle = self.workers.tidy();
        self.pool.trim() && are_idle
    }

    /// How long messages take.
    #[cfg(feature = "http")]
    pub(crate) fn latency(&self) -> Arc<Latency> {
        self.pool.latency()
    }

    /// Leaves small writes to the end of what is ready, on threads that tell.
    pub(crate) fn batch_writes(&self, batching: &Batching) {
        batching.attach(&self.workers);
    }

    /// Runs `work` with what a thread needs while it works.
    pub(super) fn with_worker<T>(&self, work: impl FnOnce(&mut Worker) -> T) -> T {
        let result = self.workers.with(work);
        // After the work, so that the clock, if it looks now, sees all of it: a connection that has
        // left, a worker that is back.
        self.stir();
        result
    }

    /// Has the clock look once more: something was done.
    pub(super) fn stir(&self) {
        if self.stir.is_first() {
            self.timers.earlier.notify_one();
        }
    }
}

impl Background for Hub {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        let jobs = Arc::clone(&self.jobs);
        self.spawn(async move {
            // The semaphore is never closed, and a job that panics has only itself to lose.
            let _permit = jobs.acquire().await;
            let _ = tokio::task::spawn_blocking(job).await;
        });
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
