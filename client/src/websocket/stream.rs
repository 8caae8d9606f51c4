//! The byte stream made of frames, by tungstenite.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::address::{Scheme, ServerAddr};
use crate::error::{ConnectError, ConnectErrorKind};
use crate::transport::Transport;

/// Asks what answers on `transport` to switch to WebSocket.
pub(crate) async fn wrap(
    transport: Transport,
    addr: &ServerAddr,
) -> Result<Transport, ConnectError> {
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = READ_BUFFER;
    config.max_frame_size = Some(FRAME_MAX);
    config.max_message_size = Some(FRAME_MAX);
    let scheme = match addr.scheme() {
        Scheme::WebSocketTls => "wss",
        _ => "ws",
    };
    let host = match addr.host().contains(':') {
        true => format!("[{}]", addr.host()),
        false => addr.host().to_owned(),
    };
    let url = format!("{scheme}://{host}:{}{}", addr.port(), addr.path());
    match client_async_with_config(url, transport, Some(config)).await {
        Ok((frames, _)) => Ok(Transport::Given(Box::new(WebSocket {
            frames,
            unread: Bytes::new(),
        }))),
        Err(Error::Io(error)) => Err(crate::tls::explain(error)),
        Err(error) => {
            let text = format!("no websocket there: {error}");
            Err(ConnectError::with_source(ConnectErrorKind::Protocol, error).about(text))
        }
    }
}

struct WebSocket {
    frames: WebSocketStream<Transport>,
    /// What is left of the last frame; empty before the next one is asked for.
    unread: Bytes,
}

impl AsyncRead for WebSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match ready!(Pin::new(&mut self.frames).poll_next(cx)) {
                None | Some(Ok(Message::Close(_))) => return Poll::Ready(Ok(())), // The end.
                Some(Ok(Message::Binary(bytes))) => self.unread = bytes,
                Some(Ok(Message::Text(text))) => self.unread = text.into(),
                // Pings are answered below.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
            }
        }
        let len = self.unread.len().min(buf.remaining());
        buf.put_slice(&self.unread[..len]);
        self.unread.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WebSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.frames).poll_ready(cx)).map_err(io_error)?;
        let frame = &bytes[..bytes.len().min(FRAME_SIZE)];
        let message = Message::Binary(Bytes::copy_from_slice(frame));
        let sent = Pin::new(&mut self.frames).start_send(message);
        Poll::Ready(sent.map(|()| frame.len()).map_err(io_error))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.frames).poll_flush(cx));
        Poll::Ready(flushed.map_err(io_error))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = ready!(Pin::new(&mut self.frames).poll_close(cx));
        Poll::Ready(closed.map_err(io_error))
    }
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => io::ErrorKind::UnexpectedEof.into(),
        other => io::Error::other(other),
    }
}

/// The largest frame to take: twice what nats-server lets wait for one reader by default, all of
/// which it may put into one frame.
const FRAME_MAX: usize = 128 * 1024 * 1024;
/// The largest frame to send. A guess.
const FRAME_SIZE: usize = 64 * 1024;
/// A quarter of the library's default: the connection has a read buffer of its own behind it.
const READ_BUFFER: usize = 32 * 1024;
