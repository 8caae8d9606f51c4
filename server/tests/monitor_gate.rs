//! Who may read the pages and control the server: a user of the bus where one is demanded, for what
//! it may do there; and what becomes of wishes that only the program can grant.

#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use data_encoding::BASE64;
use dunlin_server::{Authorization, Builder, MonitorOptions, Permissions, Server, User, Wish};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A user for everything and one for orders.
fn users() -> Authorization {
    let guest = Permissions::new()
        .allow_publish(["orders.>"])
        .allow_subscribe(["orders.>"]);
    Authorization::new()
        .user(User::new("admin", "s3cret"))
        .user(User::new("guest", "hello").permissions(guest))
}

async fn start() -> Server {
    let builder = Server::builder().port(0).authorization(users());
    let monitor = MonitorOptions::port(0).demand_user(true);
    builder.monitor(monitor).start().await.unwrap()
}

/// The status of the answer to `what`, asked as `login`.
async fn status(server: &Server, what: &str, login: Option<&str>) -> u16 {
    status_at(server.monitor_addr().unwrap(), what, login).await
}

async fn status_at(address: SocketAddr, what: &str, login: Option<&str>) -> u16 {
    let login = login.map(|login| {
        let encoded = BASE64.encode(login.as_bytes());
        format!("Authorization: Basic {encoded}\r\n")
    });
    ask(address, what, &login.unwrap_or_default()).await
}

async fn ask(address: SocketAddr, what: &str, lines: &str) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{what} HTTP/1.0\r\nHost: localhost\r\nX-Dunlin: 1\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    std::str::from_utf8(&head[9..]).unwrap().parse().unwrap()
}

#[tokio::test]
async fn who_is_demanded_says_who_it_is() {
    let server = start().await;
    for (what, login, expected) in [
        ("GET /healthz", None, 200),
        ("GET /varz", None, 401),
        ("GET /connz", None, 401),
        ("GET /metrics", None, 401),
        ("GET /", None, 401),
        ("GET /varz", Some("guest:hello"), 200),
        ("GET /metrics", Some("admin:s3cret"), 200),
        ("GET /dashboard", None, 401),
        ("GET /dashboard/events", None, 401),
        ("GET /dashboard/tap?filter=%3E", None, 401),
        ("POST /dashboard/kick?cid=1", None, 401),
        ("GET /dashboard", Some("admin:wrong"), 401),
        ("GET /dashboard", Some("nobody:s3cret"), 401),
        ("GET /dashboard", Some("admin:s3cret"), 200),
        ("GET /dashboard", Some("guest:hello"), 200),
    ] {
        assert_eq!(
            status(&server, what, login).await,
            expected,
            "{what} as {login:?}"
        );
    }
}

#[tokio::test]
async fn what_a_user_may_do_there_is_what_it_may_do_on_the_bus() {
    let server = start().await;
    for (what, login, expected) in [
        ("GET /dashboard/tap?filter=orders.eu", "guest:hello", 200),
        ("GET /dashboard/tap?filter=payments", "guest:hello", 403),
        ("GET /dashboard/tap?filter=payments", "admin:s3cret", 200),
        ("POST /dashboard/kick?cid=999", "guest:hello", 403),
        ("POST /dashboard/kick?cid=999", "admin:s3cret", 400),
        ("POST /dashboard/traffic?on=1", "guest:hello", 403),
        ("POST /dashboard/traffic?on=1", "admin:s3cret", 200),
        ("POST /dashboard/reload", "guest:hello", 403),
        ("POST /dashboard/lame-duck", "guest:hello", 403),
    ] {
        assert_eq!(
            status(&server, what, Some(login)).await,
            expected,
            "{what} as {login}"
        );
    }
}

/// An address of this machine that is not its loopback, if it has one: a visitor who calls it comes
/// from elsewhere.
fn elsewhere(port: u16) -> Option<SocketAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the system only says which address it would take.
    socket.connect("192.0.2.1:9").ok()?;
    let ip = socket.local_addr().unwrap().ip();
    (!ip.is_loopback()).then_some((ip, port).into())
}

/// What visitors from this machine and from elsewhere are answered to each of `asked`.
async fn check_both(builder: Builder, monitor: MonitorOptions, asked: &[(&str, u16, u16)]) {
    let builder = builder.monitor(monitor.host("0.0.0.0"));
    let server = builder.start().await.unwrap();
    let port = server.monitor_addr().unwrap().port();
    for &(what, here, far) in asked {
        let local = status_at((Ipv4Addr::LOCALHOST, port).into(), what, None).await;
        assert_eq!(local, here, "{what} from here");
        if let Some(address) = elsewhere(port) {
            assert_eq!(
                status_at(address, what, None).await,
                far,
                "{what} from elsewhere"
            );
        }
    }
}

