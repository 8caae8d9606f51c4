//! Bytes to operations: one resumable parser for each side.
//!
//! A parser is handed what has been received from the start of an operation, borrows from it, and
//! allocates nothing. What is incomplete stays with the caller, who is told how much is missing.

mod args;
mod client;
mod plain;
mod server;

pub use client::ClientParser;
pub use server::{Delivery, ServerLimits, ServerOp, ServerParser, ServerStep};

use crate::op::ClientOp;

/// The bounds of a connection that its parser keeps.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest arguments of one line, in bytes, without verb and line end.
    pub control_line_max: usize,
    /// The largest body, header block included, in bytes.
    pub payload_max: usize,
    /// Whether `HPUB` may be used.
    pub has_headers: bool,
}

impl Default for Limits {
    /// The defaults of the reference server: 4,096 bytes of line, 1 MiB of payload, headers on.
    fn default() -> Self {
        Self {
            control_line_max: 4096,
            payload_max: 1024 * 1024,
            has_headers: true,
        }
    }
}

/// What a parser made of its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// An operation, and how many bytes of input it was.
    Op {
        /// The operation.
        op: ClientOp<'a>,
        /// Its length; the next operation starts there.
        used: usize,
    },
    /// The input ends in the middle of an operation.
    More {
        /// How many bytes may be forgotten: text that nobody will look at.
        used: usize,
        /// How long the input, from `used` on, must be before another look can help.
        need: usize,
    },
}
