//! Encryption: from files and choices to sockets that the loop serves like any other.
//!
//! In: [`TlsOptions`] and accepted TCP connections. Out: [`Tls`] sockets, and what they have shown
//! of themselves. The cryptography is rustls's; what is ours is when it happens, what it may cost,
//! and what is said when it fails.

mod accept;
mod clients;
mod config;
mod encryption;
mod engine;
mod failure;
mod names;
mod options;
mod shown;
mod socket;
mod stamps;
mod suites;
mod watch;

pub use config::{TlsError, TlsFacts};
pub use options::{HandshakeFirst, TlsOptions, TlsVersion};

pub(super) use accept::Opened;
pub(super) use encryption::Current;
pub(crate) use encryption::{Encryption, Prepared};
pub(super) use failure::Failure;
pub(crate) use watch::keep_fresh;
