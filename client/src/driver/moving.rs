//! Leaving a server: at the end, or for another one because it said that it is about to go.
//!
//! A successor is dialled while the connection goes on. When it stands, what callers have asked for
//! is taken a last time and followed by a PING; at its PONG the old connection has nothing more to
//! say, and the new one begins where it ended. What callers ask for in between waits.
//!
//! ```text
//! old  …PUB PUB ──▶ PING ──▶ PONG │
//! new      dial ──────▶ stands by │ SUB SUB … PUB PUB…
//! ```

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Sleep, sleep, timeout};

use super::{Driver, End, Link};
use crate::address::ServerAddr;
use crate::dial::{Connection, dial};
use crate::engine::Engine;
use crate::events::Event;
use crate::outgoing::Phase;
use crate::shared::Shared;
use crate::transport::Transport;

type Dialling = Pin<Box<dyn Future<Output = Option<Connection>> + Send>>;

/// The connection that takes over.
pub(super) enum Successor {
    Dialling(Dialling),
    Ready {
        connection: Box<Connection>,
        /// Whether the last lines were taken.
        has_taken: bool,
        /// When the old server has had time enough for its PONG.
        deadline: Pin<Box<Sleep>>,
    },
    /// None of the others could be reached: the client stays as long as it may.
    Nobody,
}

impl Successor {
    /// The connection, if it stands.
    pub(super) fn ready(self) -> Option<Connection> {
        match self {
            Self::Ready { connection, .. } => Some(*connection),
            Self::Dialling(_) | Self::Nobody => None,
        }
    }
}

impl Link {
    /// Whether all lines for this connection were taken.
    pub(super) fn stands_by(&self) -> bool {
        matches!(self.successor, Some(Successor::Ready { has_taken, .. }) if has_taken)
    }

    /// Lines were taken: the last ones, if a successor stands.
    pub(super) fn has_taken(&mut self, engine: &mut Engine) {
        if let Some(Successor::Ready { has_taken, .. }) = &mut self.successor {
            *has_taken = true;
            engine.say_farewell();
        }
    }
}

impl Driver {
    /// Looks after the successor, if there is to be one. Ready: the old server takes too long.
    pub(super) fn poll_successor(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Poll<End> {
        if self.is_lame && link.successor.is_none() {
            let others = match &self.current {
                Some(current) => self.pool.others(current),
                None => Vec::new(),
            };
            link.successor = Some(match others.is_empty() {
                true => Successor::Nobody,
                false => {
                    let shared = Arc::clone(&self.shared);
                    Successor::Dialling(Box::pin(dial_one_of(others, shared)))
                }
            });
        }
        if let Some(Successor::Dialling(dialling)) = &mut link.successor {
            let Poll::Ready(found) = dialling.as_mut().poll(cx) else {
                return Poll::Pending;
            };
            link.successor = Some(match found {
                Some(connection) if self.shared.outgoing.stand_by() => Successor::Ready {
                    connection: Box::new(connection),
                    has_taken: false,
                    deadline: Box::pin(sleep(FAREWELL_MAX)),
                },
                _ => Successor::Nobody,
            });
        }
        let Some(Successor::Ready { deadline, .. }) = &mut link.successor else {
            return Poll::Pending;
        };
        if self.shared.outgoing.phase() != Phase::Moving {
            link.successor = Some(Successor::Nobody); // The client ends, and does so here.
            return Poll::Pending;
        }
        let late = || End::Lost("server that is about to go did not answer".into());
        deadline.as_mut().poll(cx).map(|()| late())
    }

    /// The old connection has said everything: the new one begins where it ended. None if the
    /// client is ending on the old one; then that was its end.
    pub(super) fn change_over(&mut self, link: Link) -> Option<Link> {
        let connection = link.successor.and_then(Successor::ready)?;
        self.shared.outgoing.moved();
        self.engine.lost();
        link.transport.map(part).map(tokio::spawn);
        Some(self.begin(connection, true))
    }
}

/// Tries each of `others` once, after a moment that is not the same for all clients.
async fn dial_one_of(others: Vec<ServerAddr>, shared: Arc<Shared>) -> Option<Connection> {
    let options = &shared.options;
    sleep(options.leave_delay(&shared.random)).await;
    for addr in others {
        match dial(&addr, options).await {
            Ok(connection) => return Some(connection),
            Err(error) => {
                let text = error.to_string();
                shared.events.emit(&Event::ConnectFailed(text.into()));
            }
        }
    }
    None
}

/// Says goodbye: what was written still arrives, which closing a socket with unread input would
/// undo.
pub(super) async fn part(mut transport: Transport) {
    let goodbye = async {
        transport.shutdown().await?;
        let mut unread = vec![0; 4096];
        while transport.read(&mut unread).await? > 0 {}
        Ok::<(), io::Error>(())
    };
    let _ = timeout(PARTING_MAX, goodbye).await; // Whatever fails now, nobody is there to hear.
}

/// How long a server may take to notice that the client has gone.
const PARTING_MAX: Duration = Duration::from_secs(1);
/// How long a server that is about to go may take to answer the last PING.
const FAREWELL_MAX: Duration = Duration::from_secs(5);
