//! Many subscriptions of one connection: what each costs to make, to keep and to take back.

use anyhow::{Result, bail, ensure};

use crate::figures::{Figures, Mark};
use crate::flow::subjects::distinct;
use crate::hub::Hub;
use crate::server::Server;
use crate::timing::Timing;
use crate::wire::{Deaf, Ear, Message};

/// About how many of the subscriptions are tried.
const PROBES: usize = 500;
const PAYLOAD: &[u8] = b"0123456789abcdef";

/// Counts what comes to the subscriber, connection 0.
struct Probe {
    got: usize,
    is_live: bool,
}

impl Ear for Probe {
    fn hear(&mut self, on: usize, message: &Message<'_>, _out: &mut Vec<u8>) -> Result<()> {
        if on != 0 || message.payload != PAYLOAD || !self.is_live {
            bail!("a message that nobody has asked for");
        }
        self.got += 1;
        Ok(())
    }
}

/// What SUB costs, with the memory that stays, and what UNSUB costs, with what it leaves behind.
pub(crate) fn run(
    count: usize,
    depth: usize,
    timing: &Timing,
    server: &Server,
) -> Result<[Figures; 2]> {
    ensure!(depth >= 3, "--depth must be at least 3");
    let mut hub = Hub::new(server.address, server.dialect)?;
    hub.dial_all(2, |_, _, _| {})?;
    hub.pass(timing.settle / 4, &mut Deaf)?;
    let before = server.memory()?;
    let mut phase = |is_live: bool| -> Result<Figures> {
        let mut lines = Vec::new();
        for number in 0..count {
            match is_live {
                true => {
                    let filter = distinct(number, depth).0;
                    let sid = number as u64 + 1;
                    server
                        .dialect
                        .subscribe(&mut lines, filter.as_bytes(), None, sid);
                }
                false => lines.extend_from_slice(format!("UNSUB {}\r\n", number + 1).as_bytes()),
            }
        }
        let mark = Mark::now(server)?;
        hub.wires[0].send(&lines)?;
        drop(lines);
        hub.round_trip(0..1, &mut Deaf)?;
        let figures = mark.since(server, count as u64)?;
        hub.pass(timing.settle, &mut Deaf)?;
        let memory = server.memory()?.zip(before);
        let memory = memory.map(|(after, before)| (after - before).max(0.0) / count as f64);
        probe(&mut hub, count, depth, is_live)?;
        Ok(Figures { memory, ..figures })
    };
    Ok([phase(true)?, phase(false)?])
}

/// Publishes to some of the subjects, and holds what arrives against what must.
fn probe(hub: &mut Hub, count: usize, depth: usize, is_live: bool) -> Result<()> {
    let tried = (0..count).step_by(count / PROBES + 1);
    let expected = if is_live { tried.len() } else { 0 };
    let mut probe = Probe { got: 0, is_live };
    hub.wires[1].say(|dialect, out| {
        for number in tried {
            let subject = distinct(number, depth).1;
            dialect.publish(out, subject.as_bytes(), None, PAYLOAD);
        }
    })?;
    hub.round_trip(1..2, &mut probe)?;
    hub.round_trip(0..1, &mut probe)?;
    ensure!(
        probe.got == expected,
        "{} of {expected} probes arrived",
        probe.got
    );
    Ok(())
}
