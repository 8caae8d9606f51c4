//! The forms that an answer has.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

/// JSON that any page of a browser may read, as with the reference server.
pub(super) fn json(status: StatusCode, bytes: Vec<u8>) -> Response {
    let everybody = (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    response(status, Body::from(bytes), "application/json", everybody)
}

pub(super) fn text(status: StatusCode, text: String) -> Response {
    // What a request said comes back in some of these: no browser shall guess at markup.
    let nosniff = (header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response(
        status,
        Body::from(text),
        "text/plain; charset=utf-8",
        nosniff,
    )
}

fn response(
    status: StatusCode,
    body: Body,
    kind: &'static str,
    (name, value): (HeaderName, &'static str),
) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(name, HeaderValue::from_static(value));
    response
}

pub(super) fn not_found(why: &str) -> Response {
    text(StatusCode::NOT_FOUND, why.to_owned())
}
