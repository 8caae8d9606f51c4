//! A siege: an attack on a server while two healthy clients talk over it.
//!
//! In: options and an attack. Out: nothing, or a panic. What must hold for every attack: the
//! healthy reader gets every message in order and is never kept waiting for long; the attack's
//! connections and descriptors are gone when it is over; a second attack of the same kind finds the
//! memory of the first.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dunlin_tests::{Client, Options, PATIENCE, Target, descriptors, resident_bytes};

/// How much more memory a second attack may leave behind than the first, in bytes: what rule 10 of
/// `protocol.md#delivery` promises after a flood.
const GROWN_MAX: usize = 5 * 1024 * 1024;
/// The longest that a healthy round of publish and read may take on a machine that is busy with an
/// attack: far above what it does take, far below what a stalled server would.
const ROUND_MAX: Duration = Duration::from_secs(5);
/// Between two rounds of the healthy pair, and between two looks at what is counted.
const PAUSE: Duration = Duration::from_millis(2);

/// The size of an attack: `short` on every change, `long` where `DUNLIN_ATTACKS` is `long`.
pub(crate) fn size(short: usize, long: usize) -> usize {
    match std::env::var("DUNLIN_ATTACKS") {
        Ok(form) if form == "long" => long,
        _ => short,
    }
}

/// Runs `attack` three times against a server of its own.
pub(crate) async fn siege<A: Future<Output = ()>>(
    options: Options,
    attack: impl Fn(SocketAddr) -> A,
) {
    let server = Target::Ours
        .start(&options)
        .await
        .expect("the server starts");
    let address = server.address();
    let over = Arc::new(AtomicBool::new(false));
    let healthy = tokio::spawn(talk(address, Arc::clone(&over)));
    let mut mark = None;
    let before = descriptors();
    for round in 1..=3 {
        attack(address).await;
        until_gone(before).await;
        let now = resident_bytes();
        let grown = now.saturating_sub(*mark.get_or_insert(now));
        assert!(
            grown <= GROWN_MAX,
            "attack {round} leaves {} KiB more than the first",
            grown / 1024
        );
    }
    over.store(true, Ordering::Relaxed);
    let (count, worst) = healthy.await.expect("the healthy pair goes on");
    eprintln!("{count} messages meanwhile, the slowest round took {worst:?}");
    assert!(count > 0, "the healthy pair said nothing");
    assert!(worst < ROUND_MAX, "a healthy round took {worst:?}");
    server.stop().await;
}

/// A publisher and a reader: how much arrived, all of it in order, and the slowest round.
async fn talk(address: SocketAddr, over: Arc<AtomicBool>) -> (usize, Duration) {
    let mut publisher = Client::connect(address).await;
    let mut reader = Client::connect(address).await;
    reader.subscribe("healthy.* 1").await;
    reader.barrier().await;
    let (mut count, mut worst) = (0, Duration::ZERO);
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        let numbers = count..count + 20;
        for number in numbers.clone() {
            let text = number.to_string();
            publisher.publish("healthy.x", text.as_bytes()).await;
        }
        publisher.barrier().await;
        let heard = reader.barrier().await;
        let heard = heard.iter().map(|message| message.number());
        assert!(
            heard.eq(numbers),
            "a healthy reader lost something, or the order"
        );
        count += 20;
        worst = worst.max(start.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    (count, worst)
}

/// Waits until this process holds no more descriptors than `before` and those of the healthy pair.
async fn until_gone(before: usize) {
    let start = Instant::now();
    while descriptors() > before + 4 {
        let left = descriptors() - before;
        assert!(
            start.elapsed() < PATIENCE,
            "{left} descriptors are still held"
        );
        tokio::time::sleep(PAUSE).await;
    }
}
