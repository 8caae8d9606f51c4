//! Who may use the dashboard: a user of the bus where one is demanded, for what it may do there.

#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

use data_encoding::BASE64;
use dunlin_server::{Authorization, MonitorOptions, Permissions, Server, User};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn start() -> Server {
    let guest = Permissions::new()
        .allow_publish(["orders.>"])
        .allow_subscribe(["orders.>"]);
    let authorization = Authorization::new()
        .user(User::new("admin", "s3cret"))
        .user(User::new("guest", "hello").permissions(guest));
    let builder = Server::builder().port(0).authorization(authorization);
    let monitor = MonitorOptions::port(0).demand_user(true);
    builder.monitor(monitor).start().await.unwrap()
}

/// The status of the answer to `what`, asked as `login`.
async fn status(server: &Server, what: &str, login: Option<&str>) -> u16 {
    let mut stream = TcpStream::connect(server.monitor_addr().unwrap())
        .await
        .unwrap();
    let login = login.map(|login| {
        let encoded = BASE64.encode(login.as_bytes());
        format!("Authorization: Basic {encoded}\r\n")
    });
    let login = login.unwrap_or_default();
    let request = format!("{what} HTTP/1.0\r\nHost: localhost\r\nX-Dunlin: 1\r\n{login}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    std::str::from_utf8(&head[9..]).unwrap().parse().unwrap()
}

#[tokio::test]
async fn what_is_more_than_the_reference_servers_pages_asks_for_a_user() {
    let server = start().await;
    for (what, login, expected) in [
        ("GET /varz", None, 200),
        ("GET /connz", None, 200),
        ("GET /healthz", None, 200),
        ("GET /metrics", None, 200),
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
    ] {
        assert_eq!(
            status(&server, what, Some(login)).await,
            expected,
            "{what} as {login}"
        );
    }
}
