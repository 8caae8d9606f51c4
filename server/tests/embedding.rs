//! The server inside a program: it starts, tells its address, serves without sockets, follows a
//! stopped clock, and leaves nothing behind.

#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

mod typist;

use std::time::Duration;

use dunlin_server::{Batching, Pipe, Server};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use typist::Typist;

async fn start() -> Server {
    Server::builder().port(0).start().await.unwrap()
}

async fn dial(server: &Server) -> Typist<TcpStream> {
    Typist::greet(TcpStream::connect(server.addr()).await.unwrap()).await
}

async fn inside(server: &Server) -> Typist<Pipe> {
    Typist::greet(server.connect()).await
}

#[tokio::test]
async fn a_free_port_is_taken_and_told() {
    let server = start().await;
    assert_ne!(server.addr().port(), 0);
    assert_eq!(server.url(), format!("nats://{}", server.addr()));
    dial(&server).await.barrier().await;
}

#[tokio::test]
async fn a_connection_inside_the_process_meets_those_outside() {
    let server = start().await;
    let (mut inner, mut outer) = (inside(&server).await, dial(&server).await);
    inner.type_line("SUB greet.* 1").await;
    inner.barrier().await;
    outer.type_line("PUB greet.you 5\r\nhello").await;
    inner.expect(&["MSG greet.you 1 5", "hello"]).await;
    outer.type_line("SUB back 7").await;
    outer.barrier().await;
    inner.type_line("PUB back 2\r\nhi").await;
    outer.expect(&["MSG back 7 2", "hi"]).await;
}

#[tokio::test]
async fn large_messages_pass_through_a_connection_inside_the_process() {
    let server = start().await;
    let mut client = inside(&server).await;
    let payload = "x".repeat(1024 * 1024);
    client.type_line("SUB big 1").await;
    client.barrier().await;
    let (reader, mut writer) = tokio::io::split(client.stream.into_inner());
    let sending = tokio::spawn(async move {
        let line = format!("PUB big {}\r\n{payload}\r\n", payload.len());
        for _ in 0..8 {
            writer.write_all(line.as_bytes()).await.unwrap();
        }
        writer
    });
    let mut reader = BufReader::new(reader);
    for _ in 0..8 {
        let mut line = String::new();
        reader.read_line(&mut line).await.unwrap();
        assert_eq!(line, "MSG big 1 1048576\r\n");
        let mut body = vec![0; 1024 * 1024 + 2];
        reader.read_exact(&mut body).await.unwrap();
        assert!(body[..1024 * 1024].iter().all(|&byte| byte == b'x'));
    }
    sending.await.unwrap();
}

#[tokio::test]
async fn servers_in_one_process_do_not_know_of_each_other() {
    let servers = [start().await, start().await, start().await];
    let mut clients = Vec::new();
    for server in &servers {
        let mut client = inside(server).await;
        client.type_line("SUB > 1").await;
        client.barrier().await;
        clients.push(client);
    }
    clients[1].type_line("PUB only.here 2\r\nhi").await;
    clients[1].expect(&["MSG only.here 1 2", "hi"]).await;
    for client in &mut clients {
        client.barrier().await;
    }
}

#[tokio::test]
async fn shutdown_sends_what_is_queued_and_leaves_no_task() {
    let before = Handle::current().metrics().num_alive_tasks();
    let server = start().await;
    let address = server.addr();
    let (mut reader, mut writer) = (dial(&server).await, inside(&server).await);
    reader.type_line("SUB last 1").await;
    reader.barrier().await;
    writer.type_line("PUB last 4\r\nword").await;
    writer.barrier().await;
    server.shutdown().await;
    assert_eq!(reader.until_end().await, b"MSG last 1 4\r\nword\r\n");
    assert_eq!(writer.until_end().await, b"");
    assert!(TcpStream::connect(address).await.is_err());
    assert_eq!(Handle::current().metrics().num_alive_tasks(), before);
}

#[tokio::test]
async fn a_dropped_server_ends_its_connections_and_its_tasks() {
    let before = Handle::current().metrics().num_alive_tasks();
    let server = start().await;
    let address = server.addr();
    let (mut outer, mut inner) = (dial(&server).await, inside(&server).await);
    outer.barrier().await;
    inner.barrier().await;
    drop(server);
    assert_eq!(outer.until_end().await, b"");
    assert_eq!(inner.until_end().await, b"");
    drop((outer, inner));
    while Handle::current().metrics().num_alive_tasks() > before {
        tokio::task::yield_now().await;
    }
    assert!(TcpStream::connect(address).await.is_err());
}

#[test]
fn a_server_may_outlive_its_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (server, client) = runtime.block_on(async {
        let server = start().await;
        let mut client = inside(&server).await;
        client.type_line("SUB a 1").await;
        client.barrier().await;
        (server, client)
    });
    drop(runtime);
    assert_eq!(server.statistics().connections, 0);
    drop(server);
    drop(client);
}

