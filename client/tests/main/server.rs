//! A real server for a test: started on a free port, stopped when dropped.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dunlin::{Client, ConnectOptions, Message, Subscriber};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    kind: Kind,
}

enum Kind {
    Embedded(dunlin_server::Server),
    Program(Program),
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_on(free_addr()).await
    }

    pub(crate) async fn start_on(addr: SocketAddr) -> Self {
        let kind = match std::env::var("DUNLIN_NATS_SERVER") {
            Ok(program) => {
                let mut command = Command::new(program);
                command.args(["-a", "127.0.0.1", "-p", &addr.port().to_string()]);
                let process = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn();
                Kind::Program(Program(
                    process.expect("the server's program can be started"),
                ))
            }
            Err(_) => {
                let server = dunlin_server::Server::builder()
                    .host("127.0.0.1")
                    .port(addr.port());
                Kind::Embedded(server.start().await.unwrap())
            }
        };
        let server = Self { addr, kind };
        server.wait().await;
        server
    }

    pub(crate) async fn connect(&self) -> Client {
        self.connect_as(ConnectOptions::new()).await
    }

    pub(crate) async fn connect_as(&self, options: ConnectOptions) -> Client {
        options.connect(self.addr).await.unwrap()
    }

    /// Stops it; returns where another one can be started.
    pub(crate) async fn stop(self) -> SocketAddr {
        match self.kind {
            Kind::Embedded(server) => server.shutdown().await,
            Kind::Program(program) => drop(program),
        }
        self.addr
    }

    /// Returns when it says INFO.
    async fn wait(&self) {
        let is_up = async {
            loop {
                if let Ok(mut stream) = TcpStream::connect(self.addr).await
                    && stream.read_u8().await.is_ok_and(|byte| byte == b'I')
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, is_up)
            .await
            .expect("the server comes up");
    }
}

/// A process that is ended when dropped; the embedded server does so by itself.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address that nobody listens on.
pub(crate) fn free_addr() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

/// The next message, which must come.
#[track_caller]
pub(crate) fn next(subscriber: &mut Subscriber) -> impl Future<Output = Message> {
    let place = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(PATIENCE, subscriber.next()).await {
            Ok(Some(message)) => message,
            Ok(None) => panic!("{place}: the stream has ended"),
            Err(_) => panic!("{place}: no message came"),
        }
    }
}

/// The payloads of all messages that are there, as text.
pub(crate) fn texts(subscriber: &mut Subscriber) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(message) = subscriber.try_next() {
        texts.push(text(&message));
    }
    texts
}

pub(crate) fn text(message: &Message) -> String {
    String::from_utf8_lossy(&message.payload).into_owned()
}
