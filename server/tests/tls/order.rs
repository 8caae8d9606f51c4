//! Every order in which a client's bytes can arrive, and as many as fit.

use std::io::{Cursor, Read, Write};

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ClientConnection;

use crate::certificates::Authority;
use crate::client::{Knows, dial, options, soon, start};

/// A client whose bytes are sent when the test says so.
struct Slow {
    stream: TcpStream,
    tls: ClientConnection,
}

impl Slow {
    async fn new(server: &dunlin_server::Server, knows: &Knows) -> Self {
        let stream = TcpStream::connect(server.addr()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let tls = ClientConnection::new(knows.config(), knows.server_name()).unwrap();
        Self { stream, tls }
    }

    /// What the client would send now.
    fn flight(&mut self) -> Vec<u8> {
        let mut flight = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut flight).unwrap();
        }
        flight
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Reads INFO, in the open.
    async fn read_info(&mut self) {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            line.push(soon(self.stream.read_u8()).await.unwrap());
        }
        assert!(line.starts_with(b"INFO {"));
    }

    /// Takes what the server sends, until `is_done`.
    async fn receive(&mut self, is_done: impl Fn(&ClientConnection) -> bool) {
        let mut buffer = [0; 16 * 1024];
        while !is_done(&self.tls) {
            let read = soon(self.stream.read(&mut buffer)).await.unwrap();
            assert!(read > 0, "the server has closed");
            let mut cursor = Cursor::new(&buffer[..read]);
            while cursor.position() < read as u64 {
                self.tls.read_tls(&mut cursor).unwrap();
                self.tls.process_new_packets().unwrap();
            }
        }
    }

    /// The next bytes that the server says.
    async fn expect(&mut self, expected: &str) {
        let mut said = Vec::new();
        while said.len() < expected.len() {
            let mut part = vec![0; expected.len() - said.len()];
            match self.tls.reader().read(&mut part) {
                Ok(read) => said.extend_from_slice(&part[..read]),
                Err(_) => self.receive(|tls| !tls.wants_read()).await,
            }
        }
        assert_eq!(String::from_utf8_lossy(&said), expected);
    }
}

#[tokio::test]
async fn a_hello_may_come_before_info_is_read_and_in_pieces_of_any_size() {
    let authority = Authority::new();
    let server = start(options(&authority)).await;
    let knows = Knows::of(&authority);
    let len = Slow::new(&server, &knows).await.flight().len();
    for at in 0..len {
        let mut client = Slow::new(&server, &knows).await;
        let hello = client.flight();
        let (one, two) = hello.split_at(at.min(hello.len()));
        client.send(one).await;
        tokio::task::yield_now().await;
        client.send(two).await;
        client.read_info().await;
        client.receive(|tls| !tls.is_handshaking()).await;
    }
}

#[tokio::test]
async fn a_handshake_may_come_byte_by_byte() {
    let authority = Authority::new();
    let server = start(options(&authority)).await;
    for knows in [Knows::of(&authority), Knows::of(&authority).only_tls12()] {
        let mut client = Slow::new(&server, &knows).await;
        client.read_info().await;
        while client.tls.is_handshaking() || client.tls.wants_write() {
            for byte in client.flight() {
                client.send(&[byte]).await;
                tokio::task::yield_now().await;
            }
            client
                .receive(|tls| tls.wants_write() || !tls.is_handshaking())
                .await;
        }
        client
            .tls
            .writer()
            .write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n")
            .unwrap();
        for byte in client.flight() {
            client.send(&[byte]).await;
        }
        client.expect("PONG\r\n").await;
    }
}

#[tokio::test]
async fn the_first_words_may_come_with_the_end_of_the_handshake() {
    let authority = Authority::new();
    let server = start(options(&authority)).await;
    for knows in [Knows::of(&authority), Knows::of(&authority).only_tls12()] {
        let mut client = Slow::new(&server, &knows).await;
        client.read_info().await;
        let words = b"CONNECT {\"verbose\":false}\r\nSUB a 1\r\nPUB a 2\r\nhi\r\nPING\r\n";
        client.tls.writer().write_all(words).unwrap(); // Kept until it may be encrypted.
        let hello = client.flight();
        client.send(&hello).await;
        client.receive(|tls| tls.wants_write()).await;
        let flight = client.flight();
        client.send(&flight).await;
        client.receive(|tls| !tls.is_handshaking()).await;
        let flight = client.flight();
        client.send(&flight).await;
        client.expect("MSG a 1 2\r\nhi\r\nPONG\r\n").await;
    }
}