#[tokio::test]
async fn who_comes_from_elsewhere_is_asked_where_there_are_users() {
    let builder = Server::builder().port(0).authorization(users());
    let asked = [
        ("GET /healthz", 200, 200),
        ("GET /varz", 200, 401),
        ("GET /dashboard", 200, 401),
        ("POST /dashboard/kick?cid=999", 400, 401),
    ];
    check_both(builder, MonitorOptions::port(0), &asked).await;
}

#[tokio::test]
async fn without_users_everybody_reads_and_strangers_control_nothing() {
    let asked = [
        ("GET /varz", 200, 200),
        ("GET /dashboard", 200, 200),
        ("POST /dashboard/kick?cid=999", 400, 403),
        ("POST /dashboard/traffic?on=1", 200, 403),
        ("POST /dashboard/reload", 501, 403),
    ];
    check_both(Server::builder().port(0), MonitorOptions::port(0), &asked).await;
}

#[tokio::test]
async fn in_so_many_words_nobody_is_asked() {
    let builder = Server::builder().port(0).authorization(users());
    let asked = [
        ("GET /varz", 200, 200),
        ("POST /dashboard/kick?cid=999", 400, 400),
    ];
    let monitor = MonitorOptions::port(0).demand_user(false);
    check_both(builder, monitor, &asked).await;
}

#[tokio::test]
async fn a_user_that_nobody_can_be_lets_nobody_in() {
    let monitor = MonitorOptions::port(0).demand_user(true);
    let asked = [("GET /varz", 403, 403), ("GET /healthz", 200, 200)];
    check_both(Server::builder().port(0), monitor, &asked).await;
}

#[tokio::test]
async fn a_token_is_shown_as_a_password_or_by_its_bearer() {
    let builder = Server::builder().port(0);
    let builder = builder.authorization(Authorization::new().token("open sesame"));
    let monitor = MonitorOptions::port(0).demand_user(true);
    let server = builder.monitor(monitor).start().await.unwrap();
    let at = server.monitor_addr().unwrap();
    for (shown, expected) in [
        ("Bearer open sesame", 200),
        ("Bearer wrong", 401),
        ("Basic Om9wZW4gc2VzYW1l", 200),
    ] {
        let line = format!("Authorization: {shown}\r\n");
        assert_eq!(ask(at, "GET /varz", &line).await, expected, "{shown}");
    }
}

#[tokio::test]
async fn a_slow_password_is_checked_once_for_many_pages() {
    let hash = bcrypt::hash("s3cret", 8).unwrap(); // Slow where nothing is optimized.
    let builder = Server::builder().port(0);
    let builder = builder.authorization(Authorization::new().user(User::new("admin", hash)));
    let monitor = MonitorOptions::port(0).demand_user(true);
    let server = builder.monitor(monitor).start().await.unwrap();
    let first = Instant::now();
    assert_eq!(
        status(&server, "GET /varz", Some("admin:s3cret")).await,
        200
    );
    let first = first.elapsed();
    let many = Instant::now();
    for _ in 0..50 {
        assert_eq!(
            status(&server, "GET /varz", Some("admin:s3cret")).await,
            200
        );
    }
    assert!(
        many.elapsed() < first * 25,
        "{:?} after {first:?}",
        many.elapsed()
    );
    assert_eq!(status(&server, "GET /varz", Some("admin:wrong")).await, 401);
}

#[tokio::test]
async fn whoever_runs_the_server_answers_wishes() {
    let builder = Server::builder().port(0).monitor(MonitorOptions::port(0));
    let server = builder.start().await.unwrap();
    let at = server.monitor_addr().unwrap();
    assert_eq!(ask(at, "POST /dashboard/reload", "").await, 501); // Nobody has ever listened.
    let ask_now = async || ask(at, "POST /dashboard/reload", "").await;
    let visitor = async {
        let mut status = ask_now().await;
        while status == 501 {
            status = ask_now().await;
        }
        status
    };
    let listener = async {
        let request = server.asked().await;
        assert_eq!(request.wish(), Wish::Reload);
        request.answer(Err("not today".to_owned()));
    };
    assert_eq!(tokio::join!(visitor, listener).0, 409);
    let visitor = tokio::spawn(async move { ask(at, "POST /dashboard/lame-duck", "").await });
    let request = server.asked().await;
    assert_eq!(request.wish(), Wish::LameDuck);
    drop(request);
    assert_eq!(visitor.await.unwrap(), 501);
}
