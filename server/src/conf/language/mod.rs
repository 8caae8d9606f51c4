//! The language itself: a text becomes a tree of values with places, or errors with places.
//!
//! ```text
//! parser, elsewhere → scalar → cursor
//! ```

mod cursor;
mod duration;
mod elsewhere;
mod parser;
mod scalar;
mod shared;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use duration::{NoDuration, duration};
pub(crate) use shared::Shared;
pub use shared::Surroundings;
pub use value::{Entry, Map, Node, Value};
