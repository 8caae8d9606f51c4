//! The verbs that need a terminal, looked at through an emulator: `top`, `shell`, and what others
//! say to a person that a pipe does not hear.

use std::io::Write;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dunlin_tests::{Options, Running, Target};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::play::PROGRAM;
use crate::terminal::Terminal;

/// A server, a home folder, and programs that go on until all of it is dropped.
struct Scene {
    server: Option<Running>,
    url: String,
    home: TempDir,
    others: Vec<Child>,
    runtime: Runtime,
}

impl Scene {
    /// Nothing where the target cannot be started here.
    fn new(target: Target) -> Option<Self> {
        if !target.is_here() {
            return None;
        }
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.enable_all().build().expect("a runtime starts");
        let options = Options {
            is_monitored: true,
            // Longer than any test: who stalls is not cut before it was looked at.
            write_deadline: Some(Duration::from_secs(120)),
            ..Options::default()
        };
        let server = runtime.block_on(target.start(&options));
        let server = server.unwrap_or_else(|error| panic!("{error}"));
        Some(Self {
            url: format!("nats://{}", server.address()),
            server: Some(server),
            home: TempDir::new().expect("a temporary folder"),
            others: Vec::new(),
            runtime,
        })
    }

    fn terminal(&self, arguments: &[&str], size: (u16, u16)) -> Terminal {
        let mut all = vec!["--server", &self.url];
        all.extend(arguments);
        Terminal::start(&all, self.home.path(), size)
    }

    /// Runs our program to its end.
    fn run(&self, arguments: &[&str]) {
        let status = self
            .command(arguments)
            .stdout(Stdio::null())
            .status()
            .expect("the program starts");
        assert!(status.success(), "{arguments:?}: {status}");
    }

    /// Starts our program, and waits until it says the first thing.
    fn start(&mut self, arguments: &[&str]) {
        let mut command = self.command(arguments);
        command
            .arg("-v")
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stderr = child.stderr.take().expect("stderr is piped");
        let mut line = String::new();
        let mut reader = std::io::BufReader::new(stderr);
        std::io::BufRead::read_line(&mut reader, &mut line).expect("stderr can be read");
        self.others.push(child);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("HOME", self.home.path());
        command
            .args(["--server", &self.url])
            .args(arguments)
            .stdin(Stdio::null());
        command
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for child in &mut self.others {
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop());
        }
    }
}

/// Both targets; a test of each has the name of one.
macro_rules! on_both {
    ($($name:ident)*) => {
        $(mod $name {
            #[test]
            fn ours() {
                super::$name(dunlin_tests::Target::Ours);
            }

            #[test]
            fn reference() {
                super::$name(dunlin_tests::Target::Reference);
            }
        })*
    };
}

on_both! {
    top
    shell
    messages_for_a_person
    interrupted
}

fn top(target: Target) {
    let Some(mut scene) = Scene::new(target) else {
        return;
    };
    scene.start(&["sub", "orders.*", "--connection-name", "web"]);
    scene.start(&["reply", "--echo", "ping"]);
    // Somebody who asks for everything and reads nothing.
    let address = scene.url.trim_start_matches("nats://");
    let mut stalled = TcpStream::connect(address).expect("the server listens");
    let hello = b"CONNECT {\"verbose\":false,\"name\":\"stalled\"}\r\nSUB flood.> 1\r\nPING\r\n";
    stalled.write_all(hello).expect("the server reads");
    let large = scene.home.path().join("large");
    std::fs::write(&large, vec![b'x'; 500_000]).expect("a file is written");
    let large = large.to_string_lossy().into_owned();
    scene.run(&["pub", "flood.x", "--file", &large, "--count", "60"]);
    let child = scene
        .command(&["pub", "orders.eu", "x", "--count", "0", "--rate", "500"])
        .spawn();
    scene.others.push(child.expect("the program starts"));

    let monitor = scene
        .server
        .as_ref()
        .expect("it runs")
        .monitor()
        .to_string();
    let arguments = [
        "top",
        "--monitor",
        &monitor,
        "--interval",
        "200ms",
        "--order",
        "cid",
    ];
    let mut terminal = scene.terminal(&arguments, (14, 132));
    terminal.shows("top_connections.txt");
    terminal.press("2");
    terminal.shows("top_slow.txt");
    terminal.press("3");
    terminal.shows("top_subjects.txt");
    terminal.press("s");
    terminal.shows_lines(&["q quit   1 2 3 view   s order: msgs_to   ↑ ↓ scroll   p pause"]);
    terminal.press("p");
    terminal.shows_lines(&["q quit   1 2 3 view   s order: msgs_to   ↑ ↓ scroll   p go on"]);
    terminal.press("q");
    assert_eq!(terminal.code(), Some(0));
    drop(stalled);
}

