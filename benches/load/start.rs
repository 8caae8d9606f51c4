//! A server's first moments: until its first byte, and what it takes when nobody is there.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::dialect::Dialect;
use crate::figures::{Figures, delays};
use crate::server::{Contender, persist};
use crate::timing::Timing;

/// Starts it so often, each time anew: the delay is from its start until its first byte has come,
/// the memory that of a process to which nobody is connected.
pub(crate) fn run(times: usize, timing: &Timing, contender: &Contender) -> Result<Figures> {
    let mut delays = delays();
    let mut figures = Figures::default();
    for time in 0..times {
        let start = Instant::now();
        let mut server = contender.spawn(None)?;
        let mut stream = persist(|| server.connect())?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut hello = Vec::new();
        if contender.dialect != Dialect::Nats {
            contender.dialect.hello(&mut hello, "start"); // NATS speaks first.
            contender.dialect.ping(&mut hello);
            stream.write_all(&hello)?;
        }
        ensure!(stream.read(&mut [0])? == 1, "the server says nothing");
        delays.saturating_record(start.elapsed().as_nanos() as u64);
        if time + 1 == times {
            drop(stream);
            std::thread::sleep(timing.settle);
            figures.memory = server.memory()?;
        }
    }
    Ok(figures.with_delays(&delays))
}
