//! What only the program can do, asked of it by a visitor, and its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::answers::{json, text};
use crate::monitor::compact;

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
    pub(super) async fn ask(&self, wish: Wish) -> Response {
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
