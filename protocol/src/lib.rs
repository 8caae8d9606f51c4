//! The core NATS text protocol, without I/O.
//!
//! Both sides of the wire speak through this crate: bytes come in, borrowed operations go out, and
//! the other way round. It opens no socket, reads no clock and knows no runtime, so the same code
//! serves the server, the client, the tests and the fuzzers. The contract is `protocol.md`.
//!
//! ```
//! use dunlin_protocol::{ClientOp, ClientParser, Limits, Step};
//!
//! let mut parser = ClientParser::default();
//! let input = b"PUB greet 5\r\nhello\r\n";
//! match parser.next(input, &Limits::default()) {
//!     Ok(Step::Op { op: ClientOp::Publish(publish), used }) => {
//!         assert_eq!((publish.subject, publish.payload()), (&b"greet"[..], &b"hello"[..]));
//!         assert_eq!(used, input.len());
//!     }
//!     other => panic!("{other:?}"),
//! }
//! ```

mod connect;
pub mod encode;
mod error;
mod hand;
mod headers;
mod info;
mod json;
pub mod number;
mod op;
mod parse;
pub mod subject;

pub use connect::{Connect, ConnectError};
pub use error::{ErrText, ParseError};
pub use hand::{Body, HandOp, HandParser, HandStep, Mistake, Quoted};
pub use headers::{HeaderBlock, HeaderError, HeaderMap};
pub use info::Info;
pub use op::{ClientOp, Publish, Subscribe};
pub use parse::{
    ClientParser, Delivery, Limits, ServerLimits, ServerOp, ServerParser, ServerStep, Step,
};
