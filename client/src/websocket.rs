//! NATS inside of WebSocket frames, as a plain byte stream.
//!
//! In: a stream on which HTTP is spoken. Out: the bytes within the frames; where one frame ends and
//! the next begins means nothing.

#[cfg(feature = "websocket")]
mod stream;
#[cfg(feature = "websocket")]
pub(crate) use stream::wrap;

#[cfg(not(feature = "websocket"))]
pub(crate) async fn wrap(
    _transport: crate::transport::Transport,
    _addr: &crate::address::ServerAddr,
) -> Result<crate::transport::Transport, crate::error::ConnectError> {
    Err(crate::error::ConnectError::with_detail(
        crate::error::ConnectErrorKind::Unsupported,
        "the feature `websocket` is off",
    ))
}
