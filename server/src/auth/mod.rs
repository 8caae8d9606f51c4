//! Who may connect, and what each may do.
//!
//! In: what was configured ([`Authorization`]), and what a connection claims to be ([`Claim`]).
//! Out: an [`Identity`] with its [`Rights`], or a refusal that never says which part was wrong.
//! Knows no bus, no wire and no clock; a check that takes long is handed back as a
//! [`SlowCheck`], to be run elsewhere.

mod access;
mod authorization;
mod certificate;
mod nkey;
mod overlap;
mod password;
mod permissions;
mod replies;
mod rights;

pub(crate) use access::{Access, Answer, Claim, Identity};
pub use authorization::{Authorization, AuthorizationError, ConnectionType, User};
pub(crate) use certificate::Certificate;
pub(crate) use nkey::nonce;
pub use permissions::{Permissions, Responses};
pub(crate) use replies::Replies;
pub(crate) use rights::Rights;
