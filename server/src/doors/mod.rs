//! Every way in: state machines without sockets. Doors do not know each other.

pub(crate) mod nats;
