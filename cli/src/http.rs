//! Reading a page of a server's monitoring.
//!
//! In: `http://host:port/path`, or `https` with what is trusted. Out: status and body, as far as they come within the bounds.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::connect::Target;
use crate::failure::{Code, Failure};

/// The address of a monitoring, as it was given: without a scheme it is http, and no slash ends it.
pub(crate) fn whole(url: &str) -> String {
    let scheme = if url.contains("://") { "" } else { "http://" };
    format!("{scheme}{}", url.trim_end_matches('/'))
}

/// Gets `url`; what answers has `wait` to do it. What is trusted over https is what `target` trusts.
///
/// # Errors
///
/// The URL is malformed, nobody answers in time, nobody who is trusted does, or the body is larger
/// than 64 MiB.
pub(crate) async fn get(
    url: &str,
    wait: Duration,
    target: &Target,
) -> Result<(u16, Bytes), Failure> {
    let uri: Uri = url
        .parse()
        .map_err(|error| Failure::usage(format_args!("{url}: {error}")))?;
    let page = url.split('?').next().unwrap_or(url); // What is asked of it says nothing here.
    match timeout(wait, fetch(&uri, target)).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => Err(Failure::new(
            Code::NotConnected,
            format_args!("{page}: {error}"),
        )),
        Err(_) => Err(Failure::new(
            Code::TimedOut,
            format_args!("{page}: no answer in time"),
        )),
    }
}

type Unread = Box<dyn std::error::Error + Send + Sync>;

async fn fetch(uri: &Uri, target: &Target) -> Result<(u16, Bytes), Unread> {
    let usual_port = match uri.scheme_str() {
        Some("http") | None => 80,
        Some("https") => 443,
        Some(_) => return Err("only http:// and https:// are spoken here".into()),
    };
    let host = uri.host().ok_or("no host")?;
    let port = uri.port_u16().unwrap_or(usual_port);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((bare, port)).await?;
    match usual_port {
        443 => {
            let stream = target.secure(stream, bare).await;
            ask(stream.map_err(|failure| failure.text())?, uri, host, port).await
        }
        _ => ask(stream, uri, host, port).await,
    }
}

async fn ask<S>(stream: S, uri: &Uri, host: &str, port: u16) -> Result<(u16, Bytes), Unread>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
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
