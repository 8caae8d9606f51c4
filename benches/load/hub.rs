//! All connections of a run, on one thread: whoever drives a server must cost less than it.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mio::{Events, Interest, Poll, Token};

use crate::dialect::Dialect;
use crate::system::Timer;
use crate::wire::{Deaf, Ear, Wire};

/// How long a server may take to answer, before it counts as stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How many connections may be greeting at once.
const GREETING: usize = 128;
/// The number of the timer among the connections.
const TIMER: Token = Token(usize::MAX);

/// The connections, by number.
pub(crate) struct Hub {
    pub(crate) wires: Vec<Wire>,
    address: SocketAddr,
    dialect: Dialect,
    poll: Poll,
    events: Events,
    timer: Timer,
    scratch: Vec<u8>,
}

impl Hub {
    pub(crate) fn new(address: SocketAddr, dialect: Dialect) -> Result<Self> {
        let poll = Poll::new()?;
        let timer = Timer::new(poll.registry(), TIMER)?;
        Ok(Self {
            wires: Vec::new(),
            address,
            dialect,
            poll,
            events: Events::with_capacity(512),
            timer,
            scratch: Vec::new(),
        })
    }

    /// Connects, greets, says what `first` puts, and asks for a sign of life; does not wait for it.
    pub(crate) fn dial(&mut self, first: impl FnOnce(Dialect, &mut Vec<u8>)) -> Result<usize> {
        let number = self.wires.len();
        let wire = self.open(number, first)?;
        self.wires.push(wire);
        Ok(number)
    }

    /// Closes a connection and opens another in its place.
    pub(crate) fn redial(&mut self, number: usize) -> Result<()> {
        self.wires[number] = self.open(number, |_, _| {})?;
        Ok(())
    }

    fn open(&mut self, number: usize, first: impl FnOnce(Dialect, &mut Vec<u8>)) -> Result<Wire> {
        let mut wire = Wire::dial(self.address, self.dialect)
            .with_context(|| format!("connection {number}"))?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        registry.register(&mut wire.stream, Token(number), interest)?;
        wire.say(|dialect, out| {
            dialect.hello(out, &format!("load-{number}"));
            first(dialect, out);
            dialect.ping(out);
        })?;
        Ok(wire)
    }

    /// Connects many, all of which have been greeted when this returns.
    pub(crate) fn dial_all(
        &mut self,
        count: usize,
        mut first: impl FnMut(usize, Dialect, &mut Vec<u8>),
    ) -> Result<Range<usize>> {
        let start = self.wires.len();
        let mut greeted = start;
        for each in 0..count {
            self.dial(|dialect, out| first(each, dialect, out))?;
            if self.wires.len() - greeted == GREETING || each + 1 == count {
                self.await_pongs(greeted..self.wires.len(), 1, &mut Deaf)?;
                greeted = self.wires.len();
            }
        }
        Ok(start..greeted)
    }

    /// Waits, at most so long, for something to happen, and lets it happen.
    pub(crate) fn pump(&mut self, wait: Duration, ear: &mut impl Ear) -> Result<()> {
        self.timer.poll(&mut self.poll, &mut self.events, wait)?;
        for event in &self.events {
            let Some(wire) = self.wires.get_mut(event.token().0) else {
                continue; // The timer.
            };
            if event.is_writable() && wire.is_full() {
                wire.flush()?;
            }
            if event.is_readable() {
                wire.receive(event.token().0, &mut self.scratch, ear)?;
            }
        }
        Ok(())
    }

    /// Lets happen what happens in that time.
    pub(crate) fn pass(&mut self, time: Duration, ear: &mut impl Ear) -> Result<()> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.pump(left, ear)?;
        }
    }

    /// Waits until each of them has answered everything that was asked before.
    pub(crate) fn round_trip(&mut self, wires: Range<usize>, ear: &mut impl Ear) -> Result<()> {
        let mut wanted = Vec::with_capacity(wires.len());
        for wire in &mut self.wires[wires.clone()] {
            wanted.push(wire.pongs + 1);
            wire.say(|dialect, out| dialect.ping(out))?;
        }
        for (number, wanted) in wires.zip(wanted) {
            self.await_pongs(number..number + 1, wanted, ear)?;
        }
        Ok(())
    }

    /// Waits until each of them has so many PONGs.
    pub(crate) fn await_pongs(
        &mut self,
        wires: Range<usize>,
        wanted: u64,
        ear: &mut impl Ear,
    ) -> Result<()> {
        let mut until = Instant::now() + PATIENCE;
        for number in wires {
            while self.wires[number].pongs < wanted {
                ensure!(
                    Instant::now() < until,
                    "connection {number} has not been answered for {PATIENCE:?}"
                );
                self.pump(Duration::from_millis(50), ear)?;
            }
            until = Instant::now() + PATIENCE;
        }
        Ok(())
    }
}
