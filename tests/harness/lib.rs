//! The harness: everything the wire tests share.
//!
//! In: a transcript (`transcripts/README.md` explains the format) or a test written with
//! [`Client`]. Between: real TCP sockets. Out: a verdict that names file, line, what was expected
//! and what arrived. Nothing here knows how a server works; a [`Target`] is an address and a way
//! to start what listens there.

mod alone;
mod auth;
mod client;
mod http;
mod info;
mod naive;
mod options;
mod ours;
mod reference;
mod run;
mod sent;
mod target;
mod text;
mod transcript;
mod websocket;
mod wire;

pub use alone::{Process, alone, descriptors, descriptors_max, resident_bytes};
pub use auth::Auth;
pub use client::{Arrival, Client, Message};
pub use http::{Events, Page, fetch, fetch_json, request};
pub use naive::covers;
pub use options::Options;
pub use reference::the_program;
pub use run::{Pace, run_file, run_text};
pub use target::{Running, Target};
pub use text::show;
pub use websocket::{Answer, Frame, Frames, Request, Sent, Websocket};

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long one expectation may take to come true before the test fails.
///
/// Far above what any answer needs (the slowest is a third missed PING after three seconds), so
/// that a loaded machine does not fail a correct server.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// The folder of the transcripts.
pub fn transcripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts")
}
