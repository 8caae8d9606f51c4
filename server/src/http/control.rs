//! What may be done to the server from here: kick, reload, lame duck, watch traffic.
//!
//! Always by POST, with a header that no foreign page can send without leave, and by somebody who
//! may publish to the subject that does the same on a system account. What only the program can do
//! is handed to it as a [`Request`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::gate::Visitor;
use super::pages::{json, text};
use super::routes::Shared;
use crate::monitor::{Query, compact};

/// How many requests may wait for the program.
const WAITING_MAX: usize = 4;
/// How long a visitor waits for what the program makes of its wish.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a visitor of the monitoring port asks of whoever runs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wish {
    /// To read the configuration again.
    Reload,
    /// To let the clients go, and stop: [`Server::lame_duck`](crate::Server::lame_duck).
    LameDuck,
}

/// A wish, and how to answer it. Dropped without an answer, the visitor is told that nobody obeyed.
#[derive(Debug)]
pub struct Request {
    wish: Wish,
    answer: oneshot::Sender<Result<String, String>>,
}

impl Request {
    /// What is wished.
    pub fn wish(&self) -> Wish {
        self.wish
    }

    /// Tells the visitor, in a sentence, what has been done, or why it was not.
    pub fn answer(self, result: Result<String, String>) {
        let _ = self.answer.send(result); // Whoever asked may be gone.
    }
}

/// Hands wishes to whoever runs the server.
#[derive(Clone)]
pub(super) struct Wishes {
    sender: mpsc::Sender<Request>,
    /// Whether anybody has ever waited for a wish.
    is_heard: Arc<AtomicBool>,
}

/// Where wishes come out.
pub(super) struct Wished {
    receiver: Mutex<mpsc::Receiver<Request>>,
    is_heard: Arc<AtomicBool>,
}

pub(super) fn wishes() -> (Wishes, Wished) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let is_heard = Arc::<AtomicBool>::default();
    let wished = Wished {
        receiver: Mutex::new(receiver),
        is_heard: Arc::clone(&is_heard),
    };
    (Wishes { sender, is_heard }, wished)
}

impl Wished {
    /// The next one; none once nobody is served.
    pub(super) async fn next(&self) -> Option<Request> {
        self.is_heard.store(true, Ordering::Relaxed);
        self.receiver.lock().await.recv().await
    }
}

impl Wishes {
    /// Asks, and waits for the answer.
    async fn ask(&self, wish: Wish) -> Response {
        let (answer, answered) = oneshot::channel();
        let nobody = || {
            let why = "whoever runs this server does not do so on request";
            text(StatusCode::NOT_IMPLEMENTED, why.to_owned())
        };
        let is_heard = self.is_heard.load(Ordering::Relaxed);
        if !is_heard || self.sender.try_send(Request { wish, answer }).is_err() {
            return nobody();
        }
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(Ok(done))) => json(StatusCode::OK, compact(&json!({ "done": done }))),
            Ok(Ok(Err(why))) => text(StatusCode::CONFLICT, why),
            Ok(Err(_)) | Err(_) => nobody(),
        }
    }
}

pub(super) async fn reload(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    match leave(&shared, &visitor, "RELOAD") {
        Ok(()) => shared.wishes.ask(Wish::Reload).await,
        Err(refusal) => *refusal,
    }
}

pub(super) async fn lame_duck(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    match leave(&shared, &visitor, "LDM") {
        Ok(()) => shared.wishes.ask(Wish::LameDuck).await,
        Err(refusal) => *refusal,
    }
}

/// Closes connections: one by its number, or all of a name or a user.
pub(super) async fn kick(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    if let Err(refusal) = leave(&shared, &visitor, "KICK") {
        return *refusal;
    }
    let query = query.unwrap_or_default();
    let query = Query::new(&query);
    let kicked = query.uint64("cid").and_then(|cid| {
        let (name, user) = (query.text("name"), query.text("user"));
        shared.monitor.kick(cid, name, user)
    });
    match kicked {
        Ok(count) => json(StatusCode::OK, compact(&json!({ "kicked": count }))),
        Err(error) => text(StatusCode::BAD_REQUEST, error),
    }
}

/// Counts what flows, or stops: `on=1`, `on=0`.
pub(super) async fn traffic(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    if let Err(refusal) = leave(&shared, &visitor, "TRAFFIC") {
        return *refusal;
    }
    let query = query.unwrap_or_default();
    match Query::new(&query).switch("on") {
        Ok(is_on) => {
            let now = tokio::time::Instant::now().into_std();
            shared.monitor.watch_traffic(is_on, now);
            json(StatusCode::OK, compact(&json!({ "is_on": is_on })))
        }
        Err(error) => text(StatusCode::BAD_REQUEST, error),
    }
}

/// Whether `visitor` may do what is called `name`.
fn leave(shared: &Shared, visitor: &Visitor, name: &str) -> Result<(), Box<Response>> {
    let id = &shared.monitor.facts().server_id;
    let allowed = visitor.may_control(&format!("$SYS.REQ.SERVER.{id}.{name}"));
    allowed.map_err(|why| Box::new(text(StatusCode::FORBIDDEN, why)))
}
