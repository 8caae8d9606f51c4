//! Lines by hand against everybody else: whatever is typed, another client gets what was meant and
//! nothing else, and the session ends by itself.
//!
//! Random lines, cut and bent, go to a server in this process, under a stopped clock. What another
//! client received is held against what the parser alone makes of the same bytes.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // A test fails by panicking, and tells its seed.

use std::time::Duration;

use dunlin_protocol::{ClientOp, HandOp, HandParser, HandStep, Info, Limits};
use dunlin_server::{Pipe, Server};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

/// What lines are made of.
const PIECES: &[&[u8]] = &[
    b"SUB a.* 1\n",
    b"SUB > 2\r\n",
    b"UNSUB 1\n",
    b"UNSUB 2 1\n",
    b"PUB a.b 5\nhello\n",
    b"PUB a.b r 2\r\nhi\r\n",
    b"PUB a.b 2\nhello\n",
    b"PUB a.b 9\nhi\n",
    b"PUB a.b hello\n",
    b"PUB a.b \"hello\"\n",
    b"pub a.b r \"{\"x\": 1}\"\n",
    b"PUB a.b \"open\n",
    b"PUB a..b \"x\"\n",
    b"PUB a..b 1\nx\n",
    b"HPUB a.b \"K: v\" \"hello\"\n",
    b"HPUB a.b 12 14\nNATS/1.0\r\n\r\nhi\n",
    b"REQ a.b \"what?\"\n",
    b"REQ nobody\n",
    b"HELP\n",
    b"? pub\n",
    b"VIEW on\n",
    b"VIEW off\n",
    b"AUTH joe secret\n",
    b"QUIT\n",
    b"PING\n",
    b"PONG\n",
    b"+OK\n",
    b"INFO {}\n",
    b"INFO x\n",
    b"-ERR 'x'\n",
    b"SUBB a 1\n",
    b"\n",
    b"  \t",
    b"\"",
    b"5",
    b"\r\n",
    b"\n",
    b"\x00",
    b"\xff",
    b"\x1b[A\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01",
    b"MSG a.b 1 2\nhi\n",
];

const CONVERSATIONS: usize = 1500;

/// A subject and a payload.
type Sent = (Vec<u8>, Vec<u8>);

