//! Attacks on what the process has: its descriptors and its memory.

use std::process::Command;
use std::time::Instant;

use dunlin_tests::{Client, Options, PATIENCE, Target, descriptors_max};
use tokio::net::TcpStream;

/// Says in the child's environment which test it is to run.
const WANTING: &str = "DUNLIN_TEST_WANTING";

/// Runs `body` in a process of its own under the `ulimit` given; `name` is the calling test's.
pub(crate) fn under(limit: &str, name: &str, body: impl FnOnce()) {
    if std::env::var(WANTING).is_ok_and(|value| value == name) {
        return body();
    }
    let program = std::env::current_exe().expect("a test knows its own program");
    let run = Command::new("sh")
        .args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")])
        .arg(program)
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(WANTING, name)
        .env("GLIBC_TUNABLES", "glibc.malloc.arena_max=1")
        .output()
        .expect("a test can start itself");
    let printed = String::from_utf8_lossy(&run.stdout);
    let complaint = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.success() && printed.contains("1 passed"),
        "{name} under ulimit {limit}:\n{printed}\n{complaint}"
    );
}

/// Without descriptors nobody new gets in, everybody who is in stays, and later there is room.
pub(crate) async fn no_descriptor_is_left() {
    let server = Target::Ours
        .start(&Options::default())
        .await
        .expect("the server starts");
    let mut publisher = Client::connect(server.address()).await;
    let mut reader = Client::connect(server.address()).await;
    reader.subscribe("a 1").await;
    reader.barrier().await;
    assert!(descriptors_max() <= 256, "the limit holds");
    let mut held = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        held.push(file);
    }
    held.pop(); // One is left for a socket of ours; the server finds none for its side.
    let waiting = TcpStream::connect(server.address())
        .await
        .expect("the system accepts for it");
    for number in 0..100 {
        publisher.publish("a", format!("{number}").as_bytes()).await;
        publisher.barrier().await;
        let heard = reader.barrier().await;
        assert_eq!(heard.len(), 1, "message {number}");
        assert_eq!(heard[0].number(), number);
    }
    drop((waiting, held));
    let start = Instant::now();
    let mut late = Client::connect(server.address()).await;
    late.publish("a", b"100").await;
    late.barrier().await;
    assert_eq!(reader.barrier().await.len(), 1, "the late one is heard");
    assert!(start.elapsed() < PATIENCE);
}

/// Stalled readers at their bounds, in a process that may not take more than 256 MB.
pub(crate) async fn little_memory() {
    let options = Options {
        max_pending: Some(8 * 1024 * 1024),
        ..Options::default()
    };
    let server = Target::Ours
        .start(&options)
        .await
        .expect("the server starts");
    for _ in 0..10 {
        let mut stalled = Vec::new();
        for _ in 0..8 {
            let mut reader = Client::connect_small(server.address()).await;
            reader.subscribe("flood 1").await;
            reader.barrier().await;
            stalled.push(reader);
        }
        let mut publisher = Client::connect(server.address()).await;
        for _ in 0..30 {
            publisher.publish("flood", &[b'x'; 1024 * 1024]).await;
            publisher.barrier().await;
        }
    }
}
