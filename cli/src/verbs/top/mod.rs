//! `dunlin top`: who is connected, what flows, who is slow, on a screen that moves.
//!
//! In: the HTTP monitoring of a server, looked at again and again. Out: a terminal screen; for a
//! pipe, text or JSON lines.

mod frame;
mod plain;
mod sample;
mod screen;
mod state;
mod style;
mod table;

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use crossterm::event::{self, Event};
use ratatui::DefaultTerminal;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::Common;
use crate::connect::Target;
use crate::failure::Failure;
use crate::http;
use crate::output::Output;
use crate::stop::Stop;
use crate::text;
use frame::{Frame, Order};
use sample::{Sample, look};
use state::{State, Wish};

/// Watch a server: connections, rates, slow readers, subjects
#[derive(Debug, Args)]
#[command(after_help = "\
Reads the monitoring of the server, over http or https (`http_port` in its configuration, usually 8222). Without a \
terminal it prints text, or JSON lines with --json.

EXAMPLES
  dunlin top
  dunlin top --monitor http://server:8222 --order pending
  dunlin top --monitor https://server:8443 --tlsca ca.pem
  dunlin top --json --count 1 | jq '.rows[].name'")]
pub(crate) struct Top {
    /// Where the monitoring is [env: DUNLIN_MONITOR; default: port 8222 of the server]
    #[arg(short, long, alias = "http", value_name = "URL")]
    monitor: Option<String>,

    /// Look so often
    #[arg(short, long, value_name = "DURATION", default_value = "1s", value_parser = text::duration)]
    interval: Duration,

    /// Order connections by this
    #[arg(short, long, value_enum, default_value = "to")]
    order: Order,

    /// End after so many looks [default: 1 without a terminal]
    #[arg(short = 'n', long, value_parser = text::amount)]
    count: Option<u64>,
}

/// Looks at a server, and remembers the look before.
struct Watch {
    base: String,
    /// The server, and whom to trust.
    target: Target,
    interval: Duration,
    last: Option<Sample>,
}

impl Top {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        let stop = Stop::listen()?;
        let target = common.connection.target("top")?;
        let watch = Watch {
            base: self.base(&target)?,
            target,
            interval: self.interval.max(INTERVAL_MIN),
            last: None,
        };
        if common.style.is_json || !std::io::stdout().is_terminal() {
            return self.print(watch, stop, common).await;
        }
        let mut terminal = ratatui::init();
        let outcome = self.watch(watch, stop, &mut terminal).await;
        ratatui::restore();
        outcome
    }

    /// The address of the monitoring, without a slash at its end.
    fn base(&self, target: &Target) -> Result<String, Failure> {
        let variable = std::env::var("DUNLIN_MONITOR").ok();
        let given = self
            .monitor
            .clone()
            .or(variable.filter(|value| !value.is_empty()));
        if let Some(url) = given {
            return Ok(http::whole(&url));
        }
        let first = target.url.split(',').next().unwrap_or_default().trim();
        let address: dunlin::ServerAddr = first.parse()?;
        let host = match address.host() {
            host if host.contains(':') => format!("[{host}]"),
            host => host.to_owned(),
        };
        Ok(format!("http://{host}:8222"))
    }

    /// Text or JSON for a pipe.
    async fn print(
        &self,
        mut watch: Watch,
        mut stop: Stop,
        common: &Common,
    ) -> Result<(), Failure> {
        let (mut output, mut ticks) = (Output::new(), ticks(watch.interval));
        let (mut seen, count) = (0, self.count.unwrap_or(1));
        while count == 0 || seen < count {
            tokio::select! {
                biased;
                () = stop.asked() => break,
                _ = ticks.tick() => {}
            }
            let Some(frame) = watch.look(self.order).await? else {
                continue; // A first look has nothing to compare with.
            };
            seen += 1;
            match common.style.is_json {
                true => output.line(&plain::json(&frame))?,
                false => output.line(&plain::text(&frame))?,
            }
            output.flush()?;
        }
        Ok(())
    }

    /// The screen.
    async fn watch(
        &self,
        watch: Watch,
        mut stop: Stop,
        terminal: &mut DefaultTerminal,
    ) -> Result<(), Failure> {
        let mut state = State::new(watch.base.clone(), watch.interval, self.order);
        let (order, orders) = tokio::sync::watch::channel(self.order);
        let (mut keys, mut looks) = (listen(), looks(watch, orders));
        let mut seen = 0;
        loop {
            let drawn = terminal.draw(|canvas| screen::draw(&mut state, canvas));
            drawn.map_err(|error| Failure::because("cannot draw", error))?;
            tokio::select! {
                biased;
                () = stop.asked() => return Ok(()),
                Some(event) = keys.recv() => match state.hear(&event) {
                    Wish::Quit => return Ok(()),
                    Wish::Redraw => drop(order.send_replace(state.order)),
                    Wish::Nothing => {}
                },
                Some(look) = looks.recv() => match look {
                    Ok(frame) => {
                        state.take(frame);
                        seen += 1;
                    }
                    Err(failure) => state.complain(&failure.text()),
                },
            }
            if self.count.is_some_and(|count| count > 0 && seen >= count) {
                return Ok(());
            }
        }
    }
}

impl Watch {
    /// What happened since the last look; nothing at the first.
    async fn look(&mut self, order: Order) -> Result<Option<Frame>, Failure> {
        let wait = self.interval.max(WAIT_MIN);
        let now = look(&self.base, order.name(), wait, &self.target).await?;
        let frame = self
            .last
            .as_ref()
            .map(|last| Frame::between(last, &now, order));
        self.last = Some(now);
        Ok(frame)
    }
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Looks again and again, in a task of its own: a server that does not answer must not hold up the
/// keys. Ends when nobody wants to know any more.
fn looks(
    mut watch: Watch,
    orders: tokio::sync::watch::Receiver<Order>,
) -> mpsc::Receiver<Result<Frame, Failure>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut ticks = ticks(watch.interval);
        while !sender.is_closed() {
            ticks.tick().await;
            let order = *orders.borrow();
            if let Some(look) = watch.look(order).await.transpose()
                && sender.send(look).await.is_err()
            {
                return;
            }
        }
    });
    receiver
}

/// The keys that are pressed; read by a thread of its own, which ends with the program.
fn listen() -> mpsc::Receiver<Event> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A server should not be busy with being looked at.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// How long a look may take, however often one looks.
const WAIT_MIN: Duration = Duration::from_secs(2);
