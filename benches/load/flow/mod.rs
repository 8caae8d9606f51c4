//! Everything that publishes and subscribes: as fast as the readers keep up, or at a fixed rate.
//!
//! Publishers hold back while more deliveries are outstanding than the plan allows, so that no
//! server has a reason to drop anybody; what is lost all the same is an error.

pub(crate) mod accounts;
pub(crate) mod plan;
pub(crate) mod publisher;
pub(crate) mod stamp;
pub(crate) mod subjects;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::dialect::Dialect;
use crate::figures::{Figures, Mark};
use crate::hub::{Hub, PATIENCE};
use crate::server::Server;
use crate::timing::Timing;
use accounts::Accounts;
use plan::{Plan, Shape};
use publisher::Publisher;
use subjects::{Subjects, distinct};

/// The longest wait before another look at the clock.
const LOOK: Duration = Duration::from_millis(50);
/// How many tokens the subjects have that nobody publishes to.
const BESIDE_DEPTH: usize = 4;

/// Does what `plan` says with `server`.
pub(crate) fn run(plan: &Plan, timing: &Timing, server: &Server) -> Result<Figures> {
    let subjects = Subjects::new(plan)?;
    let mut hub = Hub::new(server.address, server.dialect)?;
    let queue = (plan.shape == Shape::Queue).then_some("workers");
    let subscribers = hub.dial_all(plan.subscribers, |each, dialect, out| {
        for (filter, sid) in subjects.filters[each].iter().zip(1..) {
            dialect.subscribe(out, filter, queue, sid);
        }
    })?;
    let idle = hub.dial_all(plan.idle, |each, dialect, out| {
        dialect.subscribe(out, format!("idle.{each}").as_bytes(), None, 1);
    })?;
    if plan.beside > 0 {
        hub.dial_all(1, |_, dialect, out| subscribe_beside(plan, dialect, out))?;
    }
    let _stalled = (0..plan.stalled)
        .map(|_| stall(server, &subjects))
        .collect::<Result<Vec<_>>>()?;
    let on = hub.dial_all(plan.publishers, |_, _, _| {})?;
    let mut accounts = Accounts::new(plan, &subjects, server.dialect);
    let publishers = on.zip(0..);
    let mut publishers: Vec<_> = publishers
        .map(|(on, number)| Publisher::new(on, number, server.dialect, &accounts))
        .collect();

    phase(&mut hub, &mut publishers, &mut accounts, timing.warm_up)?;
    accounts.is_timed = plan.rate.is_some();
    accounts.delays.reset();
    let before = (accounts.got, sent(&publishers));
    let mark = Mark::now(server)?;
    phase(&mut hub, &mut publishers, &mut accounts, timing.measure)?;
    let done = match plan.shape {
        Shape::Pub => sent(&publishers) - before.1,
        _ => accounts.got - before.0,
    };
    let figures = mark.since(server, done)?;

    // Whatever is still on its way arrives before these answers.
    hub.round_trip(subscribers, &mut accounts)?;
    hub.round_trip(idle, &mut accounts)?;
    let sent: Vec<u64> = publishers.iter().map(|publisher| publisher.sent).collect();
    accounts.settle(&sent)?;
    let memory = server.memory()?;
    Ok(Figures { memory, ..figures }.with_delays(&accounts.delays))
}

fn sent(publishers: &[Publisher]) -> u64 {
    publishers.iter().map(|publisher| publisher.sent).sum()
}

fn subscribe_beside(plan: &Plan, dialect: Dialect, out: &mut Vec<u8>) {
    for number in 0..plan.beside {
        let (filter, _) = distinct(number, BESIDE_DEPTH);
        dialect.subscribe(out, filter.as_bytes(), None, number as u64 + 1);
    }
}

/// A reader of everything who never reads.
fn stall(server: &Server, subjects: &Subjects) -> Result<std::net::TcpStream> {
    use std::io::{Read, Write};

    let mut stream = std::net::TcpStream::connect(server.address)?;
    let mut hello = Vec::new();
    server.dialect.hello(
        &mut hello,
        &format!("stalled-{}", stream.local_addr()?.port()),
    );
    let filters = &subjects.filters[0];
    for (filter, sid) in filters.iter().zip(1..) {
        server.dialect.subscribe(&mut hello, filter, None, sid);
    }
    stream.write_all(&hello)?;
    let _ = stream.read(&mut [0; 64])?; // It is there; from here on it looks away.
    Ok(stream)
}

/// Publishes for that long, then waits until everything has arrived.
fn phase(
    hub: &mut Hub,
    publishers: &mut [Publisher],
    accounts: &mut Accounts<'_>,
    time: Duration,
) -> Result<()> {
    let start = Instant::now();
    let first: Vec<u64> = publishers.iter().map(|publisher| publisher.sent).collect();
    let gap = accounts
        .plan
        .rate
        .map(|rate| publishers.len() as f64 / rate);
    loop {
        let elapsed = start.elapsed();
        if elapsed >= time {
            break;
        }
        let mut wait = (time - elapsed).min(LOOK);
        for (publisher, first) in publishers.iter_mut().zip(&first) {
            let wire = &mut hub.wires[publisher.on];
            if wire.is_full() {
                continue;
            }
            let count = match gap {
                None => room(accounts, publisher.batch_max),
                Some(gap) => {
                    let due = (elapsed.as_secs_f64() / gap) as u64 + 1;
                    let next = Duration::from_secs_f64(due as f64 * gap);
                    wait = wait.min(next.saturating_sub(elapsed));
                    (first + due - publisher.sent).min(publisher.batch_max)
                }
            };
            if count == 0 {
                continue;
            }
            publisher.send(count, wire, accounts)?;
            if !wire.is_full() && gap.is_none() {
                wait = Duration::ZERO;
            }
        }
        hub.pump(wait, accounts)?;
    }
    drain(hub, publishers, accounts)
}

/// How many messages may go out at once: a whole batch, if that many deliveries may be added.
fn room(accounts: &Accounts<'_>, batch_max: u64) -> u64 {
    match accounts.plan.fan() {
        0 => batch_max,
        fan => accounts.room().div_ceil(fan).min(batch_max),
    }
}

fn drain(hub: &mut Hub, publishers: &[Publisher], accounts: &mut Accounts<'_>) -> Result<()> {
    for publisher in publishers {
        hub.round_trip(publisher.on..publisher.on + 1, accounts)?;
    }
    let mut progress = (Instant::now(), accounts.got);
    while accounts.got < accounts.owed {
        hub.pump(LOOK, accounts)?;
        if accounts.got != progress.1 {
            progress = (Instant::now(), accounts.got);
        }
        ensure!(
            progress.0.elapsed() < PATIENCE,
            "{} of {} deliveries are missing after {PATIENCE:?}",
            accounts.owed - accounts.got,
            accounts.owed
        );
    }
    Ok(())
}
