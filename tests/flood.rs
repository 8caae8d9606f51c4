//! Floods: what many took is given back when they are gone.
//!
//! Rule 10 of `protocol.md#delivery`. Each test that measures memory has a process of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use dunlin_tests::{
    Client, Message, Options, PATIENCE, Running, Target, alone, descriptors, descriptors_max,
    resident_bytes,
};

use crate::BETWEEN_LOOKS;
use crate::churn::publish_numbers;

against_both! {
    nothing_matches_when_a_flood_is_gone
    a_flood_leaves_everybody_else_alone
}

async fn nothing_matches_when_a_flood_is_gone(target: Target) {
    let server = start(target).await;
    let mut flooder = Client::connect(server.address()).await;
    let mut asker = Client::connect(server.address()).await;
    asker.subscribe("r 1").await;
    subscribe_many(&mut flooder, 0..20_000).await;
    unsubscribe_many(&mut flooder, 0..20_000).await;
    for number in (0..20_000).step_by(97) {
        let subject = format!("flood.{number}.x");
        asker.send(format!("PUB {subject} r 0\r\n\r\n")).await;
        let answers = asker.barrier().await;
        assert_eq!(answers.len(), 1, "somebody took a message to {subject}");
    }
    assert!(
        flooder.barrier().await.is_empty(),
        "something came after UNSUB"
    );
}

async fn a_flood_leaves_everybody_else_alone(target: Target) {
    let server = start(target).await;
    let mut reader = Client::connect(server.address()).await;
    reader.subscribe("a.> 1").await;
    reader.barrier().await;
    let address = server.address();
    let flood = tokio::spawn(async move {
        let mut flooder = Client::connect(address).await;
        for _ in 0..5 {
            subscribe_many(&mut flooder, 0..20_000).await;
            unsubscribe_many(&mut flooder, 0..20_000).await;
        }
    });
    publish_numbers(server.address(), 0..20_000).await;
    let numbers = reader.barrier().await;
    assert!(
        numbers.iter().map(Message::number).eq(0..20_000),
        "not all, or not in order"
    );
    flood.await.expect("the flood is over");
}

#[test]
fn what_subscriptions_took_serves_the_next() {
    alone("flood::what_subscriptions_took_serves_the_next", || {
        crate::run(async {
            let server = start(Target::Ours).await;
            let mut flooder = Client::connect(server.address()).await;
            let mut peaks = Peaks::default();
            for round in 0..3 {
                // Other subjects each time: a name that is kept for ever shows too.
                let numbers = round * 200_000..(round + 1) * 200_000;
                subscribe_many(&mut flooder, numbers.clone()).await;
                peaks.note("200,000 subscriptions");
                unsubscribe_many(&mut flooder, numbers).await;
            }
        });
    });
}

#[test]
fn a_connection_takes_its_subscriptions_along() {
    alone("flood::a_connection_takes_its_subscriptions_along", || {
        crate::run(async {
            let server = start(Target::Ours).await;
            let mut peaks = Peaks::default();
            for round in 0..3 {
                let mut flooders = Vec::new();
                for number in 10 * round..10 * (round + 1) {
                    let mut flooder = Client::connect(server.address()).await;
                    subscribe_many(&mut flooder, number * 10_000..(number + 1) * 10_000).await;
                    flooders.push((flooder, format!("flood.{}.x", number * 10_000 + 3)));
                }
                peaks.note("100,000 subscriptions of ten connections");
                for (flooder, subject) in flooders {
                    drop(flooder);
                    until_nobody_listens(server.address(), &subject).await;
                }
            }
        });
    });
}

#[test]
fn a_subscription_made_again_and_again_takes_nothing() {
    alone(
        "flood::a_subscription_made_again_and_again_takes_nothing",
        || {
            crate::run(async {
                let server = start(Target::Ours).await;
                let mut flooder = Client::connect(server.address()).await;
                let mut peaks = Peaks::default();
                for round in 0..200 {
                    let lines = (0..500).map(|number| {
                        let number = round * 500 + number;
                        format!("SUB churn.{number}.* q {number}\r\nUNSUB {number}\r\n")
                    });
                    flooder.send(lines.collect::<String>()).await;
                    assert!(flooder.barrier().await.is_empty(), "nothing was published");
                    peaks.note("500 subscriptions made and ended");
                }
            });
        },
    );
}

