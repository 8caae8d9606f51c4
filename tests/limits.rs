//! Limits: many clients, hostile clients, and what is left when they are gone.
//!
//! What each limit answers is in the transcripts; here it is about the others, who must not notice,
//! and about memory and descriptors, which must come back.

use std::net::SocketAddr;
use std::time::Instant;

use dunlin_tests::{
    Arrival, Client, Options, PATIENCE, Running, Target, alone, descriptors, descriptors_max,
    resident_bytes,
};

use crate::BETWEEN_LOOKS;
use crate::churn::Churn;

against_both! {
    there_is_room_again_when_somebody_leaves
    bad_input_disturbs_nobody
}

async fn there_is_room_again_when_somebody_leaves(target: Target) {
    let options = Options {
        max_connections: Some(3),
        ..Options::default()
    };
    let server = target.start(&options).await.expect("the server starts");
    let mut here = Vec::new();
    for _ in 0..3 {
        here.push(Client::connect(server.address()).await);
    }
    for round in 0..20 {
        let (mut refused, arrival) = Client::attempt(server.address()).await;
        let expected = Arrival::Line("-ERR 'maximum connections exceeded'".to_owned());
        assert_eq!(arrival, expected, "in round {round}");
        assert_eq!(refused.next().await, Arrival::End);
        here.remove(round % 3);
        here.push(until_accepted(server.address()).await);
        for client in &mut here {
            assert!(client.barrier().await.is_empty(), "who is here is served");
        }
    }
}

