//! Attacks by how many connections there are, and by what they leave undone.

use std::net::SocketAddr;
use std::time::Duration;

use dunlin_tests::{Client, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::siege::{affordable, siege, size};

pub(crate) async fn a_storm_of_connections() {
    siege(Options::default(), async |address| {
        let count = affordable(size(1_000, 10_000));
        let mut sockets = Vec::new();
        for number in 0..count {
            let mut socket = connect(address).await;
            let hello = format!("CONNECT {{}}\r\nSUB storm.{number} 1\r\n");
            socket
                .write_all(hello.as_bytes())
                .await
                .expect("the server reads");
            sockets.push(socket);
        }
    })
    .await;
}

/// Each is torn off without a word, its unread answers with it, as by `kill -9`.
pub(crate) async fn a_storm_of_resets() {
    siege(Options::default(), async |address| {
        for _ in 0..size(2_000, 50_000) {
            let mut socket = connect(address).await;
            let words = b"CONNECT {}\r\nSUB a 1\r\nPUB a 1\r\nx\r\nPING\r\nPUB a 10\r\nha";
            socket.write_all(words).await.expect("the server reads");
            socket.set_zero_linger().expect("a socket can be told");
        }
    })
    .await;
}

/// Peers that vanished: they answer no PING, and are given up.
pub(crate) async fn peers_that_are_not_there() {
    let options = Options {
        ping_interval: Some(Duration::from_millis(300)),
        ping_max: Some(1),
        ..Options::default()
    };
    siege(options, async |address| {
        let mut sockets = Vec::new();
        for _ in 0..size(50, 2_000) {
            let mut socket = connect(address).await;
            let words = b"CONNECT {\"verbose\":false}\r\nSUB gone 1\r\n";
            socket.write_all(words).await.expect("the server reads");
            sockets.push(socket);
        }
        for mut socket in sockets {
            let mut heard = Vec::new();
            socket
                .read_to_end(&mut heard)
                .await
                .expect("the server hangs up");
            let heard = String::from_utf8_lossy(&heard);
            assert!(heard.ends_with("-ERR 'Stale Connection'\r\n"), "{heard:?}");
        }
    })
    .await;
}

/// Readers that take nothing while much is published: each is cut at its bound, nobody waits.
pub(crate) async fn readers_that_stall() {
    let bound = 4 * 1024 * 1024;
    let options = Options {
        max_pending: Some(bound),
        ..Options::default()
    };
    siege(options, async move |address| {
        let mut stalled = Vec::new();
        for _ in 0..8 {
            let mut reader = Client::connect_small(address).await;
            reader.subscribe("flood 1").await;
            reader.barrier().await;
            stalled.push(reader);
        }
        let mut publisher = Client::connect(address).await;
        let line = [b"PUB flood 8192\r\n".as_slice(), &[b'x'; 8192], b"\r\n"].concat();
        let burst = line.repeat(16);
        for _ in 0..size(50, 500) * 1024 * 1024 / burst.len() {
            publisher.send(&burst).await;
        }
        publisher.barrier().await;
    })
    .await;
}

pub(crate) async fn subscriptions_by_the_million() {
    siege(Options::default(), async |address| {
        let mut flooder = Client::connect(address).await;
        let numbers: Vec<usize> = (0..size(20_000, 1_000_000)).collect();
        for numbers in numbers.chunks(2_000) {
            let lines = numbers.iter().map(|number| match number % 4 {
                0 => format!("SUB flood.*.{number} {number}\r\n"),
                1 => format!("SUB flood.{number}.> q {number}\r\n"),
                _ => format!("SUB flood.{number}.x {number}\r\n"),
            });
            flooder.send(lines.collect::<String>()).await;
            flooder.barrier().await;
        }
    })
    .await;
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address)
        .await
        .expect("the server accepts")
}
