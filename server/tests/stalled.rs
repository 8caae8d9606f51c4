//! Readers that take nothing for longer than the write deadline, where they are kept.
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

mod typist;

use std::time::Duration;

use dunlin_server::{Server, WriteTimeout};
use tokio::io::AsyncWriteExt;
use typist::Typist;

/// More than what a pipe holds, each.
const PAYLOAD_LEN: usize = 512 * 1024;

/// What a reader gets of two messages that were published while it read nothing for a minute.
async fn after_a_minute(timeout: WriteTimeout) -> (Server, String) {
    let builder = Server::builder().port(0).write_timeout(timeout);
    let server = builder.start().await.unwrap();
    let mut reader = Typist::greet(server.connect()).await;
    reader.type_line("SUB a 1").await;
    reader.barrier().await;
    let mut publisher = Typist::greet(server.connect()).await;
    for _ in 0..2 {
        let payload = "x".repeat(PAYLOAD_LEN);
        publisher
            .type_line(&format!("PUB a {PAYLOAD_LEN}\r\n{payload}"))
            .await;
    }
    publisher.barrier().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let _ = reader.stream.write_all(b"PING\r\n").await; // Who was cut cannot ask any more.
    let mut last = String::new();
    loop {
        match reader.line().await {
            line if line.is_empty() => return (server, last),
            line if line == "PONG" => return (server, line),
            line => last = line,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_kept_gets_everything_and_is_counted() {
    let (server, last) = after_a_minute(WriteTimeout::Retry).await;
    assert_eq!(last, "PONG");
    let slow = server.statistics().slow_consumers;
    assert!((5..=6).contains(&slow), "{slow}"); // Once for each deadline of ten seconds.
}

#[tokio::test(start_paused = true)]
async fn others_are_cut() {
    let (server, last) = after_a_minute(WriteTimeout::Close).await;
    assert_ne!(last, "PONG");
    assert_eq!(server.statistics().slow_consumers, 1);
}
