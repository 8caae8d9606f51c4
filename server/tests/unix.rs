//! The Unix-domain socket: served like the port, and careful about what stands at its path.

#![cfg(unix)]
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use dunlin_server::{Builder, Server, StartError};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

fn builder(path: &Path) -> Builder {
    Server::builder().port(0).unix_socket(path, 0o600)
}

async fn refused(path: &Path) -> StartError {
    let started = builder(path).start().await;
    started.expect_err("it is in the way")
}

/// Connects and reads INFO.
async fn dial(path: &Path) -> (BufReader<UnixStream>, String) {
    let mut stream = BufReader::new(UnixStream::connect(path).await.unwrap());
    let mut info = String::new();
    stream.read_line(&mut info).await.unwrap();
    (stream, info)
}

#[tokio::test]
async fn who_comes_by_the_file_is_served_like_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let server = builder(&path).start().await.unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (mut one, info) = dial(&path).await;
    assert!(!info.contains("client_ip"), "{info}");
    let (mut two, _) = dial(&path).await;
    let payload = "x".repeat(1_000_000);
    let hello = "CONNECT {\"verbose\":false}\r\n";
    one.write_all(format!("{hello}SUB a 1\r\nPING\r\n").as_bytes())
        .await
        .unwrap();
    let mut line = String::new();
    one.read_line(&mut line).await.unwrap();
    assert_eq!(line, "PONG\r\n");
    let publish = format!("{hello}PUB a {}\r\n{payload}\r\n", payload.len());
    two.write_all(publish.as_bytes()).await.unwrap();
    let expected = format!("MSG a 1 {}\r\n{payload}\r\n", payload.len());
    let mut got = vec![0; expected.len()];
    one.read_exact(&mut got).await.unwrap();
    assert!(got == expected.as_bytes());
    server.shutdown().await;
    assert!(!path.exists());
    assert_eq!(one.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn what_a_killed_server_left_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists()); // Nobody answers.
    let _server = builder(&path).start().await.unwrap();
    dial(&path).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1); // Nothing is left aside.
}

#[tokio::test]
async fn what_answers_or_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let _server = builder(&path).start().await.unwrap();
    let error = refused(&path).await;
    assert!(error.is_in_use(), "{error}");
    dial(&path).await;
    let file = folder.path().join("precious");
    std::fs::write(&file, "text").unwrap();
    let error = refused(&file).await.to_string();
    assert!(
        error.contains("no socket") && error.contains("precious"),
        "{error}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "text");
    refused(&folder.path().join("missing/s")).await;
}

#[tokio::test]
async fn a_file_that_is_another_servers_now_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let first = builder(&path).start().await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let _second = builder(&path).start().await.unwrap();
    first.shutdown().await;
    dial(&path).await;
}
