//! Http: pages of a monitoring port, as a tool would fetch them.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wire::within;

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The status, such as 200.
    pub status: u16,
    /// The head, a line for each header, names in lower case.
    pub head: String,
    /// The rest.
    pub body: String,
}

/// Fetches `path` from the server at `address`.
///
/// # Panics
/// When nothing comes in time, or what comes is no HTTP.
pub async fn fetch(address: SocketAddr, path: &str) -> Page {
    request(address, &format!("GET {path}"), "").await
}

/// Asks for `what`, such as `POST /a`, with more `headers`, each with its line end.
///
/// # Panics
/// As [`fetch`].
pub async fn request(address: SocketAddr, what: &str, headers: &str) -> Page {
    let text = within(exchange(address, what, headers)).await;
    let path = what;
    let text = text.unwrap_or_else(|error| panic!("{path}: {error}"));
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let (first, lines) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
    Page {
        status: status.unwrap_or_else(|| panic!("{path}: {text}")),
        head: lines.to_lowercase(),
        body: body.to_owned(),
    }
}

/// Fetches the JSON at `path`.
///
/// # Panics
/// When it is none.
pub async fn fetch_json(address: SocketAddr, path: &str) -> Value {
    let page = fetch(address, path).await;
    assert_eq!(page.status, 200, "GET {path}: {}", page.body);
    serde_json::from_str(&page.body).unwrap_or_else(|error| panic!("GET {path}: {error}"))
}

/// One request, and all that comes; the old protocol, which has no chunks.
async fn exchange(address: SocketAddr, what: &str, headers: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("{what} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

/// An open stream of events.
#[derive(Debug)]
pub struct Events {
    stream: TcpStream,
    text: String,
}

impl Events {
    /// Asks for the events at `path`.
    ///
    /// # Panics
    /// When the server cannot be reached.
    pub async fn open(address: SocketAddr, path: &str) -> Self {
        Self::open_as(address, &address.to_string(), path).await
    }

    /// The same, calling the server `host`.
    ///
    /// # Panics
    /// As [`Events::open`].
    pub async fn open_as(address: SocketAddr, host: &str, path: &str) -> Self {
        let mut stream = TcpStream::connect(address)
            .await
            .expect("the server accepts");
        let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
        let sent = stream.write_all(request.as_bytes()).await;
        sent.expect("the server takes a request");
        let text = String::new();
        Self { stream, text }
    }

    /// The status of the answer.
    ///
    /// # Panics
    /// When none comes in time.
    pub async fn status(&mut self) -> u16 {
        while !self.text.contains("\r\n") {
            self.read().await;
        }
        let status = self
            .text
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok());
        status.expect("a status")
    }

    /// The JSON of the next event called `name`.
    ///
    /// # Panics
    /// When none comes in time.
    pub async fn next(&mut self, name: &str) -> Value {
        let begin = format!("event: {name}\ndata: ");
        loop {
            if let Some(at) = self.text.find(&begin)
                && let Some(end) = self.text[at..].find("\n\n")
            {
                let json = self.text[at + begin.len()..at + end].to_owned();
                self.text.drain(..at + end);
                return serde_json::from_str(&json).expect("JSON in an event");
            }
            self.read().await;
        }
    }

    async fn read(&mut self) {
        let mut bytes = [0; 16 * 1024];
        let read = within(self.stream.read(&mut bytes))
            .await
            .expect("an event");
        assert!(read > 0, "the stream ended: {}", self.text);
        self.text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
}
