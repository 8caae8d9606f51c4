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
    let text = within(exchange(address, path)).await;
    let text = text.unwrap_or_else(|error| panic!("GET {path}: {error}"));
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let (first, lines) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
    Page {
        status: status.unwrap_or_else(|| panic!("GET {path}: {text}")),
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
async fn exchange(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}
