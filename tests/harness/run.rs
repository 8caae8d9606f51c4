//! Run: plays a transcript against a target.
//!
//! In: text, a target, a pace. Out: nothing, or a report of every scene that failed. Each scene
//! has a server and connections of its own. Nothing here waits for time to pass: each step ends
//! with the bytes it expects, and fails with the first byte it does not.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::pin::Pin;
use std::task::Poll;

use crate::info::InfoPattern;
use crate::sent::Sent;
use crate::target::Target;
use crate::text::{self, show};
use crate::transcript::{self, Action, Scene, Step};
use crate::wire::{Wire, operation_length, within};

/// How what is sent is cut up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As clients do: lines that follow each other in one write.
    ByLine,
    /// A byte at a time; only long lines go out whole.
    ByByte,
}

/// Plays the transcript in `path`, and says how many scenes were played.
pub async fn run_file(target: Target, path: &Path, pace: Pace) -> Result<usize, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path:?}: {error}"))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    run_text(target, &name, &text, pace).await
}

/// Plays the transcript in `text`; `name` is what reports call it.
pub async fn run_text(target: Target, name: &str, text: &str, pace: Pace) -> Result<usize, String> {
    let mut scenes = transcript::read(text).map_err(|error| format!("{name}:{error}"))?;
    scenes.retain(|scene| target == Target::Ours || scene.only_ours.is_none());
    let mut reports = Vec::new();
    for together in scenes.chunks(AT_ONCE) {
        let running: Vec<_> = together
            .iter()
            .map(|scene| tokio::spawn(run_scene(target, scene.clone(), pace)))
            .collect();
        for (scene, running) in together.iter().zip(running) {
            let verdict = running.await.map_err(|error| format!("{name}: {error}"))?;
            if let Err(report) = verdict {
                let (title, target) = (&scene.title, target.name());
                reports.push(format!(
                    "{name}:{report}\n    in {title:?} against {target}"
                ));
            }
        }
    }
    match reports.is_empty() {
        true => Ok(scenes.len()),
        false => Err(reports.join("\n\n")),
    }
}

async fn run_scene(target: Target, scene: Scene, pace: Pace) -> Result<(), String> {
    let server = target
        .start(&scene.options)
        .await
        .map_err(|error| format!("0: {error}"))?;
    let mut stage = Stage {
        address: server.address(),
        players: BTreeMap::new(),
        minds_pings: scene.options.ping_interval.is_some(),
        pace,
        unsent: Vec::new(),
    };
    for (index, step) in scene.steps.iter().enumerate() {
        let told = |error| format!("{}: {}\n    {error}", step.line, step.text);
        let next = scene.steps.get(index + 1);
        stage
            .play(step, next.is_some_and(|next| step.is_continued_by(next)))
            .await
            .map_err(told)?;
    }
    let end = scene.steps.last().map_or(0, |step| step.line);
    stage
        .silence()
        .await
        .map_err(|error| format!("{end}: after the last line\n    {error}"))
}

/// The connections of one scene.
struct Stage {
    address: SocketAddr,
    players: BTreeMap<String, Player>,
    /// Whether the scene is about the server's own PINGs; otherwise they are answered in passing.
    minds_pings: bool,
    pace: Pace,
    /// Lines that go out together with the next.
    unsent: Vec<u8>,
}

/// One named connection.
struct Player {
    wire: Wire,
    sent: Sent,
    pongs_taken: usize,
    /// Whether the server may not yet have digested what was sent last.
    is_ahead: bool,
    is_half_closed: bool,
}

impl Stage {
    /// Plays one line; what it sends may wait for the next line when that `is_continued`.
    async fn play(&mut self, step: &Step, is_continued: bool) -> Result<(), String> {
        let names = &step.names;
        let first = names.first().map(String::as_str).unwrap_or_default();
        for name in names {
            self.open(name, &step.action).await?;
        }
        match &step.action {
            Action::Send(bytes) if is_continued && self.pace == Pace::ByLine => {
                self.unsent.extend_from_slice(bytes);
                Ok(())
            }
            Action::Send(bytes) | Action::SendExactly(bytes) => {
                let bytes = [&std::mem::take(&mut self.unsent), bytes.as_slice()].concat();
                self.send(first, &bytes).await
            }
            Action::Hello(bytes) => {
                self.send(first, bytes).await?;
                self.expect(names, &[b"PONG\r\n".to_vec()]).await
            }
            Action::HalfClose => {
                self.wait_for_others(first).await?;
                let player = self.player(first);
                player.is_half_closed = true;
                player.wire.half_close().await.map_err(told)
            }
            Action::Close => {
                self.wait_for_others(first).await?;
                self.players.remove(first);
                Ok(())
            }
            Action::Expect(readings) => self.expect(names, readings).await,
            Action::ExpectInfo(pattern) => self.expect_info(first, pattern).await,
            Action::ExpectLike(pattern) => {
                self.expect_line(first, |line| text::check_like(pattern, line))
                    .await
            }
            Action::ExpectClosed => self.expect_closed(first).await,
            Action::Silence => self.silence().await,
        }
    }

