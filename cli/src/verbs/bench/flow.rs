//! Publishers, and readers that hear them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dunlin::{Client, SubscribeOptions, Subscriber};
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::report::{Outcome, latencies, note};
use super::{Bench, SILENCE, TICK, Work};
use crate::connect::Target;
use crate::failure::Failure;
use crate::pace::Pace;

/// What publishers and readers know of each other.
struct Flow {
    start: Instant,
    sent: AtomicU64,
    /// By each reader; of a queue group, by all of them in the first place.
    received: Vec<AtomicU64>,
    /// How far ahead of the slowest reader publishers may go, in messages.
    window: u64,
}

/// What one reader has seen.
struct Seen {
    received: u64,
    latencies: Option<Histogram<u64>>,
    last: Instant,
}

/// One round.
pub(super) async fn run(
    bench: &Bench,
    target: &Target,
    bar: &ProgressBar,
) -> Result<Outcome, Failure> {
    let readers = bench.readers();
    let mut subscribers = Vec::new();
    for _ in 0..readers {
        let client = target.connect().await?;
        let mut options = SubscribeOptions::new()
            .capacity(CAPACITY)
            .capacity_bytes(CAPACITY_BYTES);
        if bench.work == Work::Queue {
            options = options.queue("bench");
        }
        let subscriber = client.subscribe_with(&bench.subject, options).await?;
        subscribers.push((client, subscriber));
    }
    let mut clients = Vec::new();
    for _ in 0..bench.publishers {
        clients.push(target.connect().await?);
    }
    let places = match bench.work {
        Work::Queue => 1,
        _ => readers,
    };
    let flow = Arc::new(Flow {
        start: Instant::now(),
        sent: AtomicU64::new(0),
        received: (0..places).map(|_| AtomicU64::new(0)).collect(),
        window: (WINDOW_BYTES / (bench.size as u64 + 64)).clamp(256, 65_536),
    });
    let mut reading = JoinSet::new();
    for (at, (client, subscriber)) in subscribers.into_iter().enumerate() {
        let (flow, bench) = (Arc::clone(&flow), bench.clone());
        reading.spawn(read(
            client,
            subscriber,
            at % places.max(1) as usize,
            flow,
            bench,
        ));
    }
    let mut publishing = JoinSet::new();
    for (at, client) in (0..).zip(clients) {
        publishing.spawn(publish(client, at, Arc::clone(&flow), bench.clone()));
    }
    let watching = watch(&flow, bar);
    let (published, seen) = tokio::select! {
        done = async { (finish(publishing).await, finish(reading).await) } => done,
        () = watching => return Err(Failure::usage("a watch that ended")),
    };
    let (published, seen) = (published?, seen?);
    Ok(outcome(bench, &flow, published, seen))
}

fn outcome(bench: &Bench, flow: &Flow, published: Vec<Instant>, seen: Vec<Seen>) -> Outcome {
    let last = published
        .iter()
        .copied()
        .chain(seen.iter().map(|seen| seen.last));
    let end = last.max().unwrap_or(flow.start);
    let received = seen.iter().map(|seen| seen.received).sum();
    let expected = bench.messages * flow.received.len() as u64;
    let mut all = seen.into_iter().filter_map(|seen| seen.latencies);
    let mut spread = all.next();
    for other in all {
        // All have the same bounds, so that adding cannot fail.
        let _ = spread.as_mut().map(|spread| spread.add(other));
    }
    Outcome {
        elapsed: end - flow.start,
        sent: bench.messages,
        received,
        lost: expected.saturating_sub(received),
        latencies: spread,
    }
}

/// Publishes its share; says when the server had it all.
async fn publish(
    client: Client,
    at: u32,
    flow: Arc<Flow>,
    bench: Bench,
) -> Result<Instant, Failure> {
    let mut payload = vec![b'x'; bench.size];
    let mut pace = Pace::new(bench.rate_each());
    for count in 0..bench.share(at) {
        let due = pace.next().await;
        if count % 64 == 0 {
            flow.wait_for_readers().await;
        }
        if let Some(stamp) = payload.first_chunk_mut::<8>() {
            let at = due.unwrap_or_else(Instant::now);
            *stamp = (at.saturating_duration_since(flow.start).as_nanos() as u64).to_le_bytes();
        }
        client.publish(&bench.subject, &payload).await?;
        flow.sent.fetch_add(1, Ordering::Relaxed);
    }
    client.flush().await?;
    Ok(Instant::now())
}

/// Reads until everything has come, or nothing comes any more.
async fn read(
    _client: Client, // It keeps the connection.
    mut subscriber: Subscriber,
    place: usize,
    flow: Arc<Flow>,
    bench: Bench,
) -> Result<Seen, Failure> {
    let mut seen = Seen {
        received: 0,
        latencies: (bench.size >= 8).then(latencies),
        last: Instant::now(),
    };
    let counter = &flow.received[place];
    while counter.load(Ordering::Relaxed) < bench.messages {
        // Of a queue group others may take the last ones: so it looks up from time to time.
        let message = match timeout(TICK, subscriber.next()).await {
            Ok(Some(message)) => message,
            Ok(None) => break,
            Err(_) if seen.last.elapsed() > SILENCE && flow.is_done(&bench) => break,
            Err(_) => continue,
        };
        seen.last = Instant::now();
        seen.received += 1;
        counter.fetch_add(1, Ordering::Relaxed);
        if let (Some(latencies), Some(stamp)) =
            (&mut seen.latencies, message.payload.first_chunk::<8>())
        {
            let sent = flow.start + Duration::from_nanos(u64::from_le_bytes(*stamp));
            note(latencies, seen.last.saturating_duration_since(sent));
        }
    }
    Ok(seen)
}

impl Flow {
    /// Waits while the slowest reader is too far behind, unless it has stopped for good.
    async fn wait_for_readers(&self) {
        let since = Instant::now();
        while self.sent.load(Ordering::Relaxed) > self.slowest() + self.window {
            if since.elapsed() > SILENCE {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// What the slowest reader has; everything where nobody reads.
    fn slowest(&self) -> u64 {
        let received = self
            .received
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        received.min().unwrap_or(u64::MAX / 2)
    }

    fn is_done(&self, bench: &Bench) -> bool {
        self.sent.load(Ordering::Relaxed) >= bench.messages
    }
}

/// Moves the bar; never ends.
async fn watch(flow: &Flow, bar: &ProgressBar) {
    loop {
        let sent = flow.sent.load(Ordering::Relaxed);
        bar.set_position(flow.slowest().min(sent));
        sleep(TICK).await;
    }
}

/// The results of all, or the first error.
pub(super) async fn finish<T: 'static>(
    mut tasks: JoinSet<Result<T, Failure>>,
) -> Result<Vec<T>, Failure> {
    let mut results = Vec::new();
    while let Some(done) = tasks.join_next().await {
        results.push(done.map_err(|error| Failure::because("measuring", error))??);
    }
    Ok(results)
}

/// Room for the whole window and what comes behind it.
const CAPACITY: usize = 1 << 18;
const CAPACITY_BYTES: usize = 256 * 1024 * 1024;
/// A quarter of what nats-server lets wait for a reader before it cuts it.
const WINDOW_BYTES: u64 = 16 * 1024 * 1024;
