//! Typed: real people's programs, `nc` and `telnet`, each at a pseudo-terminal.
//!
//! A terminal here is what a person sees: what is typed is echoed, and lines go out with Enter.
//! In: keys. Out: what stands on the screen, waited for piece by piece.

use std::fs::File;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use dunlin_tests::{Options, PATIENCE, Target, show};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

against_ours! {
    a_first_session_with_nc
    a_first_session_with_telnet
    everything_by_hand_with_nc
    everything_by_hand_with_telnet
    a_person_logs_in
}

async fn a_first_session_with_nc() {
    first_session("nc").await;
}

async fn a_first_session_with_telnet() {
    first_session("telnet").await;
}

async fn everything_by_hand_with_nc() {
    everything("nc").await;
}

async fn everything_by_hand_with_telnet() {
    everything("telnet").await;
}

/// One listens, another publishes after three mistakes.
async fn first_session(program: &str) {
    let Some((mut listener, mut speaker, _server)) = two(program, "").await else {
        return;
    };
    listener.types("\r");
    listener.types("sub greet.* 1\r");
    listener.sees("+OK");
    speaker.types("PBU greet.joe hello\r");
    speaker.sees("there is no verb PBU; did you mean PUB?");
    speaker.types("PUB greet.joe hello\r");
    speaker.sees("word 3, \"hello\", is no size");
    speaker.sees("PUB greet.joe \"hello\"");
    speaker.types("PUB greet.joe 3\r");
    speaker.types("hello\r");
    speaker.sees("the payload has 5 bytes, not 3; it was not sent");
    speaker.sees("PUB greet.joe \"hello\"");
    speaker.types("PUB greet.joe \"hello\"\r");
    speaker.sees("+OK");
    listener.sees("MSG greet.joe 1 5");
    listener.sees("hello");
    speaker.types("quit\r");
    speaker.ends();
}

/// Help, view, headers, requests, a payload that is too short.
async fn everything(program: &str) {
    let Some((mut listener, mut speaker, _server)) = two(program, "").await else {
        return;
    };
    listener.types("help view\r");
    listener.sees("on: messages with their time (UTC)");
    listener.types("VIEW on\r");
    listener.sees("+OK");
    listener.types("SUB > all\r");
    listener.sees("+OK");
    speaker.types("HPUB greet.joe \"Lang: en\" \"say \"hello\"\"\r");
    speaker.sees("+OK");
    listener.sees("greet.joe  sid all  11 bytes");
    listener.sees("    Lang: en");
    listener.sees("  | say \"hello\"");
    speaker.types("REQ time my.answer \"now?\"\r");
    listener.sees("time  sid all  reply my.answer  4 bytes");
    listener.sees("  | now?");
    listener.types("PUB my.answer \"12:00\"\r");
    speaker.sees("MSG my.answer ?1 5");
    speaker.sees("12:00");
    speaker.types("PUB greet.joe 20\r");
    speaker.types("hello\r");
    speaker.sees("of 20 bytes have come");
    speaker.types("\r");
    speaker.sees("given up; nothing was sent");
    speaker.types("\u{1b}[A\r");
    speaker.sees("an arrow key");
    speaker.types("EXIT\r");
    speaker.ends();
}

async fn a_person_logs_in() {
    let Some((mut one, mut two, _server)) = two("nc", "auth=users").await else {
        return;
    };
    one.types("SUB a 1\r");
    one.sees("-ERR 'Authorization Violation'");
    one.sees("first say who you are");
    one.types("AUTH a a\r");
    one.sees("+OK");
    one.types("SUB a 1\r");
    one.sees("+OK");
    two.types("AUTH a wrong\r");
    two.sees("-ERR 'Authorization Violation'");
    two.ends();
}

/// A server and two people at it; none where `program` is not installed.
async fn two(program: &str, words: &str) -> Option<(Terminal, Terminal, dunlin_tests::Running)> {
    if Command::new("which")
        .arg(program)
        .output()
        .is_ok_and(|found| !found.status.success())
    {
        let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!is_ci, "{program} must be installed in CI");
        eprintln!("{program} is not installed, nothing was typed");
        return None;
    }
    let options = Options::named(words).expect("known settings");
    let server = Target::Ours.start(&options).await.expect("a server");
    let open = || {
        let mut terminal = Terminal::open(program, server.address());
        terminal.sees("INFO {");
        terminal.sees("}");
        terminal
    };
    let (one, two) = (open(), open());
    Some((one, two, server))
}

/// A person's terminal with a program in it.
struct Terminal {
    keys: File,
    screen: Receiver<Vec<u8>>,
    shown: Vec<u8>,
    seen: usize, // How much of `shown` has been looked at.
    child: Child,
}

impl Terminal {
    fn open(program: &str, server: SocketAddr) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let keys = openpt(flags).expect("a pseudo-terminal");
        grantpt(&keys).expect("it is ours");
        unlockpt(&keys).expect("it can be opened");
        let name = ptsname(&keys, Vec::new()).expect("it has a name");
        let name = name.to_str().expect("a plain name");
        let line = || {
            File::options()
                .read(true)
                .write(true)
                .open(name)
                .expect("its other side")
        };
        let child = Command::new(program)
            .args([server.ip().to_string(), server.port().to_string()])
            .env("TERM", "dumb")
            .stdin(line())
            .stdout(line())
            .stderr(line())
            .spawn()
            .expect("the program starts");
        let keys = File::from(keys);
        let mut reader = keys.try_clone().expect("a second handle");
        let (shows, screen) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Reading fails when the last program at the terminal has ended.
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if shows.send(buffer[..read].to_vec()).is_err() {
                    return; // Nobody looks any more.
                }
            }
        });
        Self {
            keys,
            screen,
            shown: Vec::new(),
            seen: 0,
            child,
        }
    }

    fn types(&mut self, keys: &str) {
        self.keys
            .write_all(keys.as_bytes())
            .expect("keys can be typed");
    }

    /// Waits until `text` stands behind what was seen before.
    #[track_caller]
    fn sees(&mut self, text: &str) {
        loop {
            let rest = &self.shown[self.seen..];
            let found = rest
                .windows(text.len())
                .position(|part| part == text.as_bytes());
            if let Some(at) = found {
                self.seen += at + text.len();
                return;
            }
            match self.screen.recv_timeout(PATIENCE) {
                Ok(more) => self.shown.extend_from_slice(&more),
                Err(_) => panic!("not seen: {text}\n    on the screen: {}", show(rest)),
            }
        }
    }

    /// The program ends, now that the server has hung up; `nc` wants Ctrl-D for that.
    #[track_caller]
    fn ends(&mut self) {
        let _ = self.keys.write_all(b"\x04"); // It may have ended already.
        loop {
            match self.screen.recv_timeout(PATIENCE) {
                Ok(more) => self.shown.extend_from_slice(&more),
                Err(RecvTimeoutError::Disconnected) => break, // Nobody holds the terminal any more.
                Err(RecvTimeoutError::Timeout) => {
                    panic!("it goes on: {}", show(&self.shown[self.seen..]))
                }
            }
        }
        self.child.wait().expect("it has ended");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill(); // It may have ended.
        let _ = self.child.wait();
    }
}
