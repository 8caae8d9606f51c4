//! Client: a raw-socket client for tests that are more than a conversation.
//!
//! In: bytes to send. Out: what arrived, one operation at a time, exactly as it came. It hides
//! nothing but PINGs, which it answers; it never waits longer than a step may take.

use std::net::SocketAddr;

use crate::sent::last_number;
use crate::text::show;
use crate::wire::{Wire, operation_length, within};

/// A connection that understands what a server sends.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
}

/// One operation of a server.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrival {
    /// MSG or HMSG.
    Message(Message),
    /// PONG.
    Pong,
    /// Any other line, without its CR LF: `+OK`, `-ERR '…'`, `INFO …`.
    Line(String),
    /// The server closed at the end of an operation; `Torn` when it was in the middle of one.
    End,
    /// The server closed with these bytes of an unfinished operation as its last.
    Torn(Vec<u8>),
}

/// A message as a subscriber gets it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// The subject it was published to.
    pub subject: String,
    /// The subscription it is for.
    pub sid: String,
    /// The reply subject; empty when there is none.
    pub reply: String,
    /// The header block; empty for a plain MSG.
    pub headers: Vec<u8>,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Message {
    /// The payload as a number.
    ///
    /// # Panics
    /// When it is none.
    pub fn number(&self) -> usize {
        last_number(&self.payload).unwrap_or_else(|| panic!("{self:?} should hold a number"))
    }
}

impl Client {
    /// Connects and reads the INFO, but says nothing.
    pub async fn open(address: SocketAddr) -> Self {
        let wire = Wire::open(address, None).await.expect("the server accepts");
        Self { wire }.after_info().await
    }

    /// Connects without verbose or pedantic, with headers and no_responders.
    pub async fn connect(address: SocketAddr) -> Self {
        let mut client = Self::open(address).await;
        client.send(HELLO).await;
        client.until_pong().await;
        client
    }

    /// Like [`connect`](Self::connect), with a small kernel buffer: for readers that are to stall.
    pub async fn connect_small(address: SocketAddr) -> Self {
        let mut client = Self::open_small(address).await;
        client.send(HELLO).await;
        client.until_pong().await;
        client
    }

    /// Like [`open`](Self::open), with a small kernel buffer.
    pub async fn open_small(address: SocketAddr) -> Self {
        let wire = Wire::open(address, Some(SMALL_BYTES))
            .await
            .expect("the server accepts");
        Self { wire }.after_info().await
    }

    /// Tries to connect: the first operation behind the INFO, or the PONG to a PING.
    pub async fn attempt(address: SocketAddr) -> (Self, Arrival) {
        let mut client = Self::open(address).await;
        client.send(HELLO).await;
        let arrival = client.next().await;
        (client, arrival)
    }

