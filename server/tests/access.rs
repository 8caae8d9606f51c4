//! Who may connect, inside a program: keys, slow passwords, and what happens to those who are there
//! when the rules change, or when the server is about to go.

#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

mod typist;

use std::time::Duration;

use dunlin_server::{
    Authorization, Builder, ConnectionType, Permissions, Pipe, Quota, ReloadError, Server, User,
};
use tokio::net::TcpStream;
use typist::Typist;

fn options(authorization: Authorization) -> Builder {
    Server::builder().port(0).authorization(authorization)
}

async fn log_in(server: &Server, user: &str) -> Typist<Pipe> {
    Typist::log_in(server.connect(), &credentials(user)).await
}

fn credentials(user: &str) -> String {
    format!("\"user\":\"{user}\",\"pass\":\"{user}\"")
}

fn only(subjects: [&str; 1]) -> Permissions {
    Permissions::new()
        .allow_publish(subjects)
        .allow_subscribe(subjects)
}

#[tokio::test]
async fn a_key_signs_what_info_gives() {
    let key = nkeys::KeyPair::new_user();
    let users = Authorization::new().user(User::nkey(key.public_key()));
    let server = options(users).start().await.unwrap();
    for is_right in [true, false] {
        let (mut client, info) = Typist::arrive(server.connect()).await;
        let nonce = info.split("\"nonce\":\"").nth(1).unwrap();
        let nonce = nonce.split('"').next().unwrap();
        let signed = if is_right { nonce } else { "another" };
        let signature = key.sign(signed.as_bytes()).unwrap();
        let signature = data_encoding::BASE64URL_NOPAD.encode(&signature);
        let public_key = key.public_key();
        client
            .type_line(&format!(
                "CONNECT {{\"verbose\":true,\"nkey\":\"{public_key}\",\"sig\":\"{signature}\"}}"
            ))
            .await;
        match is_right {
            true => client.expect(&["+OK"]).await,
            false => client.expect(&["-ERR 'Authorization Violation'", ""]).await,
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_slow_password_holds_nobody_up() {
    let hash = bcrypt::hash("slow", 11).unwrap(); // A tenth of a second and more.
    let users = Authorization::new()
        .user(User::new("slow", hash))
        .user(User::new("a", "a"));
    let server = options(users).start().await.unwrap();
    let mut other = log_in(&server, "a").await;
    let (mut client, _) = Typist::arrive(server.connect()).await;
    let connect = format!("CONNECT {{\"verbose\":false,{}}}", credentials("slow"));
    client.type_line(&connect).await;
    client.type_line("PING").await;
    // With one thread for all, a check in the loop would let no other PONG come first.
    let mut pongs = 0;
    let pong = client.line();
    tokio::pin!(pong);
    let answered = loop {
        tokio::select! {
            line = &mut pong => break line,
            () = other.barrier() => pongs += 1,
        }
    };
    assert_eq!(answered, "PONG");
    assert!(pongs > 10, "{pongs}");
}

#[tokio::test(start_paused = true)]
async fn refusals_are_late_and_counted() {
    let users = Authorization::new().user(User::new("a", "a"));
    let server = options(users).start().await.unwrap();
    let start = tokio::time::Instant::now();
    let (mut client, _) = Typist::arrive(server.connect()).await;
    client
        .type_line("CONNECT {\"user\":\"a\",\"pass\":\"b\"}")
        .await;
    client.expect(&["-ERR 'Authorization Violation'", ""]).await;
    assert!(start.elapsed() >= Duration::from_millis(100));
    drop(client);
    let (mut silent, _) = Typist::arrive(server.connect()).await;
    silent.expect(&["-ERR 'Authentication Timeout'", ""]).await;
    drop(silent);
    while server.statistics().authentication_failures < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_user_who_is_gone_or_has_another_password_is_closed() {
    let before = Authorization::new()
        .user(User::new("gone", "gone"))
        .user(User::new("changed", "changed"))
        .user(User::new("stays", "stays"));
    let server = options(before).start().await.unwrap();
    let mut gone = log_in(&server, "gone").await;
    let mut changed = log_in(&server, "changed").await;
    let mut stays = log_in(&server, "stays").await;
    let after = Authorization::new()
        .user(User::new("changed", "other"))
        .user(User::new("stays", "stays"));
    let changes = server.reload(options(after)).unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].name, "authorization");
    for client in [&mut gone, &mut changed] {
        client.expect(&["-ERR 'Authorization Violation'", ""]).await;
    }
    stays.barrier().await;
}

#[tokio::test]
async fn permissions_that_shrink_take_subscriptions_back() {
    let with = |permissions| {
        let user = User::new("a", "a").permissions(permissions);
        Authorization::new().user(user).user(User::new("b", "b"))
    };
    let server = options(with(Permissions::new())).start().await.unwrap();
    let (mut a, mut b) = (log_in(&server, "a").await, log_in(&server, "b").await);
    for line in ["SUB a.* 1", "SUB b q 2", "PUB b 0", ""] {
        a.type_line(line).await;
    }
    a.expect(&["MSG b 2 0", ""]).await;
    server
        .reload(options(with(only(["a.*"]).deny_subscribe(["a.no"]))))
        .unwrap();
    let lost =
        "-ERR 'Permissions Violation for Subscription to \"b\" using queue \"q\" (sid \"2\")'";
    a.expect(&[lost]).await;
    a.type_line("PUB b 0\r\n").await;
    a.expect(&["-ERR 'Permissions Violation for Publish to \"b\"'"])
        .await;
    for line in ["PUB b 0", "", "PUB a.no 0", "", "PUB a.yes 0", ""] {
        b.type_line(line).await;
    }
    a.expect(&["MSG a.yes 1 0", ""]).await;
    a.barrier().await;
    // And back again.
    server.reload(options(with(Permissions::new()))).unwrap();
    a.type_line("PUB a.no 0\r\n").await;
    a.expect(&["MSG a.no 1 0", ""]).await;
}

#[tokio::test]
async fn whoever_came_without_a_name_is_asked_for_one() {
    let server = options(Authorization::new()).start().await.unwrap();
    let mut nobody = Typist::greet(server.connect()).await;
    nobody.barrier().await;
    let users = Authorization::new().user(User::new("a", "a").permissions(only(["a"])));
    let guests = users.clone().no_auth_user("a");
    server.reload(options(guests)).unwrap();
    nobody.type_line("SUB b 1").await;
    nobody
        .expect(&["-ERR 'Permissions Violation for Subscription to \"b\"'"])
        .await;
    server.reload(options(users)).unwrap();
    nobody.expect(&["-ERR 'Authorization Violation'", ""]).await;
    server.reload(options(Authorization::new())).unwrap();
    Typist::greet(server.connect()).await.barrier().await;
}

/// Who leaves CONNECT out comes by no other way than who says it.
#[tokio::test(start_paused = true)]
async fn a_guest_comes_by_the_guests_ways_alone() {
    let guest = User::new("a", "a").connection_types([ConnectionType::Websocket]);
    let users = Authorization::new().user(guest).no_auth_user("a");
    let server = options(users).start().await.unwrap();
    for first in ["CONNECT {\"verbose\":false}", "PUB b 2\r\nhi", "SUB b 1"] {
        let (mut guest, _) = Typist::arrive(server.connect()).await;
        guest.type_line(first).await;
        let mut heard = vec![guest.line().await];
        while heard.last().is_some_and(|line| !line.is_empty()) {
            heard.push(guest.line().await);
        }
        let refused = "-ERR 'Authorization Violation'".to_owned();
        assert!(heard.contains(&refused), "{first}: {heard:?}");
    }
    assert_eq!(server.statistics().in_messages, 0);
}

#[tokio::test]
async fn whoever_is_there_by_a_way_that_is_not_its_any_more_is_closed() {
    let user = || User::new("a", "a");
    let before = options(Authorization::new().user(user()));
    let server = before.start().await.unwrap();
    let mut client = log_in(&server, "a").await;
    let elsewhere = user().connection_types([ConnectionType::Websocket]);
    let elsewhere = Authorization::new().user(elsewhere);
    server.reload(options(elsewhere)).unwrap();
    client.expect(&["-ERR 'Authorization Violation'", ""]).await;
}

#[tokio::test]
async fn limits_change_for_those_who_are_there() {
    let server = options(Authorization::new()).start().await.unwrap();
    let mut first = Typist::greet(server.connect()).await;
    let mut second = Typist::greet(server.connect()).await;
    first.barrier().await;
    second.barrier().await;
    let smaller = || options(Authorization::new()).max_connections(1);
    server.reload(smaller().max_payload(4)).unwrap();
    second
        .expect(&["-ERR 'maximum connections exceeded'", ""])
        .await;
    first.type_line("PUB a 4\r\nfour").await;
    first.barrier().await;
    first.type_line("PUB a 5\r\nfives").await;
    first
        .expect(&["-ERR 'Maximum Payload Violation'", ""])
        .await;
    while server.statistics().connections > 0 {
        tokio::task::yield_now().await;
    }
    let (mut third, info) = Typist::arrive(server.connect()).await;
    assert!(info.contains("\"max_payload\":4,"), "{info}");
    third.type_line("PING").await;
    third.expect(&["PONG"]).await;
}

#[tokio::test]
async fn what_cannot_change_changes_nothing() {
    let server = options(Authorization::new()).start().await.unwrap();
    let mut client = Typist::greet(server.connect()).await;
    let error = server
        .reload(options(Authorization::new().token("t")).max_pending(1 << 30))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "config reload not supported for MaxPending: old=67108864, new=1073741824"
    );
    let broken = Authorization::new().no_auth_user("nobody");
    let error = server.reload(options(broken)).unwrap_err();
    assert!(matches!(error, ReloadError::Options(_)), "{error}");
    client.barrier().await;
    assert!(
        server
            .reload(options(Authorization::new()))
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_lame_duck_says_so_and_goes_slowly() {
    let server = Server::builder().port(0).start().await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(Typist::log_in(server.connect(), "\"name\":\"duck\"").await);
    }
    let mut old = Typist::greet(server.connect()).await; // Takes no INFO later.
    old.barrier().await;
    let start = tokio::time::Instant::now();
    let seconds = Duration::from_secs;
    let leaving = server.lame_duck(seconds(30), seconds(10));
    let watching = async {
        for client in &mut clients {
            let info = client.line().await;
            assert!(info.contains("\"ldm\":true"), "{info}");
        }
        assert!(TcpStream::connect(server.addr()).await.is_err());
        clients[0].barrier().await;
        assert!(start.elapsed() < seconds(10));
        let ends: Vec<_> = clients
            .into_iter()
            .map(|mut client| tokio::spawn(async move { client.until_end().await }))
            .collect();
        let mut said = vec![old.until_end().await];
        for end in ends {
            said.push(end.await.unwrap());
        }
        for said in said {
            let said = String::from_utf8(said).unwrap(); // The server goes on asking who is alive.
            assert!(said.lines().all(|line| line == "PING"), "{said}");
        }
    };
    tokio::join!(leaving, watching);
    assert!(start.elapsed() >= seconds(12), "{:?}", start.elapsed());
    assert!(start.elapsed() <= seconds(30), "{:?}", start.elapsed());
    server.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_lame_duck_without_clients_goes_at_once() {
    let server = Server::builder().port(0).start().await.unwrap();
    let start = tokio::time::Instant::now();
    server
        .lame_duck(Duration::from_secs(120), Duration::from_secs(10))
        .await;
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn the_connections_of_a_user_are_counted_together() {
    let users = Authorization::new()
        .user(User::new("a", "a"))
        .user(User::new("b", "b"));
    let quota = Quota {
        connections: Some(2),
        subscriptions: Some(3),
        ..Quota::default()
    };
    let options = options(users).limits_per_user(quota);
    let server = options.start().await.unwrap();
    let (mut first, mut second) = (log_in(&server, "a").await, log_in(&server, "a").await);
    let (mut third, _) = Typist::arrive(server.connect()).await;
    third
        .type_line(&format!("CONNECT {{{}}}", credentials("a")))
        .await;
    third
        .expect(&["-ERR 'maximum connections exceeded'", ""])
        .await;
    log_in(&server, "b").await.barrier().await;
    for line in ["SUB a 1", "SUB b 2"] {
        first.type_line(line).await;
    }
    first.barrier().await;
    for line in ["SUB a 1", "SUB b 2"] {
        second.type_line(line).await;
    }
    second
        .expect(&["-ERR 'maximum subscriptions exceeded'"])
        .await;
    first.type_line("UNSUB 1").await;
    first.barrier().await;
    second.type_line("SUB b 2").await;
    second.barrier().await;
    drop(first);
    while server.statistics().connections > 3 {
        tokio::task::yield_now().await;
    }
    let mut fourth = loop {
        // The place is given back when the server has seen the end.
        let (mut client, _) = Typist::arrive(server.connect()).await;
        let connect = format!("CONNECT {{\"verbose\":true,{}}}", credentials("a"));
        client.type_line(&connect).await;
        if client.line().await == "+OK" {
            break client;
        }
    };
    fourth.barrier().await;
}

#[tokio::test]
async fn an_address_has_its_share() {
    let quota = Quota {
        connections: Some(1),
        ..Quota::default()
    };
    let server = options(Authorization::new()).limits_per_address(quota);
    let server = server.start().await.unwrap();
    let dial = || TcpStream::connect(server.addr());
    let mut first = Typist::greet(dial().await.unwrap()).await;
    let (mut second, _) = Typist::arrive(dial().await.unwrap()).await;
    second
        .expect(&["-ERR 'maximum connections exceeded'", ""])
        .await;
    first.barrier().await;
    assert_eq!(server.statistics().refused_connections, 1);
    Typist::greet(server.connect()).await.barrier().await; // It has no address.
}

#[tokio::test(start_paused = true)]
async fn who_types_has_more_time_to_log_in() {
    let users = Authorization::new().user(User::new("a", "a"));
    for (typed, users, seconds) in [
        ("", users.clone(), 2..=3),
        ("HELP QUIT", users.clone(), 60..=61),
        ("HELP QUIT", users.timeout(Duration::from_secs(5)), 5..=6),
    ] {
        let server = options(users).start().await.unwrap();
        let (mut client, _) = Typist::arrive(server.connect()).await;
        let start = tokio::time::Instant::now();
        if !typed.is_empty() {
            client.type_line(typed).await;
        }
        let said = String::from_utf8(client.until_end().await).unwrap();
        assert!(
            said.ends_with("-ERR 'Authentication Timeout'\r\n"),
            "{said}"
        );
        let took = start.elapsed().as_secs();
        assert!(seconds.contains(&took), "{typed:?} took {took} s");
    }
}

#[tokio::test]
async fn quotas_change_for_those_who_are_there() {
    let users = Authorization::new().user(User::new("a", "a"));
    let builder = options(users);
    let server = builder.clone().start().await.unwrap();
    let mut first = log_in(&server, "a").await;
    first.type_line("SUB a 1\r\nSUB b 2").await;
    first.barrier().await;
    let quota = Quota {
        connections: Some(1),
        subscriptions: Some(2),
        ..Quota::default()
    };
    server
        .reload(builder.clone().limits_per_user(quota))
        .unwrap();
    first.barrier().await; // It stays, and its subscriptions are counted.
    first.type_line("SUB c 3").await;
    first
        .expect(&["-ERR 'maximum subscriptions exceeded'"])
        .await;
    let (mut second, _) = Typist::arrive(server.connect()).await;
    let connect = format!("CONNECT {{\"verbose\":false,{}}}", credentials("a"));
    second.type_line(&connect).await;
    second
        .expect(&["-ERR 'maximum connections exceeded'", ""])
        .await;
    server.reload(builder).unwrap();
    first.barrier().await;
    first.type_line("SUB c 3").await;
    first.barrier().await;
    log_in(&server, "a").await.barrier().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_publishes_too_fast_is_read_later_and_loses_nothing() {
    let users = Authorization::new()
        .user(User::new("a", "a"))
        .user(User::new("b", "b"));
    let quota = Quota {
        publish_messages_per_second: Some(10),
        ..Quota::default()
    };
    let server = options(users).limits_per_user(quota).start().await.unwrap();
    let (mut a, mut b) = (log_in(&server, "a").await, log_in(&server, "b").await);
    b.type_line("SUB a 1").await;
    b.barrier().await;
    let start = tokio::time::Instant::now();
    a.type_line(&"PUB a 0\r\n\r\n".repeat(31)).await;
    for _ in 0..31 {
        b.expect(&["MSG a 1 0", ""]).await;
    }
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(1900), "{took:?}");
    assert!(took <= Duration::from_millis(2300), "{took:?}");
    b.barrier().await;
}

#[tokio::test]
async fn what_waits_for_a_user_is_bounded_over_all_its_connections() {
    let users = Authorization::new()
        .user(User::new("a", "a"))
        .user(User::new("b", "b"));
    let quota = Quota {
        pending_bytes: Some(1024 * 1024),
        ..Quota::default()
    };
    let server = options(users).limits_per_user(quota).start().await.unwrap();
    let mut publisher = log_in(&server, "a").await;
    let mut stalled = Vec::new();
    for _ in 0..3 {
        let mut reader = log_in(&server, "b").await;
        reader.type_line("SUB a 1").await;
        reader.barrier().await;
        stalled.push(reader);
    }
    let message = format!("PUB a 1024\r\n{}\r\n", "x".repeat(1024));
    // 700 KiB for each: 128 KiB of it are on their way, so that two are too much and one is not.
    for _ in 0..70 {
        publisher.type_line(message.repeat(10).trim_end()).await;
    }
    publisher.barrier().await;
    let cut = server.statistics().slow_consumers;
    let mut told = 0;
    for reader in stalled {
        let mut reader = reader;
        reader.type_line("PING").await;
        loop {
            let line = reader.line().await;
            if line == "-ERR 'Slow Consumer'" {
                told += 1;
            }
            if line == "PONG" || line.is_empty() {
                break;
            }
        }
    }
    assert!((1..=2).contains(&told), "{told} told, {cut} cut");
    publisher.barrier().await;
}
