//! Every test of the client against a server, whichever that is.

mod answers;
mod delivery;
mod hostile;
mod identity;
mod jwt;
mod lifetime;
mod limits;
mod moving;
mod paths;
mod reconnect;
mod requests;
mod restarts;
mod scripted;
#[cfg(any(feature = "tls", feature = "aws-lc"))]
mod secure;
mod server;
mod services;
#[cfg(feature = "blocking")]
mod threads;
#[cfg(feature = "tracing")]
mod traces;
