//! A terminal: a program under a pseudo-terminal, and what its screen shows.
//!
//! In: a program and keys. Out: the screen, as an emulator has it. Every look waits until the screen
//! is as expected, or patience ends.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use dunlin_tests::PATIENCE;
use pty_process::blocking::open;
use rustix::termios::{LocalModes, tcgetattr};

use crate::play::PROGRAM;
use crate::session::matches;

/// A program and its terminal.
pub(crate) struct Terminal {
    child: Child,
    keys: File,
    screen: Arc<(Mutex<vt100::Parser>, Condvar)>,
}

impl Terminal {
    /// Starts our program with `arguments`, in a terminal of this size.
    pub(crate) fn start(arguments: &[&str], home: &Path, (rows, columns): (u16, u16)) -> Self {
        let (pty, pts) = open().expect("a pseudo-terminal");
        pty.resize(pty_process::Size::new(rows, columns))
            .expect("a size is set");
        let command = pty_process::blocking::Command::new(PROGRAM)
            .args(arguments)
            .env_clear();
        let command = command.env("HOME", home).env("TERM", "xterm-256color");
        let child = command.spawn(pts).expect("the program starts");
        let reader = File::from(OwnedFd::from(pty));
        let keys = reader.try_clone().expect("the terminal has two ends");
        let screen = Arc::new((
            Mutex::new(vt100::Parser::new(size(rows), size(columns), 0)),
            Condvar::new(),
        ));
        let shared = Arc::clone(&screen);
        std::thread::spawn(move || show(reader, &shared));
        Self {
            child,
            keys,
            screen,
        }
    }

    /// Types.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys
            .write_all(keys.as_bytes())
            .expect("the terminal takes keys");
    }

    /// Waits until the lines of the file `name` stand below each other on the screen.
    pub(crate) fn shows(&self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/screens")
            .join(name);
        let text = std::fs::read_to_string(&path).expect("a screen that can be read");
        self.shows_lines(&text.lines().collect::<Vec<_>>());
    }

    /// Waits until these lines stand below each other on the screen.
    pub(crate) fn shows_lines(&self, expected: &[&str]) {
        let (screen, changed) = &*self.screen;
        let mut parser = screen.lock().expect("the reader does not panic");
        let end = Instant::now() + PATIENCE;
        loop {
            let shown = parser.screen().contents();
            let rows: Vec<&str> = shown.lines().map(str::trim_end).collect();
            let stands = |rows: &[&str]| {
                let mut pairs = expected.iter().zip(rows);
                pairs.all(|(expected, found)| matches(expected.trim_end(), found))
            };
            if rows.windows(expected.len()).any(stands) {
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                left > Duration::ZERO,
                "expected:\n{}\n\nthe screen is:\n{shown}",
                expected.join("\n")
            );
            let waited = changed.wait_timeout(parser, left);
            parser = waited.expect("the reader does not panic").0;
        }
    }

    /// Asks the program to end, as `kill` does.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", "TERM", &id]).status();
        assert!(status.expect("kill can be run").success());
    }

    /// Waits for the end of the program, which must leave the terminal as it was; its exit code.
    pub(crate) fn code(mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                let modes = tcgetattr(&self.keys).expect("a terminal").local_modes;
                let is_plain = modes.contains(LocalModes::ICANON | LocalModes::ECHO);
                assert!(is_plain, "lines are no longer edited and shown: {modes:?}");
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(2)); // The library cannot wait and give up.
        }
        let shown = self
            .screen
            .0
            .lock()
            .expect("the reader does not panic")
            .screen()
            .contents();
        panic!("did not end; the screen is:\n{shown}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Shows what the program writes, and answers what it asks of the terminal.
fn show(mut reader: File, shared: &(Mutex<vt100::Parser>, Condvar)) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = reader.read(&mut bytes) {
        let mut parser = shared.0.lock().expect("nobody panics with the lock");
        parser.process(&bytes[..count]);
        shared.1.notify_all();
        if bytes[..count].windows(4).any(|asked| asked == b"\x1b[6n") {
            let (row, column) = parser.screen().cursor_position();
            let answer = format!("\x1b[{};{}R", row + 1, column + 1);
            let _ = reader.write_all(answer.as_bytes()); // It may have ended.
        }
    }
}

fn size(length: u16) -> NonZeroU16 {
    NonZeroU16::new(length).expect("a terminal has a size")
}