#[test]
fn what_connections_took_serves_the_next() {
    alone("flood::what_connections_took_serves_the_next", || {
        crate::run(async {
            let server = start(Target::Ours).await;
            let count = (descriptors_max() - 100).min(10_000) / 2;
            let before = descriptors();
            let mut peaks = Peaks::default();
            for _ in 0..3 {
                let sockets: Vec<TcpStream> = (0..count)
                    .map(|number| connect_plainly(server.address(), number))
                    .collect();
                peaks.note(&format!("{count} connections"));
                drop(sockets);
                let start = Instant::now();
                while descriptors() > before {
                    assert!(start.elapsed() < PATIENCE, "{} descriptors", descriptors());
                    tokio::time::sleep(BETWEEN_LOOKS).await;
                }
            }
        });
    });
}

/// Memory at the height of one flood after another: the first sets the mark.
///
/// Not memory after a flood: whether freed pages go back to the system is the allocator's to say,
/// and this process has the system's. What a server does not free makes the next peak higher.
#[derive(Default)]
struct Peaks(Vec<usize>);

impl Peaks {
    fn note(&mut self, what: &str) {
        let now = resident_bytes();
        self.0.push(now);
        let grown = now.saturating_sub(self.0[0]) / 1024;
        let round = self.0.len();
        assert!(
            grown <= GROWN_MAX / 1024,
            "{what}: {grown} KiB more in round {round} than at first"
        );
    }
}

/// A connection without a buffer in this process: only the server's side takes memory.
fn connect_plainly(address: SocketAddr, number: usize) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("the server accepts");
    let hello = format!("CONNECT {{\"verbose\":false}}\r\nSUB plain.{number} 1\r\nPING\r\n");
    socket
        .write_all(hello.as_bytes())
        .expect("the server reads");
    let mut read = [0; 1024];
    let mut last = Vec::with_capacity(8);
    while !last.ends_with(b"PONG\r\n") {
        let count = socket.read(&mut read).expect("the server answers");
        assert!(count > 0, "the server closed connection {number}");
        last.extend_from_slice(&read[..count]);
    }
    socket
}

/// Subscribes to a subject of its own for each number: literal, with wildcards, in queue groups.
async fn subscribe_many(client: &mut Client, numbers: std::ops::Range<usize>) {
    let numbers: Vec<usize> = numbers.collect();
    for numbers in numbers.chunks(1_000) {
        let lines = numbers.iter().map(|number| match number % 8 {
            0 => format!("SUB flood.{number}.* {number}\r\n"),
            1 => format!("SUB flood.{number}.> {number}\r\n"),
            2 => format!("SUB flood.{number}.x q {number}\r\n"),
            _ => format!("SUB flood.{number}.x {number}\r\n"),
        });
        client.send(lines.collect::<String>()).await;
        assert!(client.barrier().await.is_empty(), "nothing was published");
    }
}

async fn unsubscribe_many(client: &mut Client, numbers: std::ops::Range<usize>) {
    let numbers: Vec<usize> = numbers.collect();
    for numbers in numbers.chunks(1_000) {
        let lines = numbers.iter().map(|number| format!("UNSUB {number}\r\n"));
        client.send(lines.collect::<String>()).await;
        assert!(client.barrier().await.is_empty(), "nothing was published");
    }
}

async fn start(target: Target) -> Running {
    let options = Options::default();
    target.start(&options).await.expect("the server starts")
}

/// Asks until a request to `subject` is answered with 503.
async fn until_nobody_listens(address: SocketAddr, subject: &str) {
    let mut asker = Client::connect(address).await;
    asker.subscribe("r 1").await;
    let start = Instant::now();
    loop {
        asker.send(format!("PUB {subject} r 0\r\n\r\n")).await;
        if !asker.barrier().await.is_empty() {
            return;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{subject} has still a subscriber"
        );
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// How much more a flood may take than the first of its kind, in bytes: the promise of rule 10.
const GROWN_MAX: usize = 5 * 1024 * 1024;