#[tokio::test]
async fn connecting_to_a_stopped_server_finds_the_end_of_the_stream() {
    let server = start().await;
    let pipe = server.connect();
    drop(server);
    let mut rest = Vec::new();
    BufReader::new(pipe).read_to_end(&mut rest).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stopped_clock_jumps_over_the_servers_timeouts() {
    let server = Server::builder()
        .port(0)
        .ping_interval(Duration::from_secs(60))
        .start()
        .await
        .unwrap();
    let mut silent = inside(&server).await;
    silent.barrier().await;
    let start = tokio::time::Instant::now();
    // One early ping, one after another minute, given up after one more.
    silent
        .expect(&["PING", "PING", "-ERR 'Stale Connection'", ""])
        .await;
    let took = start.elapsed();
    assert!(
        took >= Duration::from_secs(122) && took < Duration::from_secs(124),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_survives_a_jump_of_a_day() {
    let server = start().await;
    let client = inside(&server).await;
    let (reader, mut writer) = tokio::io::split(client.stream.into_inner());
    let answering = tokio::spawn(async move {
        let mut lines = BufReader::new(reader).lines();
        let mut pings = 0;
        while let Some(line) = lines.next_line().await.unwrap() {
            match line.as_str() {
                "PING" => writer.write_all(b"PONG\r\n").await.unwrap(),
                other => panic!("unexpected {other}"),
            }
            pings += 1;
        }
        pings
    });
    tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
    server.shutdown().await;
    assert!(answering.await.unwrap() >= 24 * 60 / 2 - 1);
}

#[tokio::test]
async fn what_happened_is_counted() {
    let server = Server::builder()
        .port(0)
        .max_connections(2)
        .start()
        .await
        .unwrap();
    let (mut a, mut b) = (dial(&server).await, dial(&server).await);
    let mut refused = BufReader::new(TcpStream::connect(server.addr()).await.unwrap());
    let mut text = String::new();
    refused.read_to_string(&mut text).await.unwrap();
    assert!(
        text.ends_with("-ERR 'maximum connections exceeded'\r\n"),
        "{text}"
    );
    a.type_line("SUB n 1").await;
    a.barrier().await;
    b.type_line("PUB n 3\r\nabc").await;
    b.barrier().await;
    let seen = server.statistics();
    assert_eq!(
        (
            seen.connections,
            seen.total_connections,
            seen.refused_connections
        ),
        (2, 3, 1)
    );
    assert_eq!((seen.in_messages, seen.in_bytes), (1, 3));
    assert_eq!(
        (seen.out_messages, seen.out_bytes, seen.subscriptions),
        (1, 3, 1)
    );
    assert_eq!((seen.slow_consumers, seen.dropped_messages), (0, 0));
}

#[tokio::test]
async fn a_port_in_use_is_told_and_nothing_runs() {
    let before = Handle::current().metrics().num_alive_tasks();
    let server = start().await;
    let error = Server::builder()
        .port(server.addr().port())
        .start()
        .await
        .unwrap_err();
    assert!(error.is_in_use());
    let expected = format!("cannot listen on {}: ", server.addr());
    assert!(error.to_string().starts_with(&expected), "{error}");
    server.shutdown().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), before);
}

#[tokio::test]
async fn options_that_contradict_each_other_are_refused() {
    let error = Server::builder()
        .port(0)
        .max_pending(10)
        .start()
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "max_payload (1048576 bytes) is over max_pending (10 bytes)"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stop_ends_however_it_meets_those_who_leave() {
    for round in 0..200 {
        let server = start().await;
        let mut typists = Vec::new();
        for _ in 0..3 {
            let mut typist = dial(&server).await;
            typist.barrier().await;
            typists.push(typist);
        }
        let leaving = tokio::spawn(async move { drop(typists) });
        let stopping = tokio::time::timeout(Duration::from_secs(20), server.shutdown());
        assert!(stopping.await.is_ok(), "round {round}");
        leaving.await.unwrap();
    }
}

/// Clients that ask a service at the same time, `rounds` times each, on a runtime that tells when its
/// threads have nothing left to do; all of them are answered.
fn ask_and_answer(runtime: &tokio::runtime::Runtime, batching: &Batching, rounds: usize) {
    runtime.block_on(async {
        let server = start().await;
        server.batch_writes(batching);
        let mut service = dial(&server).await;
        service.type_line("SUB ask 1").await;
        service.barrier().await;
        let mut askers = Vec::new();
        for number in 0..8 {
            let mut asker = dial(&server).await;
            askers.push(tokio::spawn(async move {
                asker.type_line(&format!("SUB answer.{number} 1")).await;
                for _ in 0..rounds {
                    let line = format!("PUB ask answer.{number} 1\r\n{number}");
                    asker.type_line(&line).await;
                    let head = format!("MSG answer.{number} 1 2");
                    asker.expect(&[&head, "ok"]).await;
                }
            }));
        }
        for _ in 0..8 * rounds {
            let line = service.line().await;
            let reply = line.split(' ').nth(3).unwrap().to_owned();
            service.line().await;
            service.type_line(&format!("PUB {reply} 2\r\nok")).await;
        }
        for asker in askers {
            asker.await.unwrap();
        }
        server.shutdown().await;
    });
}

#[test]
fn nothing_that_waits_for_the_next_write_is_forgotten() {
    for threads in [1, 2, 4] {
        let batching = Batching::default();
        let told = batching.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .on_thread_park(move || told.flush())
            .build()
            .unwrap();
        ask_and_answer(&runtime, &batching, 200);
    }
    let batching = Batching::default();
    let told = batching.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || told.flush())
        .build()
        .unwrap();
    ask_and_answer(&runtime, &batching, 200);
}

#[test]
fn a_runtime_that_does_not_tell_is_not_waited_for() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    ask_and_answer(&runtime, &Batching::default(), 50);
}