#[tokio::test(start_paused = true)]
async fn nothing_behind_a_mistake_reaches_anybody() {
    let (mut random, server, mut other) = setting().await;
    let mut count = 0;
    for _ in 0..CONVERSATIONS {
        let typed = conversation(&mut random);
        let mut person = server.connect();
        person.write_all(&typed).await.unwrap();
        person.shutdown().await.unwrap();
        until_end(&mut person, &typed).await;
        let expected = meant(&typed, 1);
        assert_eq!(other.received().await, expected, "{}", show(&typed));
        count += expected.len();
    }
    assert!(
        count > CONVERSATIONS / 10,
        "only {count} messages came through"
    );
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_answers_goes_on_behind_a_mistake() {
    let (mut random, server, mut other) = setting().await;
    let mut count = 0;
    for _ in 0..CONVERSATIONS {
        let typed = conversation(&mut random);
        let mut person = server.connect();
        for line in typed.split_inclusive(|&byte| byte == b'\n') {
            // The other side may have hung up already; then nothing more arrives.
            let _ = person.write_all(line).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let _ = person.shutdown().await;
        until_end(&mut person, &typed).await;
        let expected = meant(&typed, 10);
        assert_eq!(other.received().await, expected, "{}", show(&typed));
        count += expected.len();
    }
    assert!(
        count > CONVERSATIONS / 10,
        "only {count} messages came through"
    );
}

#[cfg(feature = "http")]
#[tokio::test]
async fn a_browser_is_told_the_port_for_it() {
    let monitor = dunlin_server::MonitorOptions::port(0);
    let builder = Server::builder().port(0).monitor(monitor);
    let server = builder.start().await.unwrap();
    let port = server.monitor_addr().unwrap().port();
    let mut browser = server.connect();
    browser.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answers = String::new();
    browser.read_to_string(&mut answers).await.unwrap();
    let expected = format!("-ERR 'HTTP is not spoken on this port; it is on port {port}'\r\n");
    assert!(answers.ends_with(&expected), "{answers}");
}

async fn setting() -> (fastrand::Rng, Server, Other) {
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let server = Server::builder().port(0).start().await.unwrap();
    let other = Other::new(server.connect()).await;
    (fastrand::Rng::with_seed(seed), server, other)
}

/// Pieces behind each other; now and then a byte is lost, doubled or another.
fn conversation(random: &mut fastrand::Rng) -> Vec<u8> {
    loop {
        let mut typed = Vec::new();
        for _ in 0..random.usize(1..8) {
            let piece = PIECES[random.usize(..PIECES.len())];
            typed.extend_from_slice(piece);
            if random.u8(..6) == 0 {
                let at = random.usize(..typed.len());
                match random.u8(..3) {
                    0 => drop(typed.remove(at)),
                    1 => typed.insert(at, typed[at]),
                    _ => typed[at] = random.u8(..),
                }
            }
            if typed.is_empty() {
                typed.push(b'\n');
            }
        }
        // What begins with CONNECT, or may, is a program's.
        if !typed[0].eq_ignore_ascii_case(&b'c') {
            return typed;
        }
    }
}

/// What the lines say until the mistake that ends them, by the parser alone.
fn meant(typed: &[u8], mistakes_max: u32) -> Vec<Sent> {
    let limits = Limits {
        has_headers: false,
        ..Limits::default()
    };
    let (mut parser, mut at, mut mistakes, mut sent) = (HandParser::default(), 0, 0, Vec::new());
    while mistakes < mistakes_max {
        let used = match parser.next(&typed[at..], &limits) {
            Ok(HandStep::Op { op, used }) => {
                let before = std::mem::take(&mut mistakes);
                match op {
                    HandOp::Quit | HandOp::Http | HandOp::Tls => break,
                    HandOp::Protocol(ClientOp::Err(_)) => break,
                    HandOp::Protocol(ClientOp::Info(json)) if Info::from_json(json).is_none() => {
                        mistakes = before + 1;
                    }
                    HandOp::Protocol(ClientOp::Publish(publish)) => {
                        sent.push((publish.subject.to_vec(), publish.payload().to_vec()));
                    }
                    HandOp::Publish(message) | HandOp::Request(message) => {
                        sent.push((message.subject.to_vec(), message.text.to_vec()));
                    }
                    _ => {}
                }
                used
            }
            Ok(HandStep::Mistake { used, .. }) => {
                mistakes += 1;
                used
            }
            _ => break,
        };
        at += used;
    }
    // What has an empty token reaches nobody.
    sent.retain(|(subject, _)| dunlin_protocol::subject::is_deliverable(subject));
    sent
}

/// Reads until the server closes: whatever was typed, it does.
async fn until_end(person: &mut Pipe, typed: &[u8]) {
    let mut answers = Vec::new();
    let end = person.read_to_end(&mut answers);
    let ended = tokio::time::timeout(Duration::from_secs(30), end).await;
    assert!(ended.is_ok(), "the session goes on: {}", show(typed));
}

/// Another client, which hears everything.
struct Other {
    stream: BufReader<Pipe>,
}

impl Other {
    async fn new(pipe: Pipe) -> Self {
        let mut other = Self {
            stream: BufReader::new(pipe),
        };
        let hello = b"CONNECT {\"verbose\":false}\r\nSUB > 1\r\n";
        other.stream.write_all(hello).await.unwrap();
        other.line().await; // INFO
        assert!(other.received().await.is_empty());
        other
    }

    /// Everything that has come.
    async fn received(&mut self) -> Vec<Sent> {
        self.stream.write_all(b"PING\r\n").await.unwrap();
        let mut received = Vec::new();
        loop {
            let line = self.line().await;
            let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
            match words[..] {
                [b"PONG\r\n"] => return received,
                [b"PING\r\n"] => self.stream.write_all(b"PONG\r\n").await.unwrap(),
                [b"MSG", subject, b"1", .., size] => {
                    let size = std::str::from_utf8(size).unwrap().trim().parse().unwrap();
                    let mut payload = vec![0; size];
                    self.stream.read_exact(&mut payload).await.unwrap();
                    assert_eq!(self.line().await, b"\r\n");
                    received.push((subject.to_vec(), payload));
                }
                _ => panic!("no operation: {}", show(&line)),
            }
        }
    }

    async fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).await.unwrap();
        line
    }
}

fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
