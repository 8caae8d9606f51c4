//! Somebody who types lines at a server and reads what comes back.

#![allow(dead_code, reason = "no test uses all of it")]
#![allow(unreachable_pub, reason = "each test is a crate of its own")]

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

/// A person with a stream of bytes.
pub struct Typist<S> {
    pub stream: BufReader<S>,
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Typist<S> {
    pub async fn greet(stream: S) -> Self {
        let (mut typist, _) = Self::arrive(stream).await;
        typist.type_line("CONNECT {\"verbose\":false}").await;
        typist
    }

    /// Reads INFO and says nothing yet.
    pub async fn arrive(stream: S) -> (Self, String) {
        let mut typist = Self {
            stream: BufReader::new(stream),
        };
        let info = typist.line().await;
        assert!(info.starts_with("INFO {"), "{info}");
        (typist, info)
    }

    /// A quiet client with credentials, as members of CONNECT.
    pub async fn log_in(stream: S, credentials: &str) -> Self {
        let (mut typist, _) = Self::arrive(stream).await;
        let connect = format!("CONNECT {{\"verbose\":false,\"protocol\":1,{credentials}}}");
        typist.type_line(&connect).await;
        typist.type_line("PING").await;
        typist.expect(&["PONG"]).await;
        let info = typist.line().await;
        assert!(info.contains("\"connect_info\":true"), "{info}");
        typist
    }

    pub async fn type_line(&mut self, line: &str) {
        let line = format!("{line}\r\n");
        self.stream.write_all(line.as_bytes()).await.unwrap();
    }

    /// The next line, without its end; empty at the end of the stream.
    pub async fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }

    /// The next lines must be these; that the server asks for a sign of life in between is no
    /// matter.
    pub async fn expect(&mut self, lines: &[&str]) {
        for expected in lines {
            let mut line = self.line().await;
            while line == "PING" && *expected != "PING" {
                line = self.line().await;
            }
            assert_eq!(line, *expected);
        }
    }

    pub async fn barrier(&mut self) {
        self.type_line("PING").await;
        self.expect(&["PONG"]).await;
    }

    pub async fn until_end(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.unwrap();
        rest
    }
}
