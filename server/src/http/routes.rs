//! Which page stands under which path.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::any;
use tokio::sync::Semaphore;

use super::pages::{self, PAGES};
use super::root;
use crate::monitor::Monitor;

/// How many pages are put together at a time: one that is large must not hold up all others, and
/// many must not take the machine from the messages.
const BUILDERS_MAX: usize = 2;

/// What all requests share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) monitor: Arc<Monitor>,
    pub(super) builders: Arc<Semaphore>,
}

pub(super) fn router(monitor: Arc<Monitor>, base_path: &str) -> Router {
    let base = base_path.trim_end_matches('/');
    let shared = Shared {
        monitor,
        builders: Arc::new(Semaphore::new(BUILDERS_MAX)),
    };
    let mut router = Router::new().route(&format!("{base}/"), any(root::index));
    if !base.is_empty() {
        router = router.route(base, any(root::index));
    }
    for page in PAGES {
        // Tools may POST as well as GET, as they may there.
        let handler = move |State(shared): State<Shared>, RawQuery(query): RawQuery| async move {
            pages::answer(shared, page, query.unwrap_or_default()).await
        };
        router = router.route(&format!("{base}{}", page.path), any(handler));
    }
    router = router.route(&format!("{base}/raftz"), any(no_raft));
    router.fallback(not_found).with_state(shared)
}

/// What the reference server says where it stores nothing.
async fn no_raft() -> Response {
    pages::not_found("No Raft nodes registered")
}

async fn not_found() -> Response {
    pages::not_found("404 page not found\n")
}
