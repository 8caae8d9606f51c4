//! async-nats against the server named by `DUNLIN_SERVER_BIN`.

mod access;
mod lifetime;
mod publish;
mod requests;
mod tls;
