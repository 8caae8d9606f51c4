//! The monitoring port: HTTP on top of `monitor/`.
//!
//! In: a bound socket, and the monitor. Out: pages. It shares no task, no lock and no buffer with
//! the message path: a page is put together on a thread that gives way to all others, two at a time,
//! and written in turns with messages; who reads it slowly, or opens connections without end, is
//! bounded here.

mod answers;
mod control;
mod events;
mod gate;
mod options;
mod pages;
mod patience;
mod routes;
mod secure;
mod shared;
mod tap;
mod unhurried;
mod views;
mod wishes;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::RwLock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tower_service::Service as _;

use crate::monitor::Monitor;
use events::Feed;
use gate::From;
pub(crate) use gate::Gate;
pub use options::MonitorOptions;
use patience::Patient;
pub(crate) use secure::Keys;
pub use wishes::{Request, Wish};

/// The most connections at a time; one more waits until another goes. A guess: tools open one or
/// two each.
const CONNECTIONS_MAX: usize = 512;
/// How long a request may take to arrive, and how long a quiet connection is kept for the next.
const REQUEST_MAX: Duration = Duration::from_secs(30);
/// The longest head of a request, in bytes.
const HEAD_MAX: usize = 16 * 1024;
/// The pause after a failed accept, which is most often for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long what is being answered may take once the server stops.
const ENDING_MAX: Duration = Duration::from_millis(500);

/// A monitoring port that is served until it is stopped or dropped.
pub(crate) struct Serving {
    stop: watch::Sender<bool>,
    gone: mpsc::Receiver<Infallible>,
    gate: Arc<RwLock<Arc<Gate>>>,
    wished: wishes::Wished,
}

/// Held by every task; when the last one is dropped, nobody is served any more.
type Alive = mpsc::Sender<Infallible>;

/// Serves `monitor` on `socket`, below `base_path`, on the runtime of the caller; encrypted where
/// there are `keys`.
pub(crate) fn serve(
    socket: TcpListener,
    keys: Option<Keys>,
    monitor: Arc<Monitor>,
    gate: Gate,
    base_path: &str,
) -> Serving {
    let (stop, stopped) = watch::channel(false);
    let (alive, gone) = mpsc::channel(1);
    let feed = Feed::start(Arc::clone(&monitor), stopped.clone(), alive.clone());
    let gate = Arc::new(RwLock::new(Arc::new(gate)));
    let (wishes, wished) = wishes::wishes();
    let router = routes::router(monitor, feed, Arc::clone(&gate), wishes, base_path);
    tokio::spawn(accept(socket, keys, router, stopped, alive));
    Serving {
        stop,
        gone,
        gate,
        wished,
    }
}

impl Serving {
    /// Lets others through from now on.
    pub(crate) fn set_gate(&self, gate: Gate) {
        *self.gate.write() = Arc::new(gate);
    }

    /// The next thing that a visitor asks of whoever runs the server; none once nobody is served.
    pub(crate) async fn wish(&self) -> Option<Request> {
        self.wished.next().await
    }

    /// Accepts nobody any more, and ends what is open soon.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Resolves when no task is left.
    pub(crate) async fn wait(&mut self) {
        // Nobody ever sends: the only thing to come is the end.
        self.gone.recv().await;
    }
}

async fn accept(
    socket: TcpListener,
    keys: Option<Keys>,
    router: axum::Router,
    mut stopped: watch::Receiver<bool>,
    alive: Alive,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            _ = stopped.wait_for(|is_stopped| *is_stopped) => return,
            accepted = next(&socket, &places) => accepted,
        };
        let Some((stream, place)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (router, stopped, alive) = (router.clone(), stopped.clone(), alive.clone());
        let keys = keys.clone();
        // Without a word of where it comes from, from elsewhere.
        let from = stream
            .peer_addr()
            .map_or_else(|_| From::default(), From::new);
        tokio::spawn(async move {
            match keys {
                None => converse(Patient::new(stream), from, router, stopped).await,
                Some(keys) => {
                    if let Some(stream) = keys.encrypt(stream).await {
                        converse(stream, from, router, stopped).await;
                    }
                }
            }
            drop((place, alive));
        });
    }
}

/// The next connection, once there is a place for it; none if it could not be accepted.
async fn next(
    socket: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    let (stream, _) = socket.accept().await.ok()?;
    Some((stream, place))
}

/// Serves one connection until it ends, or the server stops.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    from: From,
    router: axum::Router,
    mut stopped: watch::Receiver<bool>,
) {
    let io = TokioIo::new(stream);
    let service = hyper::service::service_fn(move |mut request| {
        let parts: &mut axum::http::Request<Incoming> = &mut request;
        parts.extensions_mut().insert(from);
        router.clone().call(request)
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_MAX)
            .max_buf_size(HEAD_MAX)
            .serve_connection(io, service)
    );
    // How a connection of a stranger ends concerns nobody.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|is_stopped| *is_stopped) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(ENDING_MAX, connection).await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::time::Instant;

    use super::*;

    const PAGE_LEN: usize = 1024 * 1024;
    /// What a visitor has on its side without having taken it.
    const ROOM: usize = 4 * 1024;

    /// A visitor who has asked for a page, and how long it is served. No socket is in it, so that
    /// the stopped clock moves whenever nobody can go on.
    async fn visit(visitor: impl AsyncFnOnce(DuplexStream)) -> Duration {
        let (near, mut far) = tokio::io::duplex(ROOM);
        let router = axum::Router::new().route("/", get(async || "x".repeat(PAGE_LEN)));
        let (_stop, stopped) = watch::channel(false);
        let begun = Instant::now();
        let serving = async {
            converse(Patient::new(near), From::default(), router, stopped).await;
            begun.elapsed()
        };
        let asking = async {
            let question = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            far.write_all(question).await.expect("it is asked");
            visitor(far).await;
        };
        tokio::join!(serving, asking).0
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_and_takes_nothing_is_given_up_after_15_seconds() {
        let took = visit(async |mut far| {
            tokio::time::sleep(Duration::from_secs(60)).await;
            let mut left = Vec::new();
            let _ = far.read_to_end(&mut left).await.expect("it is over");
            assert!(left.len() <= ROOM, "{} bytes were sent", left.len());
        })
        .await;
        assert!((15_000..15_010).contains(&took.as_millis()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_little_every_14_seconds_gets_the_page() {
        let took = visit(async |mut far| {
            let (mut read, mut piece) = (0, vec![0; PAGE_LEN / 4]);
            while let len @ 1.. = far.read(&mut piece).await.expect("it goes on") {
                read += len;
                tokio::time::sleep(Duration::from_secs(14)).await;
            }
            assert!(read > PAGE_LEN, "{read} bytes were sent");
        })
        .await;
        assert!(took > Duration::from_secs(60), "{took:?}");
    }
}
