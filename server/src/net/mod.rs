//! The only room that awaits: sockets, time and tasks.
//!
//! One loop (`drive.rs`) serves every connection, whatever it is made of; listeners start loops,
//! the hub stops them.

mod aside;
mod batching;
mod drive;
mod growth;
mod hindrance;
mod hub;
mod listen;
#[cfg(all(test, model))]
mod models;
mod open;
mod pipe;
mod presence;
mod relief;
mod retire;
mod socket;
mod stir;
mod timers;
mod tls;
mod unix;
mod websocket;
mod worker;

pub use batching::Batching;
pub(crate) use hub::{AllGone, Bounds, Hub};
pub(crate) use listen::{Listener, bind};
pub use pipe::Pipe;
pub(crate) use tls::{Encryption, Prepared, keep_fresh};
pub use tls::{HandshakeFirst, TlsError, TlsFacts, TlsOptions, TlsVersion};
pub(crate) use unix::{UnixBound, bind_unix};
pub(crate) use websocket::{CookieNames, Place, Rules, WebsocketListener};
#[cfg(feature = "sim")]
pub(crate) use websocket::{answer as websocket_answer, heard as websocket_heard};
