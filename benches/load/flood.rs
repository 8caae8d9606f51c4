//! Everything that only publishes and subscribes: publisher threads, one reader thread, a clock.
//!
//! Publishers hold back while more deliveries are outstanding than the plan allows, so that no
//! server has a reason to drop anybody; what is lost all the same is an error.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle, Thread};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use crate::publisher::Publisher;
use crate::reader::{Reader, Readings};
use crate::report::{Mark, Outcome};
use crate::server::Server;
use crate::tracks::settle;
use crate::work::Plan;

/// What publishers, reader and clock share.
pub(crate) struct Flow {
    start: Instant,
    /// Deliveries that the messages sent so far must make.
    owed: AtomicU64,
    pub(crate) delivered: AtomicU64,
    /// Messages handed to sockets.
    pub(crate) sent: AtomicU64,
    window: u64,
    /// From when on delays are recorded, in nanoseconds from `start`.
    record_from: AtomicU64,
    is_stopped: AtomicBool,
    /// All publishers have ended: what is owed now is all.
    is_sent: AtomicBool,
}

impl Flow {
    fn new(window: u64) -> Self {
        Self {
            start: Instant::now(),
            owed: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            window,
            record_from: AtomicU64::new(u64::MAX),
            is_stopped: AtomicBool::new(false),
            is_sent: AtomicBool::new(false),
        }
    }

    /// Takes `deliveries` into the account; false if too many are outstanding.
    pub(crate) fn reserve(&self, deliveries: u64) -> bool {
        let owed = self.owed.fetch_add(deliveries, Ordering::Relaxed) + deliveries;
        // The reader may be ahead of the sum read here, never of the one to come.
        let outstanding = owed.saturating_sub(self.delivered.load(Ordering::Relaxed));
        let has_room = outstanding <= self.window;
        if !has_room {
            self.owed.fetch_sub(deliveries, Ordering::Relaxed);
        }
        has_room
    }

    /// Whether the publishers have room for much again.
    pub(crate) fn is_low(&self) -> bool {
        let delivered = self.delivered.load(Ordering::Relaxed);
        self.owed.load(Ordering::Relaxed).saturating_sub(delivered) <= self.window / 2
    }

    /// Whether everything has been sent and has arrived.
    pub(crate) fn is_done(&self) -> bool {
        self.is_sent.load(Ordering::Acquire)
            && self.delivered.load(Ordering::Relaxed) == self.owed.load(Ordering::Relaxed)
    }

    /// How many deliveries are missing, once everything has been sent.
    pub(crate) fn missing(&self) -> u64 {
        let delivered = self.delivered.load(Ordering::Relaxed);
        self.owed.load(Ordering::Relaxed).saturating_sub(delivered)
    }

    pub(crate) fn records(&self, nanos: u64) -> bool {
        nanos >= self.record_from.load(Ordering::Relaxed)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn nanos(&self) -> u64 {
        self.nanos_at(Instant::now())
    }

    pub(crate) fn nanos_at(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_nanos() as u64
    }
}

/// Does what `plan` says with `server`.
pub(crate) fn run(plan: &Plan, server: &Server) -> Result<Outcome> {
    let reader = match plan.subscribers {
        0 => None,
        _ => Some(Reader::dial(&server.address, plan)?),
    };
    let dial = |number| Publisher::dial(&server.address, number, plan);
    let publishers = (0..plan.publishers).map(dial).collect::<Result<Vec<_>>>()?;
    let flow = Flow::new(plan.window);
    thread::scope(|scope| {
        let publishers: Vec<_> = publishers
            .into_iter()
            .map(|publisher| scope.spawn(|| stop_on_error(&flow, publisher.run(&flow))))
            .collect();
        let waiting: Vec<Thread> = publishers.iter().map(|it| it.thread().clone()).collect();
        let waker = reader.as_ref().map(Reader::waker);
        let flow = &flow;
        let reader = reader
            .map(|reader| scope.spawn(move || stop_on_error(flow, reader.run(flow, &waiting))));

        pause(flow, plan.warm_up);
        let before = Mark::now(server, flow)?;
        flow.record_from.store(flow.nanos(), Ordering::Relaxed);
        pause(flow, plan.measure);
        flow.stop();
        let sent: Vec<Result<u64>> = publishers.into_iter().map(join).collect();
        flow.is_sent.store(true, Ordering::Release);
        if let Some(waker) = waker {
            waker.wake()?;
        }
        let readings = reader.map(join).unwrap_or_else(|| Ok(Readings::default()));
        let after = Mark::now(server, flow)?;
        let sent = sent.into_iter().collect::<Result<Vec<u64>>>();
        let (readings, sent) = match (readings, sent) {
            (Ok(readings), Ok(sent)) => (readings, sent),
            (Err(read), Err(sent)) => bail!("{sent:#}; meanwhile {read:#}"),
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        settle(plan, &readings.tracks, &sent)?;
        Ok(Outcome::new(plan, &before, &after, readings.delays))
    })
}

/// Sleeps, unless somebody gives up meanwhile.
fn pause(flow: &Flow, time: Duration) {
    let until = Instant::now() + time;
    while !flow.is_stopped() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(Duration::from_millis(20)));
    }
}

fn stop_on_error<T>(flow: &Flow, result: Result<T>) -> Result<T> {
    if result.is_err() {
        flow.stop();
    }
    result
}

fn join<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread
        .join()
        .map_err(|_| anyhow!("a thread of the load generator panicked"))?
}
