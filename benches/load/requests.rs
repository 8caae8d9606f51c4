//! Requests and replies: every requester has one under way; all sockets on one thread.
//!
//! ```text
//! requester ── PUB load reply.<n> ──▶ server ──▶ responder (one of a group)
//!     ▲                                              │ PUB reply.<n>, the same payload
//!     └───────────────────── server ◀────────────────┘
//! ```

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use dunlin_protocol::{ServerOp, encode};
use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::report::{Mark, Outcome, delays};
use crate::server::Server;
use crate::tracks::{filling, stamp};
use crate::wire::{PATIENCE, Scratch, Wire};
use crate::work::{Plan, STAMP};

struct Party {
    wire: Wire<TcpStream>,
    role: Role,
    out: Vec<u8>, // What the socket has not taken yet.
}

enum Role {
    Requester(Requester),
    Responder,
}

struct Requester {
    subject: String,
    reply: String,
    payload: Vec<u8>, // As sent last.
    number: usize,
    asked: u64,
    is_waiting: bool,
    sent_at: Instant,
}

/// All parties and what they have done.
struct Crowd {
    poll: Poll,
    parties: Vec<Party>,
    scratch: Scratch,
    round_trips: u64,
    delays: Histogram<u64>,
}

/// Does what `plan` says with `server`.
pub(crate) fn run(plan: &Plan, server: &Server) -> Result<Outcome> {
    let mut crowd = Crowd::dial(&server.address, plan)?;
    let start = Instant::now();
    crowd.ask_all()?;
    crowd.turn_until(start + plan.warm_up)?;
    crowd.delays.reset();
    let before = Mark::new(server, crowd.round_trips, crowd.round_trips)?;
    crowd.turn_until(start + plan.warm_up + plan.measure)?;
    let after = Mark::new(server, crowd.round_trips, crowd.round_trips)?;
    crowd.finish()?;
    Ok(Outcome::new(plan, &before, &after, Some(crowd.delays)))
}

impl Crowd {
    fn dial(address: &str, plan: &Plan) -> Result<Self> {
        let poll = Poll::new()?;
        let mut scratch = Scratch::default();
        let mut parties = Vec::new();
        let responders = (0..plan.subscribers).map(|_| Role::Responder);
        let requesters = (0..plan.publishers).map(|number| Requester::new(plan, number));
        for role in responders.chain(requesters.map(Role::Requester)) {
            let mut wire = Wire::dial(address, plan.payload, &mut scratch)?;
            let mut line = Vec::new();
            match &role {
                Role::Requester(requester) => {
                    encode::subscribe(&mut line, requester.reply.as_bytes(), None, 1);
                }
                Role::Responder => {
                    let queue = plan.queue().map(str::as_bytes);
                    encode::subscribe(&mut line, plan.filter(0).as_bytes(), queue, 1);
                }
            }
            wire.send(&line)?;
            wire.round_trip(&mut scratch)?;
            let mut wire = wire.into_unblocking()?;
            let (token, interest) = (
                Token(parties.len()),
                Interest::READABLE | Interest::WRITABLE,
            );
            poll.registry()
                .register(&mut wire.stream, token, interest)?;
            parties.push(Party {
                wire,
                role,
                out: Vec::new(),
            });
        }
        Ok(Self {
            poll,
            parties,
            scratch,
            round_trips: 0,
            delays: delays(),
        })
    }

    fn ask_all(&mut self) -> Result<()> {
        for party in &mut self.parties {
            if let Role::Requester(requester) = &mut party.role {
                requester.ask(&mut party.out);
                party.flush()?;
            }
        }
        Ok(())
    }

    /// Lets them talk until then.
    fn turn_until(&mut self, end: Instant) -> Result<()> {
        let mut progress = (Instant::now(), self.round_trips);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.turn(left.min(PATIENCE / 10), true)?;
            if progress.1 != self.round_trips {
                progress = (Instant::now(), self.round_trips);
            }
            ensure!(progress.0.elapsed() < PATIENCE, "no reply for {PATIENCE:?}");
        }
    }

    /// Waits for the replies that are under way, and asks no more.
    fn finish(&mut self) -> Result<()> {
        let start = Instant::now();
        loop {
            let is_waiting =
                |party: &&Party| matches!(&party.role, Role::Requester(it) if it.is_waiting);
            let missing = self.parties.iter().filter(is_waiting).count();
            if missing == 0 {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                bail!("{missing} replies are missing after {PATIENCE:?}");
            }
            self.turn(PATIENCE / 10, false)?;
        }
    }

    fn turn(&mut self, patience: Duration, asks_on: bool) -> Result<()> {
        let mut events = Events::with_capacity(256);
        match self.poll.poll(&mut events, Some(patience)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        for event in &events {
            let number = event.token().0;
            self.serve(number, asks_on)
                .with_context(|| format!("connection {number}"))?;
        }
        Ok(())
    }

    /// Takes everything that has arrived for one party, and lets it answer.
    fn serve(&mut self, number: usize, asks_on: bool) -> Result<()> {
        let Party { wire, role, out } = &mut self.parties[number];
        let (round_trips, delays) = (&mut self.round_trips, &mut self.delays);
        let mut hear = |op: ServerOp<'_>| {
            match (op, &mut *role) {
                (ServerOp::Ping, _) => out.extend_from_slice(encode::PONG),
                (ServerOp::Message(message), Role::Responder) => {
                    let subject = message.reply.context("request without a reply subject")?;
                    let reply = encode::Publication {
                        subject,
                        reply: None,
                        headers: None,
                        payload: message.payload(),
                    };
                    encode::publish(out, &reply);
                }
                (ServerOp::Message(message), Role::Requester(requester)) => {
                    requester.take(message.payload())?;
                    delays.saturating_record(requester.sent_at.elapsed().as_nanos() as u64);
                    *round_trips += 1;
                    if asks_on {
                        requester.ask(out);
                    }
                }
                _ => {}
            }
            Ok(())
        };
        while wire.receive(&mut self.scratch, &mut hear)? {}
        self.parties[number].flush()
    }
}

impl Requester {
    fn new(plan: &Plan, number: usize) -> Self {
        Self {
            subject: plan.subject(0),
            reply: format!("reply.{number}"),
            payload: [vec![0; STAMP], filling(plan.payload - STAMP)].concat(),
            number,
            asked: 0,
            is_waiting: false,
            sent_at: Instant::now(),
        }
    }

    fn ask(&mut self, out: &mut Vec<u8>) {
        stamp(&mut self.payload, self.number, self.asked, 0);
        let request = encode::Publication {
            subject: self.subject.as_bytes(),
            reply: Some(self.reply.as_bytes()),
            headers: None,
            payload: &self.payload,
        };
        encode::publish(out, &request);
        self.asked += 1;
        self.is_waiting = true;
        self.sent_at = Instant::now();
    }

    fn take(&mut self, payload: &[u8]) -> Result<()> {
        ensure!(self.is_waiting, "a reply came twice");
        ensure!(payload == self.payload, "a reply is not what was asked for");
        self.is_waiting = false;
        Ok(())
    }
}

impl Party {
    fn flush(&mut self) -> Result<()> {
        while !self.out.is_empty() {
            match self.wire.stream.write(&self.out) {
                Ok(sent) => drop(self.out.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("cannot send"),
            }
        }
        Ok(())
    }
}
