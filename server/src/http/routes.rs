//! Which page stands under which path.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::any;
use parking_lot::RwLock;
use tokio::sync::Semaphore;

use super::events::Feed;
use super::gate::Gate;
use super::pages::{self, PAGES};
use super::views;
use crate::monitor::Monitor;

/// How many pages are put together at a time: one that is large must not hold up all others, and
/// many must not take the machine from the messages.
const BUILDERS_MAX: usize = 2;

/// What all requests share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) monitor: Arc<Monitor>,
    pub(super) builders: Arc<Semaphore>,
    pub(super) feed: Feed,
    gate: Arc<RwLock<Arc<Gate>>>,
}

impl Shared {
    pub(super) fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate.read())
    }
}

pub(super) fn router(
    monitor: Arc<Monitor>,
    feed: Feed,
    gate: Arc<RwLock<Arc<Gate>>>,
    base_path: &str,
) -> Router {
    let base = base_path.trim_end_matches('/');
    let shared = Shared {
        monitor,
        builders: Arc::new(Semaphore::new(BUILDERS_MAX)),
        feed,
        gate,
    };
    let mut router = Router::new()
        .route(&format!("{base}/"), any(index))
        .route(&format!("{base}/metrics"), any(pages::metrics))
        .merge(views::router(base, shared.clone()));
    if !base.is_empty() {
        router = router.route(base, any(index));
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

/// The first page sends a person to the dashboard, and lists what there is.
async fn index(State(shared): State<Shared>) -> Response {
    shared.monitor.count_request("/");
    Html(INDEX).into_response()
}

/// What the reference server says where it stores nothing.
async fn no_raft() -> Response {
    pages::not_found("No Raft nodes registered")
}

async fn not_found() -> Response {
    pages::not_found("404 page not found\n")
}

const INDEX: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>dunlin</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.6 system-ui, sans-serif; margin: 2rem }
a { display: block }
</style>
</head>
<body>
<h1>dunlin</h1>
<a href="dashboard">dashboard: all of it, live</a>
<a href="varz">varz: the server at one glance</a>
<a href="connz">connz: connections</a>
<a href="subsz">subsz: subscriptions and routing</a>
<a href="slowz">slowz: who reads too slowly</a>
<a href="metrics">metrics: for Prometheus</a>
<a href="accountz">accountz: accounts</a>
<a href="accstatz">accstatz: what accounts did</a>
<a href="healthz">healthz: whether connections are taken</a>
<a href="routez">routez</a>
<a href="gatewayz">gatewayz</a>
<a href="leafz">leafz</a>
<a href="jsz">jsz</a>
</body>
</html>
"#;
