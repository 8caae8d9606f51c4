//! Churn: what goes on beside a test, and the numbers that flow through it.
//!
//! In: an address. Out: subscriptions that come and go while messages are published, with a note of
//! what each of them got; and a publisher that counts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dunlin_tests::Client;
use tokio::task::JoinHandle;

/// Connections that subscribe and unsubscribe without a pause, and note what they get.
pub(crate) struct Churn {
    is_over: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<BTreeMap<String, Vec<usize>>>>,
}

impl Churn {
    /// Four connections with up to five subscriptions each.
    pub(crate) fn start(address: SocketAddr, filters: &'static [&'static str]) -> Self {
        Self::start_with(address, filters, 4, 5)
    }

    /// One connection that holds a subscription half of the time, and none in between.
    pub(crate) fn start_few(address: SocketAddr, filters: &'static [&'static str]) -> Self {
        Self::start_with(address, filters, 1, 1)
    }

    fn start_with(
        address: SocketAddr,
        filters: &'static [&'static str],
        connections: u64,
        held_max: usize,
    ) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let task = |seed| tokio::spawn(churn(address, filters, held_max, seed, is_over.clone()));
        Self {
            tasks: (0..connections).map(task).collect(),
            is_over,
        }
    }

    /// What each subscription got; a sid is `task-count-queue`.
    pub(crate) async fn stop(self) -> BTreeMap<String, Vec<usize>> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut seen = BTreeMap::new();
        for task in self.tasks {
            seen.extend(task.await.expect("a churning client ends"));
        }
        seen
    }
}

async fn churn(
    address: SocketAddr,
    filters: &[&str],
    held_max: usize,
    seed: u64,
    is_over: Arc<AtomicBool>,
) -> BTreeMap<String, Vec<usize>> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut client = Client::connect(address).await;
    let mut seen: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut held = Vec::new();
    for count in 0.. {
        let filter = filters[random.usize(..filters.len())];
        let queue = filter.split(' ').nth(1).unwrap_or_default();
        let sid = format!("{seed}-{count}-{queue}");
        client.subscribe(&format!("{filter} {sid}")).await;
        held.push(sid);
        let is_last = is_over.load(Ordering::Relaxed);
        while held.len() > random.usize(..=held_max) || is_last && !held.is_empty() {
            let sid = held.swap_remove(random.usize(..held.len()));
            client.send(format!("UNSUB {sid}\r\n")).await;
        }
        for message in client.barrier().await {
            seen.entry(message.sid.clone())
                .or_default()
                .push(message.number());
        }
        if is_last {
            break;
        }
    }
    seen
}

/// Publishes `numbers` to `a.0`, `a.1`, `a.2` in turn, and returns when all are queued.
pub(crate) async fn publish_numbers(address: SocketAddr, numbers: Range<usize>) {
    let mut publisher = Client::connect(address).await;
    let numbers: Vec<usize> = numbers.collect();
    for chunk in numbers.chunks(50) {
        let publications = chunk.iter().map(|number| {
            let text = number.to_string();
            format!("PUB a.{} {}\r\n{text}\r\n", number % 3, text.len())
        });
        publisher.send(publications.collect::<String>()).await;
        tokio::task::yield_now().await;
    }
    publisher.barrier().await;
}

/// All of them cover `a.1`.
pub(crate) const FILTERS: &[&str] = &["a.1", "a.*", "a.>", "*.1", "*.*", ">"];
