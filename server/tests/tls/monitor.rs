//! The monitoring pages over HTTPS.

use std::path::Path;
use std::time::Duration;

use dunlin_server::{MonitorOptions, Server, TlsOptions, WebsocketOptions};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::certificates::{Authority, Pair};
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

/// The first second of a year, as metrics tell it.
fn begins(year: &str) -> &str {
    match year {
        "2031" => "1924992000.0",
        "2032" => "1956528000.0",
        "2033" => "1988150400.0",
        other => panic!("{other}"),
    }
}

fn files(folder: &Path) -> TlsOptions {
    TlsOptions::new().cert_file(folder.join("cert.pem"), folder.join("key.pem"))
}

fn write(folder: &Path, pair: &Pair) {
    std::fs::write(folder.join("cert.pem"), &pair.cert).unwrap();
    std::fs::write(folder.join("key.pem"), &pair.key).unwrap();
}

async fn until_told(server: &Server, listener: &str, year: &str) {
    let wanted = format!(
        "\ndunlin_certificate_expiry_seconds{{listener=\"{listener}\"}} {}\n",
        begins(year)
    );
    let told = async {
        while !get(dial(server).await, "/metrics").await.contains(&wanted) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon(told).await;
}

#[tokio::test]
async fn the_metrics_tell_when_the_certificate_that_is_shown_now_expires() {
    let (clients, browsers) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authority = Authority::new();
    write(clients.path(), &authority.server_until(2031));
    write(browsers.path(), &authority.server_until(2032));
    let websocket = || WebsocketOptions::new(0).tls(files(browsers.path()));
    let builder = || Server::builder().port(0).monitor(MonitorOptions::port(0));
    let encrypted = builder().tls(files(clients.path())).websocket(websocket());
    let server = encrypted.start().await.unwrap();
    until_told(&server, "client", "2031").await;
    until_told(&server, "websocket", "2032").await;
    write(clients.path(), &authority.server_until(2033)); // Read again by itself.
    until_told(&server, "client", "2033").await;
    let varz = get(dial(&server).await, "/varz").await;
    assert!(
        varz.contains("\"tls_cert_not_after\": \"2033-01-01"),
        "{varz}"
    );
    server.reload(builder().websocket(websocket())).unwrap(); // In the open from now on.
    let page = get(dial(&server).await, "/metrics").await;
    assert!(!page.contains("listener=\"client\""), "{page}");
    until_told(&server, "websocket", "2032").await;
}

#[tokio::test]
async fn a_handshake_that_failed_is_counted() {
    let authority = Authority::new();
    let builder = Server::builder().port(0).monitor(MonitorOptions::port(0));
    let server = builder.tls(options(&authority)).start().await.unwrap();
    let mut stranger = crate::client::dial(&server).await;
    stranger.line().await;
    let other = Authority::new();
    let refused = Knows::of(&other).encrypt(stranger.into_stream()).await;
    assert!(refused.is_err());
    let wanted = "\ndunlin_tls_handshake_failures_total 1\n";
    soon(async {
        while !get(dial(&server).await, "/metrics").await.contains(wanted) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_certificate_of_the_pages_is_told_too() {
    let authority = Authority::new();
    let server = serve(options(&authority)).await;
    let stream = Knows::of(&authority).encrypt(dial(&server).await).await;
    let page = get(stream.unwrap(), "/metrics").await;
    for listener in ["client", "monitor"] {
        let line = format!("dunlin_certificate_expiry_seconds{{listener=\"{listener}\"}} ");
        assert!(page.contains(&line), "{page}");
    }
}

#[tokio::test]
async fn without_a_certificate_nothing_starts() {
    let monitor = MonitorOptions::port(0).encrypted(true);
    let refused = Server::builder().port(0).monitor(monitor).start().await;
    let refused = refused.unwrap_err().to_string();
    assert_eq!(refused, "tls: encryption needs a certificate and its key");
}
