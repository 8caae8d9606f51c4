//! What may be done to the server from here: kick, reload, lame duck, watch traffic.
//!
//! Always by POST, with a header that no foreign page can send without leave, and by somebody who
//! may publish to the subject that does the same on a system account. What only the program can do
//! is handed to it as a [`Request`](super::Request).

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::answers::{json, text};
use super::gate::Visitor;
use super::shared::Shared;
use super::wishes::Wish;
use crate::monitor::{Query, compact};

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
