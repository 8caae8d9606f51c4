//! All subscribers, on one thread: a thousand sockets that never wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::Thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use dunlin_protocol::{ServerOp, encode};
use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::flow::Flow;
use crate::report::delays;
use crate::tracks::Tracks;
use crate::wire::{PATIENCE, Scratch, Wire};
use crate::work::Plan;

/// How often to look about when nothing arrives.
const LOOK: Duration = Duration::from_millis(100);

/// The subscribers of a run.
pub(crate) struct Reader {
    poll: Poll,
    waker: Arc<Waker>,
    subscribers: Vec<Subscriber>,
    scratch: Scratch,
    delays: Histogram<u64>,
}

struct Subscriber {
    wire: Wire<TcpStream>,
    tracks: Tracks,
    has_said_all: bool, // It has answered the PING behind everything.
}

/// What arrived.
#[derive(Default)]
pub(crate) struct Readings {
    pub(crate) tracks: Vec<Tracks>,
    /// From sent to received, in nanoseconds; none where nobody listened.
    pub(crate) delays: Option<Histogram<u64>>,
}

impl Reader {
    /// Connects and subscribes everybody.
    pub(crate) fn dial(address: &str, plan: &Plan) -> Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), Token(plan.subscribers))?);
        let mut scratch = Scratch::default();
        let mut subscribers = Vec::with_capacity(plan.subscribers);
        for number in 0..plan.subscribers {
            let mut wire = Wire::dial(address, plan.payload, &mut scratch)
                .with_context(|| format!("subscriber {number}"))?;
            let mut line = Vec::new();
            let queue = plan.queue().map(str::as_bytes);
            encode::subscribe(&mut line, plan.filter(number).as_bytes(), queue, 1);
            wire.send(&line)?;
            wire.round_trip(&mut scratch)?;
            let mut wire = wire.into_unblocking()?;
            let registry = poll.registry();
            registry.register(&mut wire.stream, Token(number), Interest::READABLE)?;
            subscribers.push(Subscriber {
                wire,
                tracks: Tracks::new(plan),
                has_said_all: false,
            });
        }
        Ok(Self {
            poll,
            waker,
            subscribers,
            scratch,
            delays: delays(),
        })
    }

    /// Ends the wait for something to arrive.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Receives until everything has arrived and every subscriber has said that there is no more;
    /// wakes `waiting` when there is room for them.
    pub(crate) fn run(mut self, flow: &Flow, waiting: &[Thread]) -> Result<Readings> {
        let mut events = Events::with_capacity(1024);
        let mut progress = (Instant::now(), 0);
        let mut is_closing = false;
        loop {
            if !is_closing && flow.is_done() {
                is_closing = true;
                for subscriber in &mut self.subscribers {
                    subscriber.wire.send_few(encode::PING)?;
                }
            }
            if is_closing
                && self
                    .subscribers
                    .iter()
                    .all(|subscriber| subscriber.has_said_all)
            {
                return Ok(Readings {
                    tracks: self.subscribers.into_iter().map(|it| it.tracks).collect(),
                    delays: Some(self.delays),
                });
            }
            match self.poll.poll(&mut events, Some(LOOK)) {
                Err(error) if error.kind() != std::io::ErrorKind::Interrupted => {
                    return Err(error.into());
                }
                _ => {}
            }
            for event in &events {
                self.receive(event.token().0, flow, waiting)
                    .with_context(|| format!("subscriber {}", event.token().0))?;
            }
            let delivered = flow.delivered.load(Ordering::Relaxed);
            if delivered != progress.1 || !events.is_empty() {
                progress = (Instant::now(), delivered);
            } else if flow.is_stopped() && progress.0.elapsed() > PATIENCE {
                bail!(
                    "{} deliveries are missing after {PATIENCE:?}",
                    flow.missing()
                );
            }
        }
    }

    /// Takes everything that has arrived for one subscriber.
    fn receive(&mut self, number: usize, flow: &Flow, waiting: &[Thread]) -> Result<()> {
        let Some(subscriber) = self.subscribers.get_mut(number) else {
            return Ok(()); // The waker.
        };
        let Subscriber {
            wire,
            tracks,
            has_said_all,
        } = subscriber;
        loop {
            let (mut now, mut count, mut is_pinged) = (0, 0, false);
            let has_read = wire.receive(&mut self.scratch, |op| {
                match op {
                    ServerOp::Message(message) => {
                        if count == 0 {
                            now = flow.nanos(); // Once for all that one read brought.
                        }
                        count += 1;
                        let sent = tracks.enter(message.payload())?;
                        if flow.records(sent) {
                            self.delays.saturating_record(now.saturating_sub(sent));
                        }
                    }
                    ServerOp::Ping => is_pinged = true,
                    ServerOp::Pong => *has_said_all = true,
                    _ => {}
                }
                Ok(())
            })?;
            if is_pinged {
                wire.send_few(encode::PONG)?;
            }
            if count > 0 {
                flow.delivered.fetch_add(count, Ordering::Relaxed);
                if flow.is_low() {
                    waiting.iter().for_each(Thread::unpark);
                }
            }
            if !has_read {
                return Ok(());
            }
        }
    }
}
