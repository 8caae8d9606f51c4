//! The program itself, started and stopped: for tests of what it prints, reads and answers.
#![allow(clippy::unwrap_used, dead_code)] // A test fails by panicking; not every test asks everything.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long anything may take; far more than it does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_dunlin-server"))
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
pub(crate) fn check(arguments: &[&str], code: i32, expected: &str) {
    let output = run(arguments);
    let said = text(&output.stderr) + &text(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(expected), "{said}");
}

/// A folder with a configuration file.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn with(config: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.path("a.conf"), config).unwrap();
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn config(&self) -> String {
        self.path("a.conf").display().to_string()
    }
}

/// A server that runs; killed when dropped.
pub(crate) struct Running {
    pub(crate) process: Child,
    lines: Receiver<String>,
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_as(env!("CARGO_BIN_EXE_dunlin-server"), arguments)
    }

    /// The same from another file, a link to the program.
    pub(crate) fn start_as(file: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(file)
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        Self { process, lines }
    }

    /// Every line up to the first that holds `wanted`.
    pub(crate) fn until(&self, wanted: &str) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no {wanted:?} behind {seen:#?}"));
            seen.push(line);
            if seen.last().is_some_and(|line| line.contains(wanted)) {
                return seen;
            }
        }
    }

    pub(crate) fn signal(&self, command: &str) {
        let request = format!("{command}={}", self.process.id());
        let output = run(&["--signal", &request]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// Where clients connect, once it is ready.
    pub(crate) fn address(&self) -> String {
        let lines = self.until("Server is ready");
        let found = lines
            .iter()
            .find_map(|line| line.split_once("client connections on "));
        found.unwrap().1.to_owned()
    }

    pub(crate) fn exit_code(mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until a file holds `wanted`.
pub(crate) fn wait_for(path: &Path, wanted: &str) -> String {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.contains(wanted) {
            return text;
        }
        assert!(start.elapsed() < PATIENCE, "no {wanted:?} in {text:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What the server says to these lines, up to `wanted` or the end.
pub(crate) fn talk(address: &str, lines: &str, wanted: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(lines.as_bytes()).unwrap();
    let (mut said, mut part) = (String::new(), [0; 4096]);
    while !said.contains(wanted) {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => said += &text(&part[..count]),
            Err(error) => panic!("no {wanted:?} behind {said:?}: {error}"),
        }
    }
    said
}

/// Waits until somebody listens.
pub(crate) fn wait_to_connect(address: &str) {
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(start.elapsed() < PATIENCE, "nobody listens on {address}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
