//! Requesters with one request under way each, and one responder: round trips.

use std::time::Instant;

use anyhow::{Result, bail, ensure};
use hdrhistogram::Histogram;

use crate::dialect::Dialect;
use crate::figures::{Figures, Mark, delays};
use crate::flow::stamp::{self, Stamp};
use crate::hub::Hub;
use crate::server::Server;
use crate::timing::Timing;
use crate::wire::{Ear, Message};

const SUBJECT: &[u8] = b"service.echo";

/// The responder, connection 0, and the requesters, who come behind it.
struct Round {
    dialect: Dialect,
    requesters: Vec<Requester>,
    payload: Vec<u8>,
    clock: Instant,
    until: Instant,
    delays: Histogram<u64>,
}

struct Requester {
    asked: u64,
    answered: u64,
    reply: Vec<u8>, // The subject of the answer that is due.
}

/// Asks and answers for a while; `requesters` at once.
pub(crate) fn run(
    requesters: usize,
    payload: usize,
    timing: &Timing,
    server: &Server,
) -> Result<Figures> {
    ensure!(
        payload >= stamp::STAMP,
        "--payload must be at least {}",
        stamp::STAMP
    );
    let mut hub = Hub::new(server.address, server.dialect)?;
    hub.dial_all(1, |_, dialect, out| {
        dialect.subscribe(out, SUBJECT, None, 1)
    })?;
    hub.dial_all(requesters, |each, dialect, out| {
        dialect.subscribe(out, format!("{}*", inbox(each)).as_bytes(), None, 1);
    })?;
    let requester = |_| Requester {
        asked: 0,
        answered: 0,
        reply: Vec::new(),
    };
    let mut round = Round {
        dialect: server.dialect,
        requesters: (0..requesters).map(requester).collect(),
        payload: stamp::payload(payload),
        clock: Instant::now(),
        until: Instant::now(),
        delays: delays(),
    };
    round.turn(&mut hub, timing.warm_up)?;
    round.delays.reset();
    let before = round.answered();
    let mark = Mark::now(server)?;
    round.turn(&mut hub, timing.measure)?;
    let figures = mark.since(server, round.answered() - before)?;
    hub.round_trip(0..requesters + 1, &mut round)?;
    let memory = server.memory()?;
    Ok(Figures { memory, ..figures }.with_delays(&round.delays))
}

/// What the subjects of a requester's answers begin with; it subscribes to all of them.
fn inbox(requester: usize) -> String {
    format!("_INBOX.{requester:06}vYx3kTqL0wR8nB.")
}

impl Round {
    fn turn(&mut self, hub: &mut Hub, time: std::time::Duration) -> Result<()> {
        self.until = Instant::now() + time;
        for number in 0..self.requesters.len() {
            let wire = &mut hub.wires[number + 1];
            wire.say(|_, out| self.ask(number, out))?;
        }
        let patience = self.until + crate::hub::PATIENCE;
        while Instant::now() < self.until || self.is_waiting() {
            hub.pump(std::time::Duration::from_millis(20), self)?;
            ensure!(Instant::now() < patience, "an answer is missing");
        }
        Ok(())
    }

    fn is_waiting(&self) -> bool {
        let mut requesters = self.requesters.iter();
        requesters.any(|requester| requester.answered < requester.asked)
    }

    fn answered(&self) -> u64 {
        self.requesters
            .iter()
            .map(|requester| requester.answered)
            .sum()
    }

    /// A request, to be answered on a subject that has not been used before.
    fn ask(&mut self, number: usize, out: &mut Vec<u8>) {
        let requester = &mut self.requesters[number];
        let token = requester.asked.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
        requester.reply = format!("{}{token:012x}", inbox(number)).into_bytes();
        let stamp = Stamp {
            publisher: number,
            number: requester.asked,
            nanos: self.clock.elapsed().as_nanos() as u64,
        };
        stamp.write(&mut self.payload);
        requester.asked += 1;
        let reply = Some(&requester.reply[..]);
        self.dialect.publish(out, SUBJECT, reply, &self.payload);
    }
}

impl Ear for Round {
    fn hear(&mut self, on: usize, message: &Message<'_>, out: &mut Vec<u8>) -> Result<()> {
        if on == 0 {
            ensure!(
                message.subject == SUBJECT,
                "a request under another subject"
            );
            self.dialect
                .publish(out, message.reply, None, message.payload);
            return Ok(());
        }
        let stamp = Stamp::read(message.payload)?;
        let Some(requester) = self.requesters.get_mut(on - 1) else {
            bail!("connection {on} got an answer and has not asked");
        };
        let is_due = stamp.publisher == on - 1
            && stamp.number == requester.answered
            && requester.reply == message.subject
            && message.payload[stamp::STAMP..] == self.payload[stamp::STAMP..];
        ensure!(is_due, "requester {} got what was not asked for", on - 1);
        requester.answered += 1;
        let now = self.clock.elapsed().as_nanos() as u64;
        self.delays
            .saturating_record(now.saturating_sub(stamp.nanos));
        if Instant::now() < self.until {
            self.ask(on - 1, out);
        }
        Ok(())
    }
}
