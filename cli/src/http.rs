//! Reading a page of a server's monitoring.
//!
//! In: `http://host:port/path`. Out: status and body, as far as they come within the bounds.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::failure::{Code, Failure};

/// Gets `url`; what answers has `wait` to do it.
///
/// # Errors
///
/// The URL is malformed, nobody answers in time, or the body is larger than 64 MiB.
pub(crate) async fn get(url: &str, wait: Duration) -> Result<(u16, Bytes), Failure> {
    let uri: Uri = url
        .parse()
        .map_err(|error| Failure::usage(format_args!("{url}: {error}")))?;
    match timeout(wait, fetch(&uri)).await {
        Ok(Ok(page)) => Ok(page),
        Ok(Err(error)) => Err(Failure::new(
            Code::NotConnected,
            format_args!("{url}: {error}"),
        )),
        Err(_) => Err(Failure::new(
            Code::TimedOut,
            format_args!("{url}: no answer in time"),
        )),
    }
}

async fn fetch(uri: &Uri) -> Result<(u16, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    if uri.scheme_str().is_some_and(|scheme| scheme != "http") {
        return Err("only http:// is spoken here".into());
    }
    let host = uri.host().ok_or("no host")?;
    let port = uri.port_u16().unwrap_or(80);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((bare, port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection); // It ends with the sender.
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(header::HOST, format!("{host}:{port}"))
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), BODY_MAX)
        .collect()
        .await?;
    Ok((status, body.to_bytes()))
}

/// A hundred thousand connections, with their subscriptions.
const BODY_MAX: usize = 64 * 1024 * 1024;