async fn until_accepted(address: SocketAddr) -> Client {
    let start = Instant::now();
    loop {
        let (client, arrival) = Client::attempt(address).await;
        if arrival == Arrival::Pong {
            return client;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "no room although somebody left: {arrival:?}"
        );
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

async fn bad_input_disturbs_nobody(target: Target) {
    let server = start(target).await;
    let mut reader = Client::connect(server.address()).await;
    let mut publisher = Client::connect(server.address()).await;
    reader.subscribe("steady.talk 1").await;
    reader.barrier().await;
    let churn = Churn::start(server.address(), &["calm.*", "calm.>", "calm.1 q"]);
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..400 {
        let mut intruder = Client::open(server.address()).await;
        for piece in nonsense(&mut random).chunks(random.usize(1..200)) {
            intruder.send(piece).await;
        }
        publisher
            .publish("steady.talk", round.to_string().as_bytes())
            .await;
        assert_eq!(reader.message().await.number(), round);
        if random.bool() {
            intruder.half_close().await;
            intruder.bytes_until_end().await;
        }
    }
    churn.stop().await;
    let mut late = Client::connect(server.address()).await;
    assert!(
        late.barrier().await.is_empty(),
        "a new client is served as ever"
    );
}

/// A conversation in which something is wrong.
fn nonsense(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.usize(1..6) {
        bytes.extend_from_slice(PIECES[random.usize(..PIECES.len())]);
    }
    for _ in 0..random.usize(0..4) {
        let at = random.usize(..bytes.len());
        match random.u8(0..5) {
            0 => bytes[at] = random.u8(..),
            1 => bytes.insert(at, random.u8(..)),
            2 => bytes.truncate(at.max(1)),
            3 => bytes.extend_from_within(at..),
            _ => drop(bytes.drain(at..).take(3)),
        }
        if bytes.is_empty() {
            bytes.push(b'\n');
        }
    }
    bytes
}

const PIECES: &[&[u8]] = &[
    b"PING\r\n",
    b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n",
    b"CONNECT {\"name\":\"\\ud800\",\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[{}]]]]]]\r\n",
    b"CONNECT {\"protocol\":-9223372036854775808}\r\n",
    b"SUB > 1\r\n",
    b"SUB a.*.> q 2\r\n",
    b"SUB ....>...* 3\r\n",
    b"UNSUB 1 18446744073709551615\r\n",
    b"UNSUB 2 1\r\n",
    b"PUB a.b.c r 5\r\nhello\r\n",
    b"PUB a.b.c 999999999\r\n",
    b"PUB a.b.c 99999999999999999999999999999\r\n",
    b"PUB a.b.c 1048576\r\nnot so much\r\n",
    b"HPUB a.b.c 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
    b"HPUB a.b.c 999999999 0\r\n",
    b"HPUB a.b.c 4294967296 4294967295\r\n",
    b"INFO {\"max_payload\":1}\r\n",
    b"-ERR 'x'\r\n",
    b"MSG a 1 2\r\nhi\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\0\0\0\0\0\0\0\0\xff\xff\xff\xff",
    b"\r\n\r\n\r\n",
];

#[test]
fn many_clients_at_once_all_hear() {
    alone("limits::many_clients_at_once_all_hear", || {
        crate::run(async {
            let server = start(Target::Ours).await;
            let count = (descriptors_max() - 100).min(4_000) / 2;
            let mut clients = Vec::new();
            for _ in 0..count {
                let mut client = Client::connect(server.address()).await;
                client.subscribe("all 1").await;
                clients.push(client);
            }
            for client in &mut clients {
                client.barrier().await;
            }
            clients[0].publish("all", b"1").await;
            for client in &mut clients {
                assert_eq!(client.message().await.subject, "all");
            }
        });
    });
}

#[test]
fn descriptors_come_back() {
    alone("limits::descriptors_come_back", || {
        crate::run(async {
            let server = start(Target::Ours).await;
            let before = descriptors();
            for round in 0..10 {
                let mut clients = Vec::new();
                for _ in 0..100 {
                    let mut client = Client::connect(server.address()).await;
                    client.send(ENDINGS[round % ENDINGS.len()]).await;
                    clients.push(client);
                }
                assert!(descriptors() > before + 100, "this counts what it should");
                drop(clients);
                let start = Instant::now();
                while descriptors() > before {
                    let now = descriptors();
                    assert!(
                        start.elapsed() < PATIENCE,
                        "{now} descriptors, {before} before"
                    );
                    tokio::time::sleep(BETWEEN_LOOKS).await;
                }
            }
        });
    });
}

/// How clients leave: in peace, in the middle of something, at odds.
const ENDINGS: &[&str] = &[
    "PING\r\n",
    "SUB a 1\r\nPUB a 5\r\nhel",
    "FOO\r\n",
    "PUB a\r\n",
    "SUB > 1\r\nUNSUB 1 9\r\n",
];

#[test]
fn what_is_announced_takes_no_memory() {
    alone("limits::what_is_announced_takes_no_memory", || {
        crate::run(async {
            let server = start(Target::Ours).await;
            let before = resident_bytes();
            let mut clients = Vec::new();
            for _ in 0..200 {
                let mut client = Client::connect(server.address()).await;
                client.send("PUB a 1048576\r\nbut no more than this").await;
                clients.push(client);
            }
            // Each has been read when another's PING is answered, or will be soon.
            Client::connect(server.address()).await.barrier().await;
            let grown = resident_bytes().saturating_sub(before);
            assert!(
                grown < 30 * MB,
                "{} MiB for 200 payloads that did not come",
                grown / MB
            );
        });
    });
}

#[test]
fn unfinished_lines_take_little_memory() {
    alone("limits::unfinished_lines_take_little_memory", || {
        crate::run(async {
            let server = start(Target::Ours).await;
            let before = resident_bytes();
            let line = format!("CONNECT {{\"name\":\"{}", "x".repeat(4_000));
            let mut clients = Vec::new();
            for _ in 0..200 {
                let mut client = Client::open(server.address()).await;
                client.send(&line).await;
                clients.push(client);
            }
            Client::connect(server.address()).await.barrier().await;
            let grown = resident_bytes().saturating_sub(before);
            assert!(
                grown < 30 * MB,
                "{} MiB for 200 lines of 4,000 bytes",
                grown / MB
            );
        });
    });
}

async fn start(target: Target) -> Running {
    target
        .start(&Options::default())
        .await
        .expect("the server starts")
}

const MB: usize = 1024 * 1024;
