//! WebSockets: HTTP in front, frames around, and behind them a stream of bytes like any other.
//!
//! ```text
//! socket ─▶ handshake (one request, one answer) ─▶ Arrival
//!        ─▶ decode ─▶ inflate ─▶ the loop of the connection ─▶ encode ◀─ deflate ─▶ socket
//! ```
//!
//! Every layer but `listen` and `stream` takes bytes and gives bytes. No door knows of any of it.
//! Source: protocol.md#websocket.

mod decode;
mod deflate;
mod encode;
mod handshake;
#[cfg(feature = "sim")]
mod heard;
mod listen;
mod origin;
mod rules;
mod status;
mod stream;

#[cfg(feature = "sim")]
pub(crate) use heard::{answer, heard};
pub(crate) use listen::WebsocketListener;
pub(crate) use origin::Place;
pub(crate) use rules::{CookieNames, Rules};