    /// Opens a connection that is named for the first time, and reads its INFO unless that is
    /// what the scene wants to see.
    async fn open(&mut self, name: &str, action: &Action) -> Result<(), String> {
        if self.players.contains_key(name) {
            return Ok(());
        }
        self.wait_for_others(name).await?;
        let wire = Wire::open(self.address, None).await.map_err(told)?;
        self.players.insert(name.to_owned(), Player::new(wire));
        match action {
            Action::ExpectInfo(_) => Ok(()),
            _ => self.expect_info(name, &InfoPattern::read("{...}")?).await,
        }
    }

    async fn send(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        self.wait_for_others(name).await?;
        let pieces = match self.pace {
            Pace::ByByte if bytes.len() <= BY_BYTE_MAX => 1,
            _ => usize::MAX,
        };
        let player = self.player(name);
        player.is_ahead = true;
        player.sent.feed(bytes);
        for piece in bytes.chunks(pieces) {
            player.wire.send(piece).await.map_err(told)?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Waits until the server has digested what every connection but `name` has sent, so that
    /// the order of lines in a transcript is the order in which they take effect.
    async fn wait_for_others(&mut self, name: &str) -> Result<(), String> {
        for (other, player) in &mut self.players {
            if other != name {
                player
                    .wait_until_digested()
                    .await
                    .map_err(|error| format!("{other}: {error}"))?;
            }
        }
        Ok(())
    }

    async fn expect(&mut self, names: &[String], readings: &[Vec<u8>]) -> Result<(), String> {
        let expected: Vec<String> = readings.iter().map(|bytes| show(bytes)).collect();
        let expected = format!("expected  {}", expected.join("\n          or  "));
        loop {
            let mut is_over = true;
            for name in names {
                self.pass_ping(name).await?;
                let may_be_ping = !self.minds_pings;
                let player = self.player(name);
                match verdict(player.wire.inbox(), readings, may_be_ping) {
                    Verdict::Holds(length) => {
                        player.take(length);
                        return Ok(());
                    }
                    Verdict::Fails => return Err(format!("{expected}\n    {}", player.arrived())),
                    Verdict::Open => is_over &= player.wire.is_ended(),
                }
            }
            if is_over {
                return Err(format!(
                    "{expected}\n    {}",
                    self.player(&names[0]).arrived()
                ));
            }
            self.fill_any(names).await.map_err(|error| {
                format!(
                    "{expected}\n    {}\n    ({error})",
                    self.player(&names[0]).arrived()
                )
            })?;
        }
    }

    async fn expect_info(&mut self, name: &str, pattern: &InfoPattern) -> Result<(), String> {
        self.expect_line(name, |line| pattern.check(line)).await
    }

    /// Expects one line that passes `check`.
    async fn expect_line(
        &mut self,
        name: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<(), String> {
        let player = self.player(name);
        loop {
            let inbox = player.wire.inbox();
            if let Some(end) = inbox.iter().position(|&byte| byte == b'\n') {
                let length = end + 1;
                let line = inbox[..length]
                    .strip_suffix(b"\r\n")
                    .ok_or("not ended by CR LF")?;
                let verdict = check(&String::from_utf8_lossy(line));
                verdict.map_err(|error| format!("{error}\n    {}", player.arrived()))?;
                player.take(length);
                return Ok(());
            }
            if player.wire.is_ended() {
                return Err(format!("expected a line\n    {}", player.arrived()));
            }
            within(player.wire.fill()).await.map_err(told)?;
        }
    }

    async fn expect_closed(&mut self, name: &str) -> Result<(), String> {
        loop {
            self.pass_ping(name).await?;
            let minds_pings = self.minds_pings;
            let player = self.player(name);
            let inbox = player.wire.inbox();
            let may_be_ping = !minds_pings && PING.starts_with(inbox);
            if player.wire.is_ended() && inbox.is_empty() {
                return Ok(());
            }
            if player.wire.is_ended() || !inbox.is_empty() && !may_be_ping {
                return Err(format!(
                    "expected the server to close\n    {}",
                    player.arrived()
                ));
            }
            let open = |error| format!("expected the server to close: {error}");
            within(player.wire.fill()).await.map_err(open)?;
        }
    }

    /// Proves that nobody has anything left to read.
    ///
    /// The first round's PONGs say that all that was sent is digested, and so put into the readers'
    /// queues; the second round's come behind whatever that was.
    async fn silence(&mut self) -> Result<(), String> {
        let names: Vec<String> = self.players.keys().cloned().collect();
        for name in names.iter().chain(&names) {
            let player = self.player(name);
            if player.can_be_asked() {
                if player.sent.pings() > player.pongs_taken {
                    return Err(format!("{name} has a PONG due that nobody expects"));
                }
                player.sent.feed(PING);
                player.wire.send(PING).await.map_err(told)?;
                let pong = [b"PONG\r\n".to_vec()];
                let silent = self.expect(std::slice::from_ref(name), &pong).await;
                silent
                    .map_err(|error| format!("{name} should have nothing to read\n    {error}"))?;
            } else if !player.wire.inbox().is_empty() {
                return Err(format!(
                    "{name} should have nothing to read\n    {}",
                    player.arrived()
                ));
            }
        }
        Ok(())
    }

    /// Answers a PING of the server that comes while the scene is about something else: on a slow
    /// machine the first one may be due.
    async fn pass_ping(&mut self, name: &str) -> Result<(), String> {
        let minds_pings = self.minds_pings;
        let player = self.player(name);
        if minds_pings || !player.wire.inbox().starts_with(PING) {
            return Ok(());
        }
        player.wire.take(PING.len());
        player.wire.send(b"PONG\r\n").await.map_err(told)
    }

    /// Waits until one of `names` has received more.
    async fn fill_any(&mut self, names: &[String]) -> std::io::Result<()> {
        let players = self
            .players
            .iter_mut()
            .filter(|(name, _)| names.contains(name));
        let open = players.filter(|(_, player)| !player.wire.is_ended());
        let mut fills: Vec<Pin<Box<_>>> = open
            .map(|(_, player)| Box::pin(player.wire.fill()))
            .collect();
        let any = poll_fn(|context| {
            let done = fills
                .iter_mut()
                .find_map(|fill| match fill.as_mut().poll(context) {
                    Poll::Ready(result) => Some(result),
                    Poll::Pending => None,
                });
            done.map_or(Poll::Pending, Poll::Ready)
        });
        within(any).await
    }

    fn player(&mut self, name: &str) -> &mut Player {
        self.players
            .get_mut(name)
            .expect("a step opens the connections it names")
    }
}

impl Player {
    fn new(wire: Wire) -> Self {
        let sent = Sent::default();
        Self {
            wire,
            sent,
            pongs_taken: 0,
            is_ahead: false,
            is_half_closed: false,
        }
    }

    /// Sends a PING of the harness's own and takes its PONG out of the inbox, wherever it stands.
    async fn wait_until_digested(&mut self) -> Result<(), String> {
        if !self.is_ahead || !self.can_be_asked() {
            return Ok(());
        }
        self.wire.send(PING).await.map_err(told)?;
        self.sent.feed(PING);
        let wanted = self.sent.pings() - self.pongs_taken;
        loop {
            if let Some(range) = nth_pong(self.wire.inbox(), wanted) {
                self.wire.cut(range);
                self.pongs_taken += 1;
                self.is_ahead = false;
                return Ok(());
            }
            if self.wire.is_ended() {
                return Ok(()); // The next expectation will tell.
            }
            if let Err(error) = within(self.wire.fill()).await {
                return Err(format!("no PONG: {error}\n    {}", self.arrived()));
            }
        }
    }

    fn take(&mut self, length: usize) {
        let lines = self.wire.inbox()[..length].split_inclusive(|&byte| byte == b'\n');
        self.pongs_taken += lines.filter(|line| line == b"PONG\r\n").count();
        self.wire.take(length);
    }

    /// Whether a PING would be understood and answered.
    fn can_be_asked(&self) -> bool {
        !self.is_half_closed && !self.wire.is_ended() && self.sent.is_between_operations()
    }

    fn arrived(&self) -> String {
        let end = if self.wire.is_ended() {
            ", then the server closed"
        } else {
            ""
        };
        match self.wire.inbox() {
            b"" => format!("arrived   nothing{end}"),
            inbox => format!("arrived   {}{end}", show(inbox)),
        }
    }
}

enum Verdict {
    Holds(usize),
    Open,
    Fails,
}

fn verdict(inbox: &[u8], readings: &[Vec<u8>], may_be_ping: bool) -> Verdict {
    if let Some(reading) = readings.iter().find(|reading| inbox.starts_with(reading)) {
        return Verdict::Holds(reading.len());
    }
    let may_become = readings.iter().any(|reading| reading.starts_with(inbox));
    match may_become || may_be_ping && PING.starts_with(inbox) {
        true => Verdict::Open,
        false => Verdict::Fails,
    }
}

/// Where the `wanted`-th PONG of `inbox` stands, counted from one.
fn nth_pong(inbox: &[u8], wanted: usize) -> Option<Range<usize>> {
    let (mut at, mut seen) = (0, 0);
    while let Some(length) = operation_length(&inbox[at..]) {
        if &inbox[at..at + length] == b"PONG\r\n" {
            seen += 1;
        }
        if seen == wanted {
            return Some(at..at + length);
        }
        at += length;
    }
    None
}

fn told(error: std::io::Error) -> String {
    error.to_string()
}

const PING: &[u8] = b"PING\r\n";

/// Scenes of one file that run at the same time: those about timers mostly wait.
const AT_ONCE: usize = 4;

/// Longer lines test a limit, not the parser's memory, and would take seconds.
const BY_BYTE_MAX: usize = 300;
