//! `dunlin shell`: publish, subscribe and ask by hand, with line editing, history and completion.
//!
//! What a hand session by `nc` is on a plain port, this is everywhere: on servers with TLS and
//! credentials, and on nats-server. The words are the same.

mod editor;
mod grammar;
mod help;
mod seen;
mod session;

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use clap::Args;
use dunlin::Event;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::ExternalPrinter;
use tokio::sync::{Notify, mpsc};

use super::Common;
use crate::connect::watch_with;
use crate::failure::{Code, Failure};
use crate::stop::Stop;
use crate::text::short_name;
use editor::Line;
use grammar::{Form, parse};
use seen::Seen;
use session::Session;

/// Publish, subscribe and ask by hand, line by line
#[derive(Debug, Args)]
#[command(after_help = "\
The words are those of the protocol: SUB, PUB, REQ and others; HELP lists them. The tabulator key \
completes verbs and subjects that were seen. Lines may also come from a pipe; then the exit code \
says whether all were understood and done.

EXAMPLES
  dunlin shell -s tls://server:4222 --creds ada.creds
  printf 'SUB greet.*\\nPUB greet.joe \"hello\"\\n' | dunlin shell")]
pub(crate) struct Shell {}

/// Where text goes: between the lines of the editor, or to stdout.
type Screen = Box<dyn FnMut(String) -> bool + Send>;

impl Shell {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        let (closed, is_terminal) = (Arc::new(Notify::new()), io::stdin().is_terminal());
        let mut stop = match is_terminal {
            true => Stop::listen_but_for_keys()?,
            false => Stop::listen()?,
        };
        let client = common.connection.connect("shell").await?;
        common.style.tell(|| {
            let info = client.server_info();
            let name = short_name(&info.server_name);
            let name = crate::view::shown(&format!("{name} {}", info.version));
            format!("connected to {name}; HELP helps, Ctrl-D ends")
        });
        let (seen, before) = (Arc::new(Seen::default()), Settings::now());
        let (lines, typed) = mpsc::channel(1);
        let screen = read(is_terminal, &seen, lines)?;
        let (shown, texts) = mpsc::channel(TEXTS_MAX);
        let printer = std::thread::spawn(move || print(screen, texts));
        // Not kept alive by it: the printer ends when nobody else has anything to say.
        let weak = shown.downgrade();
        watch_with(&client, &closed, move |event| {
            if let (Some(shown), false) = (weak.upgrade(), is_told(&event)) {
                let _ = shown.try_send(session::Text::Show(format!("! {event}\n"))); // Or it is full.
            }
        });
        let form = match common.style.is_json {
            true => Form::Json,
            false => Form::Full,
        };
        let session = Session::new(client.clone(), seen, shown, form);
        let outcome = tokio::select! {
            biased;
            () = stop.asked() => Err(Failure::silent(Code::Interrupted)),
            outcome = serve(session, typed, is_terminal) => outcome,
            () = closed.notified() => {
                Err(Failure::new(Code::NotConnected, "connection is closed"))
            }
        };
        let _ = client.drain().await; // Closed already: nothing is left to send.
        drop(client);
        let _ = tokio::task::spawn_blocking(|| printer.join()).await; // What it has not shown yet.
        before.restore();
        outcome
    }
}

/// Whether the session says it of the line that it concerns.
fn is_told(event: &Event) -> bool {
    matches!(event, Event::ServerError(_))
}

/// Does line after line until there are no more.
async fn serve(
    mut session: Session,
    mut typed: mpsc::Receiver<Line>,
    is_terminal: bool,
) -> Result<(), Failure> {
    let mut mistakes = None;
    while let Some((line, done)) = typed.recv().await {
        let outcome = match parse(&line) {
            Ok(command) => session.perform(command).await,
            Err(mistake) => Err(Failure::usage(mistake)),
        };
        match outcome {
            Ok(true) => {}
            Ok(false) => break,
            Err(failure) => {
                session.complain(&failure).await;
                mistakes = mistakes.or(Some(failure));
            }
        }
        session.settle().await;
        let _ = done.send(()); // The editor may have gone.
    }
    match mistakes {
        Some(failure) if !is_terminal => Err(Failure::silent(failure.code)),
        _ => Ok(()),
    }
}

/// Begins to read lines, in a thread of its own; what writes between them.
fn read(is_terminal: bool, seen: &Arc<Seen>, lines: mpsc::Sender<Line>) -> Result<Screen, Failure> {
    if !is_terminal {
        std::thread::spawn(move || editor::read_pipe(&lines));
        return Ok(Box::new(|text| {
            let mut stdout = io::stdout().lock();
            stdout
                .write_all(text.as_bytes())
                .and_then(|()| stdout.flush())
                .is_ok()
        }));
    }
    let failed = |error| Failure::because("cannot use the terminal", error);
    let mut terminal = editor::terminal(Arc::clone(seen)).map_err(failed)?;
    let mut printer = terminal.create_external_printer().map_err(failed)?;
    std::thread::spawn(move || editor::read_terminal(terminal, &lines));
    Ok(Box::new(move |text| printer.print(text).is_ok()))
}

/// Shows texts until there are no more, or nobody sees them.
fn print(mut screen: Screen, mut texts: mpsc::Receiver<session::Text>) {
    while let Some(text) = texts.blocking_recv() {
        match text {
            session::Text::Show(text) => {
                if !screen(text) {
                    return;
                }
            }
            session::Text::Settled(done) => {
                let _ = done.send(()); // Whoever waits for it may have gone.
            }
        }
    }
}

/// How the terminal was before the editor changed it: a thread that waits for a key does not put it
/// back when the program ends.
struct Settings(Option<Termios>);

impl Settings {
    fn now() -> Self {
        Self(tcgetattr(io::stdin()).ok())
    }

    fn restore(&self) {
        if let Some(settings) = &self.0 {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, settings); // It may have gone.
        }
    }
}

/// Texts that wait to be shown; more wait in the subscriptions' queues, whose drops are counted.
const TEXTS_MAX: usize = 1024;
