//! Everything that only publishes and subscribes: publisher threads, one reader thread, a clock.
//!
//! Publishers hold back while more deliveries are outstanding than the plan allows, so that no
//! server has a reason to drop anybody; what is lost all the same is an error.

use std::sync::atomic::Ordering;
use std::thread::{self, ScopedJoinHandle, Thread};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use crate::flow::Flow;
use crate::publisher::Publisher;
use crate::reader::{Reader, Readings};
use crate::report::{Mark, Outcome};
use crate::server::Server;
use crate::tracks::settle;
use crate::work::Plan;

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
