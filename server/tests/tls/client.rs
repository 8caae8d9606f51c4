//! A client by hand: lines over a stream that can be encrypted when it is time.

use std::sync::Arc;
use std::time::Duration;

use dunlin_server::{Server, Statistics, TlsOptions};
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::certificates::{Authority, Pair};

/// How long a test waits for what must come; far above what it takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a client knows before it connects.
#[derive(Clone)]
pub(crate) struct Knows {
    roots: String,
    shown: Option<Pair>,
    is_tls12: bool,
    name: &'static str,
}

impl Knows {
    pub(crate) fn of(authority: &Authority) -> Self {
        Self {
            roots: authority.pem(),
            shown: None,
            is_tls12: false,
            name: "localhost",
        }
    }

    pub(crate) fn showing(mut self, pair: &Pair) -> Self {
        self.shown = Some(pair.clone());
        self
    }

    pub(crate) fn only_tls12(mut self) -> Self {
        self.is_tls12 = true;
        self
    }

    pub(crate) fn asking_for(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(self.roots.as_bytes()) {
            roots.add(root.unwrap()).unwrap();
        }
        let versions = match self.is_tls12 {
            true => &[&TLS12][..],
            false => &[&TLS13, &TLS12],
        };
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(versions).unwrap();
        let builder = builder.with_root_certificates(roots);
        Arc::new(match &self.shown {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = CertificateDer::pem_slice_iter(pair.cert.as_bytes());
                let chain = chain.collect::<Result<_, _>>().unwrap();
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        })
    }

    pub(crate) fn server_name(&self) -> ServerName<'static> {
        ServerName::try_from(self.name).unwrap()
    }

    /// Encrypts `stream`.
    pub(crate) async fn encrypt<S>(&self, stream: S) -> std::io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let connector = TlsConnector::from(self.config());
        soon(connector.connect(self.server_name(), stream)).await
    }

    /// Connects, reads INFO, encrypts, and asks for a sign of life.
    pub(crate) async fn connect(&self, server: &Server) -> Typist<TlsStream<TcpStream>> {
        let mut typist = dial(server).await;
        assert!(typist.line().await.starts_with("INFO {"));
        let mut typist = Typist::over(self.encrypt(typist.into_stream()).await.unwrap());
        typist
            .type_lines("CONNECT {\"verbose\":false,\"protocol\":1}\r\nPING\r\n")
            .await;
        typist.expect("PONG").await;
        assert!(typist.line().await.contains("\"tls_required\":true"));
        typist
    }
}

/// Options of a server that shows a certificate for this machine.
pub(crate) fn options(authority: &Authority) -> TlsOptions {
    let pair = authority.server(&["localhost"]);
    TlsOptions::new().cert_pem(pair.cert, pair.key)
}

pub(crate) async fn start(tls: TlsOptions) -> Server {
    Server::builder().port(0).tls(tls).start().await.unwrap()
}

pub(crate) async fn dial(server: &Server) -> Typist<TcpStream> {
    Typist::over(TcpStream::connect(server.addr()).await.unwrap())
}

/// Waits for what must come soon.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(PATIENCE, work).await;
    result.expect("it should have come by now")
}

/// Waits until the server has counted what it must.
pub(crate) async fn until(server: &Server, holds: impl Fn(&Statistics) -> bool) {
    soon(async {
        while !holds(&server.statistics()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// What is logged in this thread, which is where a test's server runs, while it is kept.
pub(crate) struct Log {
    text: Arc<Mutex<Vec<u8>>>,
    _guard: tracing::subscriber::DefaultGuard,
}

impl Log {
    pub(crate) fn keep() -> Self {
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let writer = Arc::clone(&text);
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || Shared(Arc::clone(&writer)))
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        Self { text, _guard }
    }

    pub(crate) async fn until(&self, wanted: &str) {
        soon(async {
            while !String::from_utf8_lossy(&self.text.lock()).contains(wanted) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
}

struct Shared(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A person with a stream of bytes.
pub(crate) struct Typist<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Typist<S> {
    pub(crate) fn over(stream: S) -> Self {
        let stream = BufReader::new(stream);
        Self { stream }
    }

    /// The stream; nothing of it has been read ahead.
    pub(crate) fn into_stream(self) -> S {
        assert!(self.stream.buffer().is_empty());
        self.stream.into_inner()
    }

    pub(crate) fn stream(&self) -> &S {
        self.stream.get_ref()
    }

    pub(crate) async fn type_lines(&mut self, lines: &str) {
        self.stream.write_all(lines.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next line, without its end; empty at the end of the stream.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        soon(self.stream.read_line(&mut line)).await.unwrap();
        line.trim_end().to_owned()
    }

    /// The next line must be this; that the server asks for a sign of life in between is no matter.
    pub(crate) async fn expect(&mut self, expected: &str) {
        let mut line = self.line().await;
        if line == "PING" && expected != "PING" {
            line = self.line().await;
        }
        assert_eq!(line, expected);
    }

    /// Everything until the end of the stream, however it ends.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = soon(self.stream.read_to_end(&mut rest)).await;
        rest
    }
}