#[tokio::test]
async fn keys_may_be_changed_under_way() {
    let authority = Authority::new();
    let server = start(options(&authority)).await;
    let mut client = Slow::new(&server, &Knows::of(&authority)).await;
    client.read_info().await;
    let hello = client.flight();
    client.send(&hello).await;
    client.receive(|tls| !tls.is_handshaking()).await;
    client
        .tls
        .writer()
        .write_all(b"CONNECT {\"verbose\":false}\r\n")
        .unwrap();
    for _ in 0..100 {
        client.tls.refresh_traffic_keys().unwrap();
        client.tls.writer().write_all(b"PING\r\n").unwrap();
        let flight = client.flight();
        client.send(&flight).await;
        client.expect("PONG\r\n").await;
    }
}

#[tokio::test]
async fn large_messages_pass_both_ways_at_once() {
    const LEN: usize = 1024 * 1024;
    const COUNT: usize = 16;
    let authority = Authority::new();
    let server = start(options(&authority)).await;
    for knows in [Knows::of(&authority), Knows::of(&authority).only_tls12()] {
        let mut client = knows.connect(&server).await;
        client.type_lines("SUB big 1\r\nPING\r\n").await;
        client.expect("PONG").await;
        let (reader, mut writer) = tokio::io::split(client.into_stream());
        let sending = tokio::spawn(async move {
            for round in 0..COUNT {
                let head = format!("PUB big {LEN}\r\n");
                let body = vec![b'a' + round as u8; LEN];
                writer.write_all(head.as_bytes()).await.unwrap();
                writer.write_all(&body).await.unwrap();
                writer.write_all(b"\r\n").await.unwrap();
            }
            writer.flush().await.unwrap();
            writer
        });
        let mut reader = BufReader::new(reader);
        for round in 0..COUNT {
            let mut message = vec![0; format!("MSG big 1 {LEN}\r\n").len() + LEN + 2];
            soon(reader.read_exact(&mut message)).await.unwrap();
            let body = &message[message.len() - 2 - LEN..message.len() - 2];
            assert!(body.iter().all(|&byte| byte == b'a' + round as u8));
        }
        sending.await.unwrap();
    }
}

#[tokio::test]
async fn a_reader_that_stops_gets_all_of_it_when_it_goes_on() {
    const LEN: usize = 4000;
    const COUNT: usize = 8000;
    let authority = Authority::new();
    let server = start(options(&authority)).await;
    let knows = Knows::of(&authority);
    let mut reader = knows.connect(&server).await;
    reader.type_lines("SUB many 1\r\nPING\r\n").await;
    reader.expect("PONG").await;
    let mut publisher = knows.connect(&server).await;
    let body = "x".repeat(LEN);
    for round in 0..COUNT {
        publisher
            .type_lines(&format!("PUB many {}\r\n{round:05}{body}\r\n", LEN + 5))
            .await;
    }
    publisher.type_lines("PING\r\n").await;
    publisher.expect("PONG").await; // All of it waits for the reader now.
    for round in 0..COUNT {
        reader.expect(&format!("MSG many 1 {}", LEN + 5)).await;
        assert!(reader.line().await.starts_with(&format!("{round:05}")));
    }
}

#[tokio::test]
async fn what_is_no_record_ends_the_connection_only() {
    let authority = Authority::new();
    let server = start(options(&authority)).await;
    let knows = Knows::of(&authority);
    let mut good = knows.connect(&server).await;
    let mut bad = Slow::new(&server, &knows).await;
    bad.read_info().await;
    let hello = bad.flight();
    bad.send(&hello).await;
    bad.receive(|tls| !tls.is_handshaking()).await;
    let flight = bad.flight();
    bad.send(&flight).await;
    bad.send(&[0x17, 3, 3, 0, 32]).await;
    bad.send(&[7; 32]).await;
    let mut rest = Vec::new();
    let _ = soon(bad.stream.read_to_end(&mut rest)).await;
    good.type_lines("PING\r\n").await;
    good.expect("PONG").await;
    drop(dial(&server).await);
}
