//! The dashboard: one page, and what it asks for.
//!
//! The page is one file without resources from elsewhere; it shows what these paths tell, which
//! anybody else may ask as well. Whatever changes something asks for a header that no foreign page
//! can send without leave.

use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Extension, body::Body};

use super::answers::{json, text};
use super::control;
use super::gate::{Visitor, refuse_foreign_name};
use super::shared::Shared;
use super::tap;
use super::unhurried::unhurried;
use crate::monitor::{Query, compact};

/// The page.
const PAGE: &str = include_str!("dashboard.html");
/// What a request that changes something must carry.
const INTENT: &str = "x-dunlin";
/// What the page may load and run: only what stands in it, and only from here.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn router(base: &str) -> Router<Shared> {
    let at = |path: &str| format!("{base}/dashboard{path}");
    Router::new()
        .route(&at(""), any(page))
        .route(&at("/events"), get(now))
        .route(&at("/history"), get(history))
        .route(&at("/connections"), get(connections))
        .route(&at("/subjects"), get(subjects))
        .route(&at("/tap"), get(taps))
        .route(&at("/kick"), post(control::kick))
        .route(&at("/reload"), post(control::reload))
        .route(&at("/lame-duck"), post(control::lame_duck))
        .route(&at("/traffic"), post(control::traffic))
        .layer(middleware::from_fn(guard))
}

/// Turns away what a foreign page could have sent.
async fn guard(request: Request, next: Next) -> Response {
    if let Some(refusal) = refuse_foreign_name(&request) {
        return refusal;
    }
    let is_change = request.method() != Method::GET && request.method() != Method::HEAD;
    if is_change && !request.headers().contains_key(INTENT) {
        let why = format!("a request that changes something carries the header {INTENT}");
        return text(StatusCode::FORBIDDEN, why);
    }
    next.run(request).await
}

pub(super) async fn page() -> Response {
    let mut response = Html(PAGE).into_response();
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static(POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

async fn now(State(shared): State<Shared>) -> Response {
    match shared.feed.place() {
        Ok(place) => shared.feed.stream(place),
        Err(refusal) => *refusal,
    }
}

async fn history(State(shared): State<Shared>) -> Response {
    json(StatusCode::OK, compact(&shared.monitor.history()))
}

async fn connections(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    made(shared, query, |monitor, query, now| {
        Ok(compact(&monitor.connection_rows(query, now)?))
    })
    .await
}

async fn subjects(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    made(shared, query, |monitor, query, now| {
        Ok(compact(&monitor.tree(query, now)))
    })
    .await
}

/// Puts an answer together where it holds nobody up.
async fn made(
    shared: Shared,
    query: Option<String>,
    make: fn(&crate::monitor::Monitor, &Query<'_>, std::time::Instant) -> Result<Vec<u8>, String>,
) -> Response {
    let now = tokio::time::Instant::now().into_std();
    // The semaphore is never closed.
    let _turn = shared.builders.acquire().await;
    let monitor = shared.monitor.clone();
    let work = move || make(&monitor, &Query::new(&query.unwrap_or_default()), now);
    match unhurried(work).await {
        Some(Ok(bytes)) => json(StatusCode::OK, bytes),
        Some(Err(error)) => text(StatusCode::BAD_REQUEST, error),
        None => Response::new(Body::empty()),
    }
}

async fn taps(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let query = Query::new(&query);
    match shared.feed.place() {
        Ok(place) => tap::open(&shared.monitor, &visitor, query.text("filter"), place),
        Err(refusal) => *refusal,
    }
}
