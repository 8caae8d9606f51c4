//! A real server for a test: started on a free port, stopped when dropped.
//!
//! Which one is settled by the test target: `main` has dunlin's own, embedded, or as a program where
//! a configuration file is wanted; `nats` the program that `DUNLIN_NATS_SERVER` names (dunlin's own
//! where nothing is named, which CI does not allow).

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use dunlin::{Client, ConnectOptions, Message, Subscriber};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::IS_REFERENCE;

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    kind: Kind,
    _config: Option<tempfile::TempDir>, // As long as the server may read it.
}

enum Kind {
    Embedded(Box<dunlin_server::Server>),
    Program(Program),
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_on(free_addr()).await
    }

    pub(crate) async fn start_on(addr: SocketAddr) -> Self {
        Self::start_as(reference(), addr).await
    }

    /// One that [`Server::stop`] kills without a word; an embedded one, which takes its leave, only
    /// where the program is not there.
    pub(crate) async fn start_to_kill(addr: SocketAddr) -> Self {
        Self::start_as(reference().or_else(ours), addr).await
    }

    async fn start_as(program: Option<String>, addr: SocketAddr) -> Self {
        let kind = match program {
            Some(program) => {
                let mut command = Command::new(program);
                command.args(["-a", "127.0.0.1", "-p", &addr.port().to_string()]);
                Kind::Program(Program::start(command))
            }
            None => {
                let server = dunlin_server::Server::builder()
                    .host("127.0.0.1")
                    .port(addr.port());
                Kind::Embedded(Box::new(server.start().await.unwrap()))
            }
        };
        let server = Self {
            addr,
            kind,
            _config: None,
        };
        server.wait().await;
        server
    }

    /// A server with a configuration file, which need not say where to listen; none where the
    /// program is not there.
    pub(crate) async fn configured(config: &str) -> Option<Self> {
        Some(Self::of_program(reference().or_else(ours)?, config).await)
    }

    /// The same, but nats-server alone: for what dunlin's server has not.
    pub(crate) async fn only_reference(config: &str) -> Option<Self> {
        Some(Self::of_program(reference()?, config).await)
    }

    async fn of_program(program: String, config: &str) -> Self {
        let addr = free_addr();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.conf");
        std::fs::write(&path, format!("listen: \"{addr}\"\n{config}")).unwrap();
        let mut command = Command::new(program);
        command.arg("-c").arg(path);
        let server = Self {
            addr,
            kind: Kind::Program(Program::start(command)),
            _config: Some(folder),
        };
        server.listens().await;
        server
    }

    pub(crate) async fn connect(&self) -> Client {
        self.connect_as(ConnectOptions::new()).await
    }

    pub(crate) async fn connect_as(&self, options: ConnectOptions) -> Client {
        options.connect(self.addr).await.unwrap()
    }

    /// Stops it, a program by SIGKILL; returns where another one can be started.
    pub(crate) async fn stop(self) -> SocketAddr {
        match self.kind {
            Kind::Embedded(server) => server.shutdown().await,
            Kind::Program(program) => drop(program),
        }
        self.addr
    }

    /// Tells it that it is about to go; false if this one cannot be told.
    pub(crate) fn lame_duck(&self) -> bool {
        let Kind::Program(program) = &self.kind else {
            return false;
        };
        let pid = program.0.id().to_string();
        let told = Command::new("kill").args(["-USR2", &pid]).status();
        told.unwrap().success()
    }

    /// Returns when it says INFO.
    async fn wait(&self) {
        let mut stream = self.listens().await;
        let said = tokio::time::timeout(PATIENCE, stream.read_u8()).await;
        assert!(said.is_ok_and(|said| said.is_ok_and(|byte| byte == b'I')));
    }

    /// Returns when connections are taken.
    async fn listens(&self) -> TcpStream {
        let is_up = async {
            loop {
                if let Ok(stream) = TcpStream::connect(self.addr).await {
                    return stream;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let up = tokio::time::timeout(PATIENCE, is_up).await;
        up.expect("the server comes up")
    }
}

/// Dunlin's own program, where cargo has put it beside the tests: it builds it for those of the
/// server, and so whenever the whole workspace is tested, which is what CI does.
fn ours() -> Option<String> {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent()?.parent()?.join("dunlin-server");
    if !program.exists() {
        let is_ci = std::env::var_os("CI").is_some();
        assert!(!is_ci, "{} must be built in CI", program.display());
        eprintln!("{} is not built", program.display());
        return None;
    }
    Some(program.to_string_lossy().into_owned())
}

/// The program to test against, if this target is for it.
fn reference() -> Option<String> {
    let program = std::env::var("DUNLIN_NATS_SERVER").ok();
    let is_missing = IS_REFERENCE && program.is_none();
    assert!(
        !is_missing || std::env::var_os("CI").is_none(),
        "DUNLIN_NATS_SERVER must name a nats-server in CI"
    );
    program.filter(|_| IS_REFERENCE)
}

/// A process that is ended when dropped; the embedded server does so by itself.
struct Program(Child);

impl Program {
    fn start(mut command: Command) -> Self {
        let process = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn();
        Self(process.expect("the server's program can be started"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address that nobody listens on.
pub(crate) fn free_addr() -> SocketAddr {
    /// Below what the system hands out by itself: nobody who asks for any port takes this one
    /// before its server has it.
    const PORTS: Range<u16> = 15_000..32_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() as u16;
    loop {
        let step = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + step % (PORTS.end - PORTS.start);
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return listener.local_addr().unwrap();
        }
    }
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