    /// Sends `bytes` as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let sent = self.wire.send(bytes).await;
        sent.unwrap_or_else(|error| panic!("sending {}: {error}", show(bytes)));
    }

    /// Subscribes: `what` is `subject sid` or `subject queue sid`.
    pub async fn subscribe(&mut self, what: &str) {
        self.send(format!("SUB {what}\r\n")).await;
    }

    /// Publishes `payload` to `subject`.
    pub async fn publish(&mut self, subject: &str, payload: &[u8]) {
        self.send(publication(subject, payload)).await;
    }

    /// Closes the sending side.
    pub async fn half_close(&mut self) {
        self.wire
            .half_close()
            .await
            .expect("a socket can be shut down");
    }

    /// The next operation.
    pub async fn next(&mut self) -> Arrival {
        loop {
            if let Some(length) = operation_length(self.wire.inbox()) {
                let operation = self.wire.inbox()[..length].to_vec();
                self.wire.take(length);
                if operation != b"PING\r\n" {
                    return read(&operation);
                }
                self.send("PONG\r\n").await;
                continue;
            }
            if self.wire.is_ended() {
                return match self.wire.inbox() {
                    b"" => Arrival::End,
                    rest => Arrival::Torn(rest.to_vec()),
                };
            }
            let filled = within(self.wire.fill()).await;
            filled.unwrap_or_else(|e| panic!("{e}; arrived: {}", show(self.wire.inbox())));
        }
    }

    /// The next operation, which must be a message.
    pub async fn message(&mut self) -> Message {
        match self.next().await {
            Arrival::Message(message) => message,
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// Sends a PING and reads up to its PONG: the messages that came before it.
    pub async fn barrier(&mut self) -> Vec<Message> {
        self.send("PING\r\n").await;
        self.until_pong().await
    }

    /// Reads up to the next PONG: the messages that came before it.
    pub async fn until_pong(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        loop {
            match self.next().await {
                Arrival::Message(message) => messages.push(message),
                Arrival::Pong => return messages,
                other => panic!("expected messages and a PONG, got {other:?}"),
            }
        }
    }

    /// Reads up to the next PONG: the messages before it, or none if the server closed first.
    pub async fn arrivals_until_pong(&mut self) -> Option<Vec<Message>> {
        let mut messages = Vec::new();
        loop {
            match self.next().await {
                Arrival::Message(message) => messages.push(message),
                Arrival::Pong => return Some(messages),
                Arrival::Line(_) => {}
                Arrival::End | Arrival::Torn(_) => return None,
            }
        }
    }

    /// Everything up to the end of the connection.
    pub async fn until_end(&mut self) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        loop {
            let arrival = self.next().await;
            let is_end = matches!(arrival, Arrival::End | Arrival::Torn(_));
            arrivals.push(arrival);
            if is_end {
                return arrivals;
            }
        }
    }

    /// The connection without anything around it, for tests that count memory.
    pub fn into_socket(self) -> tokio::net::TcpStream {
        self.wire.into_socket()
    }

    /// Every byte up to the end of the connection.
    pub async fn bytes_until_end(&mut self) -> Vec<u8> {
        while !self.wire.is_ended() {
            let filled = within(self.wire.fill()).await;
            filled.unwrap_or_else(|e| panic!("{e}; arrived: {}", show(self.wire.inbox())));
        }
        self.wire.inbox().to_vec()
    }

    async fn after_info(mut self) -> Self {
        match self.next().await {
            Arrival::Line(line) if line.starts_with("INFO {") => self,
            other => panic!("expected INFO, got {other:?}"),
        }
    }
}

/// `PUB subject size⏎payload⏎`
pub(crate) fn publication(subject: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("PUB {subject} {}\r\n", payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn read(operation: &[u8]) -> Arrival {
    let end = operation
        .windows(2)
        .position(|pair| pair == b"\r\n")
        .expect("a line ends in CR LF");
    let line = String::from_utf8_lossy(&operation[..end]).into_owned();
    if line == "PONG" {
        return Arrival::Pong;
    }
    let words: Vec<&str> = line.split(' ').collect();
    let body = || operation[end + 2..operation.len() - 2].to_vec();
    let message = |reply: &str, headers: Vec<u8>, payload: Vec<u8>| {
        let (subject, sid) = (words[1].to_owned(), words[2].to_owned());
        Arrival::Message(Message {
            subject,
            sid,
            reply: reply.to_owned(),
            headers,
            payload,
        })
    };
    match words.as_slice() {
        ["MSG", _, _, _] => message("", Vec::new(), body()),
        ["MSG", _, _, reply, _] => message(reply, Vec::new(), body()),
        ["HMSG", _, _, head, _] | ["HMSG", _, _, _, head, _] => {
            let reply = if words.len() == 6 { words[3] } else { "" };
            let mut headers = body();
            let head = last_number(head.as_bytes()).expect("HMSG has a header size");
            let payload = headers.split_off(head);
            message(reply, headers, payload)
        }
        _ => Arrival::Line(line),
    }
}

const HELLO: &str = "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\
                     \"no_responders\":true}\r\nPING\r\n";

/// The least a Linux socket takes; with it a stalled reader is noticed early.
const SMALL_BYTES: u32 = 4096;
