//! The monitoring pages over HTTPS.

use dunlin_server::{MonitorOptions, Server, TlsOptions};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::certificates::Authority;
use crate::client::{Knows, Log, options, soon};

async fn serve(tls: TlsOptions) -> Server {
    let monitor = MonitorOptions::port(0).encrypted(true);
    let builder = Server::builder().port(0).monitor(monitor).tls(tls);
    builder.start().await.unwrap()
}

async fn dial(server: &Server) -> TcpStream {
    let address = server.monitor_addr().unwrap();
    TcpStream::connect(address).await.unwrap()
}

/// The answer to a request for `page`.
async fn get(mut stream: impl AsyncRead + AsyncWrite + Unpin, page: &str) -> String {
    let request = format!("GET {page} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = soon(stream.read_to_end(&mut answer)).await; // The end may come without a farewell.
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn pages_are_encrypted_and_ask_nobody_for_a_certificate() {
    let authority = Authority::new();
    let tls = options(&authority).verify(true).ca_pem(authority.pem());
    let server = serve(tls).await;
    let stream = Knows::of(&authority).encrypt(dial(&server).await).await;
    let answer = get(stream.unwrap(), "/varz").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK"), "{answer}");
    let port = server.monitor_addr().unwrap().port();
    for wanted in ["\"http_port\": 0", &format!("\"https_port\": {port}")] {
        assert!(answer.contains(wanted), "no {wanted} in {answer}");
    }
}

#[tokio::test]
async fn plain_http_is_told_what_is_wrong() {
    let authority = Authority::new();
    let server = serve(options(&authority)).await;
    let log = Log::keep();
    let answer = get(dial(&server).await, "/varz").await;
    let told = "Client sent an HTTP request to an HTTPS server.\n";
    assert!(
        answer.starts_with("HTTP/1.0 400 ") && answer.ends_with(told),
        "{answer}"
    );
    log.until("client sent an HTTP request to an HTTPS server")
        .await;
    let other = Authority::new();
    let stranger = Knows::of(&other).encrypt(dial(&server).await).await;
    assert!(stranger.is_err());
    log.until("monitoring: TLS handshake error from 127.0.0.1:")
        .await;
}

#[tokio::test]
async fn another_certificate_holds_after_a_reload() {
    let (old, new) = (Authority::new(), Authority::new());
    let server = serve(options(&old)).await;
    let monitor = MonitorOptions::port(0).encrypted(true);
    let builder = Server::builder()
        .port(0)
        .monitor(monitor)
        .tls(options(&new));
    server.reload(builder).unwrap();
    assert!(Knows::of(&old).encrypt(dial(&server).await).await.is_err());
    assert!(Knows::of(&new).encrypt(dial(&server).await).await.is_ok());
}

#[tokio::test]
async fn without_a_certificate_nothing_starts() {
    let monitor = MonitorOptions::port(0).encrypted(true);
    let refused = Server::builder().port(0).monitor(monitor).start().await;
    let refused = refused.unwrap_err().to_string();
    assert_eq!(refused, "tls: encryption needs a certificate and its key");
}
