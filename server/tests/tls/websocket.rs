//! WebSockets over TLS: `wss://`.

use dunlin_server::{Authorization, Server, TlsOptions, User, WebsocketOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::certificates::Authority;
use crate::client::{Knows, Log, options};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nOrigin: https://localhost\r\n\r\n";

async fn start(tls: TlsOptions, authorization: Authorization) -> Server {
    let websocket = WebsocketOptions::new(0).same_origin(true).tls(tls);
    let builder = Server::builder().port(0).authorization(authorization);
    builder.websocket(websocket).start().await.unwrap()
}

async fn dial(server: &Server) -> TcpStream {
    let address = server.websocket_addr().unwrap();
    TcpStream::connect(address).await.unwrap()
}

/// Connects, and reads the answer and the INFO.
async fn connect(server: &Server, knows: &Knows) -> (TlsStream<TcpStream>, String) {
    let mut stream = knows.encrypt(dial(server).await).await.unwrap();
    stream.write_all(REQUEST.as_bytes()).await.unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(stream.read_u8().await.unwrap()));
    }
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let info = frame(&mut stream).await;
    (stream, info)
}

/// The payload of the next frame.
async fn frame(stream: &mut TlsStream<TcpStream>) -> String {
    assert_eq!(stream.read_u8().await.unwrap(), 0x82, "one binary frame");
    let len = match stream.read_u8().await.unwrap() {
        126 => stream.read_u16().await.unwrap().into(),
        127 => stream.read_u64().await.unwrap(),
        len => len.into(),
    };
    let mut payload = vec![0; len as usize];
    stream.read_exact(&mut payload).await.unwrap();
    String::from_utf8(payload).unwrap()
}

/// One message, with a mask that changes nothing.
async fn say(stream: &mut TlsStream<TcpStream>, text: &str) {
    let mut bytes = vec![0x82, 0xff];
    bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(text.as_bytes());
    stream.write_all(&bytes).await.unwrap();
}

async fn hear(stream: &mut TlsStream<TcpStream>, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push_str(&frame(stream).await);
    }
    text
}

#[tokio::test]
async fn the_handshake_comes_first_and_then_http() {
    let authority = Authority::new();
    let server = start(options(&authority), Authorization::new()).await;
    let (mut stream, info) = connect(&server, &Knows::of(&authority)).await;
    assert!(info.contains("\"tls_required\":true"), "{info}");
    say(&mut stream, "CONNECT {\"verbose\":false}\r\nPING\r\n").await;
    assert_eq!(hear(&mut stream, "PONG\r\n").await, "PONG\r\n");
}

#[tokio::test]
async fn much_goes_both_ways_at_once() {
    let authority = Authority::new();
    let server = start(options(&authority), Authorization::new()).await;
    let (mut stream, _) = connect(&server, &Knows::of(&authority)).await;
    say(&mut stream, "CONNECT {\"verbose\":false}\r\nSUB a 1\r\n").await;
    // More than any buffer on the way holds, before the first byte of it is read.
    let payload = "x".repeat(1_000_000);
    for _ in 0..20 {
        say(&mut stream, &format!("PUB a 1000000\r\n{payload}\r\n")).await;
    }
    let message = format!("MSG a 1 1000000\r\n{payload}\r\n");
    say(&mut stream, "PING\r\n").await;
    let text = hear(&mut stream, "PONG\r\n").await;
    assert_eq!(text.len(), message.len() * 20 + 6);
    assert!(text.starts_with(&message));
}

#[tokio::test]
async fn a_certificate_says_which_user_it_is() {
    let authority = Authority::new();
    let pair = authority.client(Vec::new(), &[(rcgen::DnType::CommonName, "page")]);
    let tls = options(&authority)
        .ca_pem(authority.pem())
        .verify_and_map(true);
    let users = Authorization::new().user(User::new("CN=page", ""));
    let server = start(tls, users).await;
    let (mut stream, info) = connect(&server, &Knows::of(&authority).showing(&pair)).await;
    assert!(info.contains("\"tls_verify\":true"), "{info}");
    say(&mut stream, "CONNECT {\"verbose\":false}\r\nPING\r\n").await;
    assert_eq!(hear(&mut stream, "PONG\r\n").await, "PONG\r\n");
}

#[tokio::test]
async fn who_speaks_in_the_open_is_named_in_the_log() {
    let log = Log::keep();
    let authority = Authority::new();
    let server = start(options(&authority), Authorization::new()).await;
    let mut stream = dial(&server).await;
    stream.write_all(REQUEST.as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{rest:?}");
    log.until("use wss://").await;
}
