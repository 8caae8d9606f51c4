//! Clients that ask, and clients that answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dunlin::{Client, RequestErrorKind, Subscriber};
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::flow::finish;
use super::report::{Outcome, latencies, note};
use super::{Bench, TICK};
use crate::connect::Target;
use crate::failure::Failure;
use crate::pace::Pace;

/// What one asking client has seen.
struct Seen {
    answered: u64,
    lost: u64,
    latencies: Histogram<u64>,
}

/// One round.
pub(super) async fn run(
    bench: &Bench,
    target: &Target,
    bar: &ProgressBar,
) -> Result<Outcome, Failure> {
    let mut answering = JoinSet::new();
    for _ in 0..bench.readers() {
        let client = target.connect().await?;
        let requests = client.queue_subscribe(&bench.subject, "bench").await?;
        answering.spawn(answer(client, requests));
    }
    let mut clients = Vec::new();
    for _ in 0..bench.publishers {
        clients.push(target.connect().await?);
    }
    let (start, answered) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let mut asking = JoinSet::new();
    for (at, client) in (0..).zip(clients) {
        asking.spawn(ask(client, at, Arc::clone(&answered), bench.clone()));
    }
    let seen = tokio::select! {
        seen = finish(asking) => seen?,
        () = watch(&answered, bar) => Vec::new(),
    };
    let elapsed = start.elapsed();
    answering.abort_all();
    let mut spread = latencies();
    for seen in &seen {
        let _ = spread.add(&seen.latencies); // The bounds are the same.
    }
    Ok(Outcome {
        elapsed,
        sent: bench.messages,
        received: seen.iter().map(|seen| seen.answered).sum(),
        lost: seen.iter().map(|seen| seen.lost).sum(),
        latencies: Some(spread),
    })
}

/// Asks one question after the other.
async fn ask(
    client: Client,
    at: u32,
    answered: Arc<AtomicU64>,
    bench: Bench,
) -> Result<Seen, Failure> {
    let payload = vec![b'x'; bench.size];
    let mut pace = Pace::new(bench.rate_each());
    let mut seen = Seen {
        answered: 0,
        lost: 0,
        latencies: latencies(),
    };
    for _ in 0..bench.share(at) {
        let start = pace.next().await.unwrap_or_else(Instant::now);
        match client.request(&bench.subject, &payload).await {
            Ok(_) => {
                seen.answered += 1;
                note(&mut seen.latencies, start.elapsed());
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) if error.kind() == RequestErrorKind::TimedOut => seen.lost += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(seen)
}

/// Answers with what was asked, until it is stopped.
async fn answer(client: Client, mut requests: Subscriber) {
    while let Some(request) = requests.next().await {
        if let Some(reply) = &request.reply {
            let _ = client.publish(reply, &request.payload).await; // Else the question times out.
        }
    }
}

/// Moves the bar; never ends.
async fn watch(answered: &AtomicU64, bar: &ProgressBar) {
    loop {
        bar.set_position(answered.load(Ordering::Relaxed));
        sleep(TICK).await;
    }
}
