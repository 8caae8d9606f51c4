//! A server that says what a test tells it to, line by line.

use std::net::SocketAddr;

use dunlin::{Client, ConnectOptions};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::server::PATIENCE;

pub(crate) struct Scripted {
    listener: TcpListener,
    pub(crate) addr: SocketAddr,
}

/// One connection, seen from the server.
pub(crate) struct Peer {
    stream: BufReader<TcpStream>,
}

impl Scripted {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        Self { listener, addr }
    }

    /// The next connection, of which nothing is read or said yet.
    pub(crate) async fn accept(&self) -> Peer {
        let accepted = timeout(PATIENCE, self.listener.accept()).await;
        let (stream, _) = accepted.expect("a client comes").unwrap();
        Peer {
            stream: BufReader::new(stream),
        }
    }

    /// The next connection, its handshake done.
    pub(crate) async fn admit(&self) -> Peer {
        let mut peer = self.accept().await;
        peer.shake_hands(INFO).await;
        peer
    }

    /// A client and the server's end of its connection.
    pub(crate) async fn connect(&self, options: ConnectOptions) -> (Client, Peer) {
        let (client, peer) = tokio::join!(options.connect(self.addr), self.admit());
        (client.unwrap(), peer)
    }
}

impl Peer {
    pub(crate) async fn shake_hands(&mut self, info: &str) {
        self.say(info).await;
        let connect = self.line().await;
        assert!(connect.starts_with("CONNECT {"), "{connect}");
        self.expect("PING").await;
        self.say("PONG\r\n").await;
    }

    pub(crate) async fn say(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).await.unwrap();
    }

    /// Says as much as the client takes.
    pub(crate) async fn try_say(&mut self, text: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(text.as_ref()).await.is_ok()
    }

    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = timeout(PATIENCE, self.stream.read_line(&mut line)).await;
        read.expect("the client says something").unwrap();
        line.trim_end().to_owned()
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &str) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move { assert_eq!(self.line().await, expected, "{place}") }
    }

    /// Returns when the client has closed the connection.
    pub(crate) async fn hung_up(mut self) {
        let mut rest = Vec::new();
        // A client that closes with our bytes unread resets the connection: that counts as well.
        let end = timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await;
        let _ = end.expect("the client hangs up");
    }
}

pub(crate) const INFO: &str = "INFO {\"server_id\":\"SCRIPT\",\"version\":\"2.15.2\",\"headers\":true,\"max_payload\":1024} \r\n";