fn shell(target: Target) {
    let Some(scene) = Scene::new(target) else {
        return;
    };
    let mut terminal = scene.terminal(&["shell"], (24, 100));
    terminal.shows_lines(&["connected to <any>; HELP helps, Ctrl-D ends", ">"]);
    terminal.press("sub orders.*\r");
    terminal.shows_lines(&[
        "> sub orders.*",
        "subscribed to orders.*; UNSUB 1 ends it",
        ">",
    ]);
    terminal.press("PUB gre");
    terminal.shows_lines(&["> PUB gre"]);
    // A message that arrives leaves what is typed as it is.
    scene.run(&["pub", "orders.us", "from outside"]);
    terminal.shows_lines(&["<any> orders.us 12 B", "from outside", "", "> PUB gre"]);
    terminal.press("et.joe hello\r");
    terminal.shows_lines(&["> PUB greet.joe hello", ">"]);
    // A subject that was seen is completed; so is a verb.
    terminal.press("pub orders.u\t\"by hand\"\r");
    terminal.shows_lines(&[
        "> pub orders.us \"by hand\"",
        "<any> orders.us 7 B",
        "by hand",
        "",
        ">",
    ]);
    terminal.press("SBU x\r");
    terminal.shows("shell_mistake.txt");
    terminal.press("REQ nobody \"there?\"\r");
    terminal.shows_lines(&["? nobody takes requests on this subject: \"nobody\"", ">"]);
    terminal.press("\u{1b}[A\u{1b}[A\u{1b}[A");
    terminal.shows_lines(&["> pub orders.us \"by hand\""]);
    terminal.press("\u{3}"); // Ctrl-C begins a new line.
    terminal.shows_lines(&["> pub orders.us \"by hand\"", ">"]);
    terminal.press("HELP\r");
    terminal.shows("shell_help.txt");
    // Lines that are pasted are done one after the other, and none is lost.
    terminal.press("SUB a.b\rSUBS\rUNSUB 2\rSUBS\r");
    terminal.shows_lines(&[
        "> SUBS",
        "   1  orders.*  2 messages",
        "   2  a.b  0 messages",
        "> UNSUB 2",
        "> SUBS",
        "   1  orders.*  2 messages",
        ">",
    ]);
    terminal.press("\u{4}");
    assert_eq!(terminal.code(), Some(0));
    let history = scene.home.path().join(".local/state/dunlin/history");
    let history = std::fs::read_to_string(history).expect("a history is kept");
    assert!(history.contains("PUB greet.joe hello\n"), "{history}");
    // The next one remembers.
    let mut terminal = scene.terminal(&["shell"], (24, 100));
    terminal.press("\u{1b}[A");
    terminal.shows_lines(&["> SUBS"]);
    terminal.press("\u{15}QUIT\r");
    assert_eq!(terminal.code(), Some(0));
    // Whoever ends it from outside gets the terminal back.
    let terminal = scene.terminal(&["shell"], (24, 100));
    terminal.shows_lines(&[">"]);
    terminal.terminate();
    assert_eq!(terminal.code(), Some(130));
}

