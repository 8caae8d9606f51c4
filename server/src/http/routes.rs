//! Which page stands under which path.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use parking_lot::RwLock;

use super::answers;
use super::events::Feed;
use super::gate::{From, Gate, refuse_foreign_name};
use super::pages::{self, PAGES, Page};
use super::shared::Shared;
use super::views;
use super::wishes::Wishes;
use crate::monitor::Monitor;

/// The page that everybody may ask, whoever may ask the others.
const HEALTH: &str = "/healthz";

pub(super) fn router(
    monitor: Arc<Monitor>,
    feed: Feed,
    gate: Arc<RwLock<Arc<Gate>>>,
    wishes: Wishes,
    base_path: &str,
) -> Router {
    let base = base_path.trim_end_matches('/');
    let shared = Shared::new(monitor, feed, gate, wishes);
    let mut router = Router::new()
        .route(&format!("{base}/"), any(index))
        .route(&format!("{base}/metrics"), any(pages::metrics))
        .merge(views::router(base));
    if !base.is_empty() {
        router = router.route(base, any(index));
    }
    for page in PAGES.into_iter().filter(|page| page.path != HEALTH) {
        // Tools may POST as well as GET, as they may there.
        router = router.route(&format!("{base}{}", page.path), answering(page));
    }
    router = router.route(&format!("{base}/raftz"), any(no_raft));
    router = router.layer(middleware::from_fn_with_state(shared.clone(), admit));
    // Whoever looks after the machine asks this, and learns nothing by it.
    let health = PAGES.iter().find(|page| page.path == HEALTH);
    if let Some(page) = health {
        router = router.route(&format!("{base}{HEALTH}"), answering(*page));
    }
    router.fallback(not_found).with_state(shared)
}

/// What answers with `page`.
fn answering(page: Page) -> MethodRouter<Shared> {
    any(
        move |State(shared): State<Shared>, RawQuery(query): RawQuery| async move {
            pages::answer(shared, page, query.unwrap_or_default()).await
        },
    )
}

/// Lets through who may be here, and remembers who it is.
async fn admit(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    // Without a word of where it comes from, from elsewhere.
    let from = request.extensions().get::<From>().copied();
    let gate = shared.gate();
    match gate
        .admit(from.unwrap_or_default(), request.headers())
        .await
    {
        Ok(visitor) => {
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        Err(refusal) => refusal,
    }
}

/// What comes first: for a browser the dashboard, for others what there is.
async fn index(State(shared): State<Shared>, request: Request) -> Response {
    shared.monitor.count_request("/");
    let accepted = request.headers().get(header::ACCEPT);
    let accepted = accepted.and_then(|accepted| accepted.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.contains("text/html")) {
        return match refuse_foreign_name(&request) {
            Some(_) => Html(INDEX).into_response(),
            None => views::page().await,
        };
    }
    Html(INDEX).into_response()
}

/// What the reference server says where it stores nothing.
async fn no_raft() -> Response {
    answers::not_found("No Raft nodes registered")
}

async fn not_found() -> Response {
    answers::not_found("404 page not found\n")
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
<a href="trafficz">trafficz: what flows</a>
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
