//! Connections by the thousand: what one costs while idle, to open and close, and what is left of
//! memory when all have gone.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::figures::{Figures, Mark};
use crate::hub::{Hub, PATIENCE};
use crate::server::Server;
use crate::timing::Timing;
use crate::wire::Deaf;

/// How long after a flood its memory must have been given back.
const AFTERMATH: Duration = Duration::from_secs(2);

/// Memory and CPU time of a connection with one subscription.
pub(crate) fn idle(connections: usize, timing: &Timing, server: &Server) -> Result<Figures> {
    let before = server.memory()?;
    let mut hub = Hub::new(server.address, server.dialect)?;
    let mark = Mark::now(server)?;
    let all = open(&mut hub, connections)?;
    let figures = mark.since(server, connections as u64)?;
    hub.pass(timing.settle, &mut Deaf)?;
    let each = |(after, before): (f64, f64)| (after - before) / connections as f64;
    let memory = server.memory()?.zip(before).map(each);
    hub.round_trip(all, &mut Deaf)?;
    Ok(Figures { memory, ..figures })
}

fn open(hub: &mut Hub, connections: usize) -> Result<std::ops::Range<usize>> {
    hub.dial_all(connections, |each, dialect, out| {
        dialect.subscribe(out, format!("idle.{each}").as_bytes(), None, 1);
    })
}

/// Connections that greet and go, so many at once.
pub(crate) fn churn(connections: usize, at_once: usize, server: &Server) -> Result<Figures> {
    ensure!(
        at_once <= connections,
        "--at-once is more than --connections"
    );
    let mut hub = Hub::new(server.address, server.dialect)?;
    let mark = Mark::now(server)?;
    for _ in 0..at_once {
        hub.dial(|_, _| {})?;
    }
    let (mut opened, mut done) = (at_once, 0);
    let until = Instant::now() + PATIENCE;
    let mut is_done = vec![false; at_once];
    while done < connections {
        hub.pump(Duration::from_millis(50), &mut Deaf)?;
        ensure!(
            Instant::now() < until,
            "{done} of {connections} after {:?}",
            PATIENCE
        );
        for (number, is_done) in is_done.iter_mut().enumerate() {
            if *is_done || hub.wires[number].pongs == 0 {
                continue;
            }
            done += 1;
            match opened < connections {
                true => hub.redial(number)?,
                false => *is_done = true,
            }
            opened += 1;
        }
    }
    mark.since(server, connections as u64)
}

/// What is left of the memory that so many connections took, two seconds after they have gone.
pub(crate) fn flood(connections: usize, server: &Server) -> Result<Figures> {
    let before = server.memory()?;
    let mut hub = Hub::new(server.address, server.dialect)?;
    open(&mut hub, connections)?;
    drop(hub);
    std::thread::sleep(AFTERMATH);
    left(before, server)
}

/// The same of so many subscriptions of one connection.
pub(crate) fn flood_subscriptions(subscriptions: usize, server: &Server) -> Result<Figures> {
    let before = server.memory()?;
    let mut hub = Hub::new(server.address, server.dialect)?;
    hub.dial_all(1, |_, dialect, out| {
        for number in 0..subscriptions {
            dialect.subscribe(
                out,
                format!("flood.{number}").as_bytes(),
                None,
                number as u64 + 1,
            );
        }
    })?;
    drop(hub);
    std::thread::sleep(AFTERMATH);
    left(before, server)
}

fn left(before: Option<f64>, server: &Server) -> Result<Figures> {
    let left = server.memory()?.zip(before);
    Ok(Figures {
        memory: left.map(|(after, before)| (after - before).max(0.0)),
        ..Figures::default()
    })
}