fn messages_for_a_person(target: Target) {
    let Some(scene) = Scene::new(target) else {
        return;
    };
    let mut terminal = scene.terminal(&["sub", "greet.*"], (10, 60));
    terminal.shows_lines(&["subscribed to greet.*"]);
    scene.run(&["pub", "greet.joe", "hello"]);
    terminal.shows_lines(&["greet.joe 5 B", "hello"]);
    terminal.press("\u{3}"); // Ctrl-C drains.
    assert_eq!(terminal.code(), Some(0));
    let terminal = scene.terminal(&["pub", "greet.joe", "hello"], (10, 60));
    terminal.shows_lines(&["published 1 message, 5 B, to greet.joe in <any>"]);
    assert_eq!(terminal.code(), Some(0));
    // A password is asked for twice, and not shown.
    let mut terminal = scene.terminal(&["passwd", "--cost", "4"], (10, 80));
    terminal.shows_lines(&["Password:"]);
    terminal.press("s3cret\r");
    terminal.shows_lines(&["Password:", "Again:"]);
    terminal.press("s3cret\r");
    terminal.shows_lines(&["Password:", "Again:", "$2a$04$<any>"]);
    assert_eq!(terminal.code(), Some(0));
    // Ctrl-C asks no more.
    let mut terminal = scene.terminal(&["passwd"], (10, 80));
    terminal.shows_lines(&["Password:"]);
    terminal.press("s3c\u{3}");
    assert_eq!(terminal.code(), Some(130));
    let terminal = scene.terminal(&["bench", "sub", "-n", "200", "--rate", "100"], (10, 100));
    terminal.shows_lines(&["nats://<any> <any>/200 <any>/s <any>s"]);
    terminal.shows_lines(&["sub: 200 messages of 128 B, 1 → 1, at 100 a second"]);
    assert_eq!(terminal.code(), Some(0));
}

fn interrupted(target: Target) {
    let Some(scene) = Scene::new(target) else {
        return;
    };
    let endless = ["-n", "100000000", "--rate", "1000"];
    for (verb, first, last, code) in [
        (
            &["bench", "sub"][..],
            "nats://<any>/100,000,000 <any>/s <any>h",
            "",
            130,
        ),
        (
            &["bench", "request"],
            "nats://<any>/100,000,000 <any>/s <any>",
            "",
            130,
        ),
        (
            &["pub", "a", "x", "--count", "0"],
            "",
            "published <any> messages, <any> B, to a in <any>",
            130,
        ),
        (&["sub", "a"], "subscribed to a", "", 0),
        (&["reply", "--echo", "a"], "answering on a", "", 0),
    ] {
        let mut arguments = verb.to_vec();
        if verb[0] == "bench" {
            arguments.extend(endless);
        }
        let mut terminal = scene.terminal(&arguments, (10, 110));
        match first {
            // It says nothing before the end; somebody else hears that it has begun.
            "" => scene.run(&["sub", "a", "--count", "1"]),
            _ => terminal.shows_lines(&[first]),
        }
        terminal.press("\u{3}");
        if !last.is_empty() {
            terminal.shows_lines(&[last]);
        }
        assert_eq!(terminal.code(), Some(code), "{verb:?}");
    }
    let arguments = ["bench", "sub", "-n", "200", "--against", &scene.url];
    let terminal = scene.terminal(&arguments, (10, 110));
    terminal.shows_lines(&[
        "sub: 200 messages of 128 B, 1 → 1",
        "server<any> messages/s  received/s     payload/s       p50       p99     p99.9       max   lost",
        "nats://<any>B <any>s <any> 0",
        "nats://<any>B <any>s <any> 0",
        "ratio <any>.<any> <any>.<any>",
    ]);
    assert_eq!(terminal.code(), Some(0));
}
