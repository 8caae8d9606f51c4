//! The program under a small limit of open files: it takes what it may have, and survives running
//! out of it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The program behind a shell that limits it; killed when dropped.
struct Limited {
    child: Child,
    port: u16,
}

impl Limited {
    fn start(limits: &str) -> Self {
        let program = env!("CARGO_BIN_EXE_dunlin-server");
        let line = format!("{limits}; exec {program} -a 127.0.0.1 -p -1");
        let mut child = Command::new("sh")
            .args(["-c", &line])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let listening = log
            .find_map(|line| {
                line.unwrap()
                    .split_once("client connections on ")
                    .map(|it| it.1.to_owned())
            })
            .unwrap();
        // The rest of the log must go somewhere, or the program waits for a reader.
        std::thread::spawn(move || log.for_each(drop));
        let port = listening
            .rsplit(':')
            .next()
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        Self { child, port }
    }

    fn dial(&self) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        BufReader::new(stream)
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_one() {
    let server = Limited::start("ulimit -Sn 64; ulimit -Hn 300");
    let path = format!("/proc/{}/limits", server.child.id());
    let limits = std::fs::read_to_string(path).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let soft = files.split_whitespace().nth(3).unwrap();
    assert_eq!(soft, "300", "{files}");
}

#[test]
fn running_out_of_descriptors_harms_nobody_who_is_in_and_passes() {
    let server = Limited::start("ulimit -n 40");
    let mut first = server.dial();
    assert!(line(&mut first).starts_with("INFO "));
    let mut crowd: Vec<_> = (0..60).map(|_| server.dial()).collect();
    first.get_mut().write_all(b"PING\r\n").unwrap();
    assert_eq!(line(&mut first), "PONG\r\n");
    let mut last = crowd.pop().unwrap(); // In the system's queue; nobody could accept it.
    crowd.clear();
    assert!(
        line(&mut last).starts_with("INFO "),
        "accepted when the others had gone"
    );
}
