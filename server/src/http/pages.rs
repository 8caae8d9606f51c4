//! The pages that the reference server has, under the same paths, as the same JSON.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::answers::{json, text};
use super::shared::Shared;
use super::unhurried::unhurried;
use crate::monitor::{Connz, Monitor, Query, compact, pretty};

/// What the page for Prometheus is.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A page of JSON.
#[derive(Clone, Copy)]
pub(super) struct Page {
    pub(super) path: &'static str,
    /// Under which path its requests are counted.
    counted: &'static str,
    make: fn(&Monitor, &Query<'_>, std::time::Instant) -> Made,
}

/// The bytes of a page with its status, or what is wrong with the request.
type Made = Result<(StatusCode, Vec<u8>), String>;

pub(super) const PAGES: [Page; 16] = [
    page("/varz", |monitor, _, now| ok(pretty(&monitor.varz(now)))),
    page("/connz", |monitor, query, now| {
        let options = Connz::options(query)?;
        ok(pretty(&monitor.connz(&options, now)))
    }),
    page("/slowz", |monitor, query, now| {
        ok(pretty(&monitor.slowz(query, now)?))
    }),
    page("/trafficz", |monitor, query, now| {
        ok(pretty(&monitor.trafficz(query, now)?))
    }),
    page("/subsz", subsz),
    Page {
        path: "/subscriptionsz",
        counted: "/subsz",
        make: subsz,
    },
    page("/routez", |monitor, query, now| {
        if query.text("subs") != "detail" {
            query.switch("subs")?;
        }
        ok(pretty(&monitor.routez(now)))
    }),
    page("/gatewayz", |monitor, _, now| {
        ok(pretty(&monitor.gatewayz(now)))
    }),
    page("/leafz", |monitor, query, now| {
        query.switch("subs")?;
        ok(pretty(&monitor.leafz(now)))
    }),
    page("/accountz", |monitor, query, now| {
        ok(pretty(&monitor.accountz(query, now)?))
    }),
    page("/accstatz", |monitor, query, now| {
        ok(pretty(&monitor.accstatz(query, now)?))
    }),
    page("/jsz", |monitor, _, now| ok(pretty(&monitor.jsz(now)))),
    page("/healthz", |monitor, _, _| {
        let health = monitor.healthz();
        let status = match health.is_ok() {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        Ok((status, compact(&health)))
    }),
    page("/ipqueuesz", |_, _, _| ok(b"{}".to_vec())),
    page("/stacksz", |_, _, _| ok(b"{}".to_vec())),
    page("/debug/vars", |monitor, _, _| {
        ok(pretty(&monitor.variables()))
    }),
];

const fn page(
    path: &'static str,
    make: fn(&Monitor, &Query<'_>, std::time::Instant) -> Made,
) -> Page {
    Page {
        path,
        counted: path,
        make,
    }
}

fn ok(bytes: Vec<u8>) -> Made {
    Ok((StatusCode::OK, bytes))
}

fn subsz(monitor: &Monitor, query: &Query<'_>, now: std::time::Instant) -> Made {
    ok(pretty(&monitor.subsz(query, now)?))
}

/// Puts `page` together where it holds nobody up.
pub(super) async fn answer(shared: Shared, page: Page, query: String) -> Response {
    let Shared {
        monitor, builders, ..
    } = shared;
    let now = tokio::time::Instant::now().into_std();
    monitor.count_request(page.counted);
    // The semaphore is never closed.
    let _turn = builders.acquire().await;
    match unhurried(move || (page.make)(&monitor, &Query::new(&query), now)).await {
        Some(Ok((status, bytes))) => json(status, bytes),
        Some(Err(error)) => text(StatusCode::BAD_REQUEST, error),
        None => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the page could not be made".to_owned(),
        ),
    }
}

/// The page for Prometheus.
pub(super) async fn metrics(State(shared): State<Shared>) -> Response {
    let Shared {
        monitor, builders, ..
    } = shared;
    let now = tokio::time::Instant::now().into_std();
    monitor.count_request("/metrics");
    // The semaphore is never closed.
    let _turn = builders.acquire().await;
    match unhurried(move || monitor.metrics(now)).await {
        Some(Ok(page)) => {
            let mut response = text(StatusCode::OK, page);
            let kind = HeaderValue::from_static(OPEN_METRICS);
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        _ => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the page could not be made".to_owned(),
        ),
    }
}
