//! The first page: what there is to see.

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::{Html, Response};

use super::routes::Shared;

pub(super) async fn index(State(shared): State<Shared>) -> Response {
    shared.monitor.count_request("/");
    Html(INDEX).into_response()
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
<a href="varz">varz: the server at one glance</a>
<a href="connz">connz: connections</a>
<a href="subsz">subsz: subscriptions and routing</a>
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
