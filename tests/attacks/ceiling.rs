//! Attacks on the memory of all readers together, each of them far below its own bound.

use dunlin_tests::{Arrival, Client, Options, PATIENCE, Running, Target, fetch};

const KB: usize = 1024;
const MB: usize = 1024 * KB;

/// Of readers with different amounts waiting, those with the most make room, and nobody else.
pub(crate) async fn the_largest_laggard_goes_first() {
    let server = start(16 * MB).await;
    let mut laggards = Vec::new();
    for number in 0..4 {
        let mut reader = Client::connect_small(server.address()).await;
        reader.subscribe(&format!("to.{number} 1")).await;
        reader.barrier().await;
        laggards.push(reader);
    }
    let mut healthy = Client::connect(server.address()).await;
    healthy.subscribe("healthy 1").await;
    healthy.barrier().await;
    let mut publisher = Client::connect(server.address()).await;
    // 24 MB for the first, far more than kernels take for it; 1 MB for each of the others.
    for (number, count) in [(1, 64), (2, 64), (0, 3072), (3, 64), (1, 64), (2, 64)] {
        for at in 0..count {
            let payload = format!("{at:>width$}", width = 8 * KB);
            let subject = format!("to.{number}");
            publisher.publish(&subject, payload.as_bytes()).await;
            publisher
                .publish("healthy", format!("{at}").as_bytes())
                .await;
        }
        publisher.barrier().await;
        let heard = healthy.barrier().await;
        let numbers = heard.iter().map(|message| message.number());
        assert!(numbers.eq(0..count), "a healthy reader lost something");
    }
    let cut = told(laggards.remove(0)).await;
    assert!(cut, "the largest laggard was left");
    for (number, laggard) in laggards.into_iter().enumerate() {
        assert!(!told(laggard).await, "laggard {} was cut", number + 1);
    }
    let metrics = page(&server, "/metrics").await;
    for line in [
        "dunlin_evicted_consumers_total 1",
        "dunlin_slow_consumers_total 1",
        "dunlin_pending_total_bytes_limit 16777216",
        "dunlin_connections_closed_total{reason=\"Slow Consumer (Pending Total)\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let slow = page(&server, "/slowz").await;
    assert!(slow.contains("Slow Consumer (Pending Total)"), "{slow}");
    server.stop().await;
}

/// Twenty readers that all wait for the same 2 MB take 2 MB, not 40.
pub(crate) async fn a_payload_that_all_wait_for_counts_once() {
    let server = start(8 * MB).await;
    let mut readers = Vec::new();
    for _ in 0..20 {
        let mut reader = Client::connect_small(server.address()).await;
        reader.subscribe("all 1").await;
        reader.barrier().await;
        readers.push(reader);
    }
    let mut publisher = Client::connect(server.address()).await;
    for _ in 0..4 {
        publisher.publish("all", &[b'x'; 512 * KB]).await;
    }
    publisher.barrier().await;
    for mut reader in readers {
        assert_eq!(reader.barrier().await.len(), 4);
    }
    server.stop().await;
}

/// Readers below their own bounds, for whom more would wait together than this process may take:
/// the default knows how much that is.
pub(crate) async fn more_waits_than_there_is_memory() {
    let server = Target::Ours.start(&Options::default()).await;
    let server = server.expect("the server starts");
    let mut readers = Vec::new();
    for number in 0..16 {
        let mut reader = Client::connect_small(server.address()).await;
        reader.subscribe(&format!("to.{number} 1")).await;
        reader.barrier().await;
        readers.push(reader);
    }
    let mut publisher = Client::connect(server.address()).await;
    for _ in 0..30 {
        for number in 0..16 {
            let subject = format!("to.{number}");
            publisher.publish(&subject, &[b'x'; MB]).await;
            publisher.barrier().await;
        }
    }
    let mut late = Client::connect(server.address()).await;
    late.subscribe("late 1").await;
    late.publish("late", b"1").await;
    assert_eq!(late.barrier().await.len(), 1, "the server goes on");
}

async fn start(max_pending_total: usize) -> Running {
    let options = Options {
        max_pending_total: Some(max_pending_total),
        is_monitored: true,
        ..Options::default()
    };
    let server = Target::Ours.start(&options).await;
    server.expect("the server starts")
}

/// Whether the reader was cut: told so behind whole messages without a gap.
async fn told(mut reader: Client) -> bool {
    reader.send("PING\r\n").await;
    let mut next = 0;
    loop {
        match tokio::time::timeout(PATIENCE, reader.next()).await {
            Ok(Arrival::Message(message)) => {
                assert!(message.number() == next || message.number() == 0, "a gap");
                next = message.number() + 1;
            }
            Ok(Arrival::Line(line)) if line == "-ERR 'Slow Consumer'" => return true,
            Ok(Arrival::Pong) => return false,
            other => panic!("neither told nor left: {other:?}"),
        }
    }
}

async fn page(server: &Running, path: &str) -> String {
    fetch(server.monitor(), path).await.body
}
