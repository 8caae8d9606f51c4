//! Attacks by what happens to a server while it works: reloads, a lame duck, clocks that jump,
//! clients that are killed.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dunlin_server::{Builder, Server};
use dunlin_tests::{Client, Options, PATIENCE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::siege::{besiege, siege, size, start};

/// Limits change under whoever works, a hundred times and more.
pub(crate) async fn reloads_under_load() {
    let server = start(&Options::default());
    let number = AtomicUsize::new(0);
    besiege(server.address(), server.process(), || async {
        for _ in 0..size(30, 700) {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let max_payload = 64 * 1024 + number;
            server.reload(&Options {
                max_connections: Some(60_000 + number % 7),
                max_payload: Some(max_payload),
                ping_interval: Some(Duration::from_secs(600 + number as u64 % 5)),
                ..Options::default()
            });
            while !greeting(server.address())
                .await
                .contains(&format!("\"max_payload\":{max_payload},"))
            {
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    server.stop().await;
}

/// The INFO that who comes now is told.
async fn greeting(address: SocketAddr) -> String {
    let mut socket = TcpStream::connect(address).await.expect("it accepts");
    let mut info = Vec::new();
    while !info.ends_with(b"\r\n") {
        let len = socket.read_buf(&mut info).await.expect("it can be read");
        assert!(len > 0, "hung up on in the middle of INFO");
    }
    String::from_utf8_lossy(&info).into_owned()
}

fn builder() -> Builder {
    Server::builder().port(0)
}

/// A server that goes while everybody publishes: what was answered by PONG has been delivered, and
/// nothing hangs.
pub(crate) async fn a_lame_duck_under_load() {
    for _ in 0..size(2, 20) {
        let server = builder().start().await.expect("the server starts");
        // All are there before the first of them speaks: who talks at full speed keeps others from
        // connecting, in one process.
        let mut silent = Vec::new();
        for number in 0..size(20, 500) {
            let publisher = Client::connect(server.addr()).await;
            let mut reader = Client::connect(server.addr()).await;
            let subject = format!("a.{number}");
            reader.subscribe(&format!("{subject} 1")).await;
            reader.barrier().await;
            silent.push((publisher, reader, subject));
        }
        let begun = Arc::new(Notify::new());
        let talk = |(publisher, reader, subject)| {
            tokio::spawn(talk(publisher, reader, subject, Arc::clone(&begun)))
        };
        let pairs: Vec<_> = silent.into_iter().map(talk).collect();
        begun.notified().await; // There is load.
        let (duration, grace) = (Duration::from_millis(300), Duration::from_millis(50));
        let gone = tokio::time::timeout(PATIENCE, server.lame_duck(duration, grace)).await;
        gone.expect("a lame duck goes");
        let mut talked = 0;
        for pair in pairs {
            let ended = tokio::time::timeout(PATIENCE, pair).await;
            talked += ended.expect("nobody hangs").expect("nothing was lost");
        }
        assert!(talked > 0, "nobody said anything before it went");
        server.shutdown().await;
    }
}

/// Publishes and reads until the server goes; how often.
async fn talk(
    mut publisher: Client,
    mut reader: Client,
    subject: String,
    begun: Arc<Notify>,
) -> usize {
    let mut heard = 0;
    for number in 0_usize.. {
        publisher
            .publish(&subject, number.to_string().as_bytes())
            .await;
        publisher.send("PING\r\n").await;
        let sent = publisher.arrivals_until_pong().await;
        reader.send("PING\r\n").await;
        let got = reader.arrivals_until_pong().await;
        heard += got.iter().flatten().count();
        if sent.is_none() || got.is_none() {
            return number;
        }
        assert_eq!(heard, number + 1, "delivered where it was answered");
        begun.notify_one();
    }
    0
}

/// Programs that are killed in the middle of a word, their sockets closed by the system.
pub(crate) async fn clients_killed_at_once() {
    siege(Options::default(), async |address| {
        let mut programs = Vec::new();
        for _ in 0..size(10, 200) {
            let script = format!(
                "exec 3<>/dev/tcp/{}/{}; \
                 printf 'CONNECT {{}}\\r\\nSUB a 1\\r\\nPUB a 5\\r\\nhello\\r\\nPUB a 100\\r\\nhel' >&3; \
                 echo; exec sleep 100",
                address.ip(),
                address.port()
            );
            let program = Command::new("bash")
                .args(["-c", &script])
                .stdout(Stdio::piped())
                .spawn();
            programs.push(program.expect("there is a shell"));
        }
        for program in &mut programs {
            use std::io::Read;
            let said = program.stdout.as_mut().map(|out| out.read(&mut [0; 1]));
            assert!(matches!(said, Some(Ok(1))), "it has connected");
            program.kill().expect("it can be killed");
            program.wait().expect("it is gone");
        }
    })
    .await;
}

/// Hours that pass in a moment, as when a machine was asleep: who answers stays, and time goes on.
pub(crate) fn a_clock_that_jumps() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(async {
        let server = builder().start().await.expect("the server starts");
        let mut pipe = server.connect();
        pipe.write_all(b"CONNECT {\"verbose\":false}\r\nSUB a 1\r\n")
            .await
            .expect("the server reads");
        let mut heard = String::new();
        for number in 0..100 {
            let jump = [1, 60, 3_600, 86_400, 30 * 86_400][number % 5];
            tokio::time::advance(Duration::from_secs(jump)).await;
            let words = format!("PONG\r\nPUB a 3\r\n{number:03}\r\nPING\r\n");
            let said = pipe.write_all(words.as_bytes()).await;
            said.expect("it is still there");
            while !heard.ends_with("PONG\r\n") {
                let mut piece = [0; 4_096];
                let len = pipe.read(&mut piece).await.expect("it can be read");
                assert!(len > 0, "hung up on after jump {number}: {heard}");
                heard.push_str(&String::from_utf8_lossy(&piece[..len]));
            }
            assert!(heard.contains(&format!("\r\n{number:03}\r\n")), "{heard}");
            heard.clear();
        }
        let silent = server.connect();
        tokio::time::advance(Duration::from_secs(86_400)).await;
        tokio::time::sleep(Duration::from_secs(1_000)).await;
        assert_eq!(
            server.statistics().stale_connections,
            2,
            "who says nothing goes"
        );
        drop(silent);
        server.shutdown().await;
    });
}
