//! Who may come in by WebSocket: users kept to it, its own user, guests, and cookies.

use dunlin_tests::{Auth, Client, Frames, Request, Target, Websocket};

use super::start_with;

against_both! {
    users_come_in_by_the_ways_that_are_theirs
    a_user_of_the_listener_stands_in_place_of_the_server_s
    who_brings_nothing_is_the_guest_of_the_listener
    cookies_stand_for_what_connect_leaves_out
    a_cookie_holds_the_token
}

/// Whether a login is taken.
async fn enters(frames: &mut Frames, login: &str) -> bool {
    frames
        .say(format!("CONNECT {{\"verbose\":false{login}}}\r\nPING\r\n"))
        .await;
    let mut text = Vec::new();
    while let Some(frame) = frames.next().await {
        text.extend(frame.payload);
        if text.windows(6).any(|part| part == b"PONG\r\n") {
            return true;
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(
        text.contains("-ERR 'Authorization Violation'\r\n"),
        "{text}"
    );
    false
}

fn user(name: &str) -> String {
    format!(",\"user\":\"{name}\",\"pass\":\"{name}\"")
}

async fn users_come_in_by_the_ways_that_are_theirs(target: Target) {
    let server = start_with(target, Websocket::default(), Some(Auth::Ways)).await;
    for (name, expected) in [
        ("page", true),
        ("program", false),
        ("both", true),
        ("x", false),
    ] {
        let mut frames = Frames::open(server.websocket(), Request::default()).await;
        assert_eq!(enters(&mut frames, &user(name)).await, expected, "{name}");
    }
    for (name, expected) in [("page", "-ERR"), ("program", "PONG"), ("both", "PONG")] {
        let mut client = Client::open(server.address()).await;
        let login = user(name);
        client
            .send(format!("CONNECT {{\"verbose\":false{login}}}\r\nPING\r\n"))
            .await;
        let first = format!("{:?}", client.next().await).to_uppercase();
        assert!(first.contains(expected), "{name}: {first}");
    }
}

async fn a_user_of_the_listener_stands_in_place_of_the_server_s(target: Target) {
    let websocket = Websocket {
        user: Some(("w", "w")),
        ..Websocket::default()
    };
    let server = start_with(target, websocket, Some(Auth::Single)).await;
    let solo = ",\"user\":\"solo\",\"pass\":\"s3cret\"";
    for (login, expected) in [(&*user("w"), true), (solo, false), ("", false)] {
        let mut frames = Frames::open(server.websocket(), Request::default()).await;
        assert_eq!(enters(&mut frames, login).await, expected, "{login}");
    }
}

async fn who_brings_nothing_is_the_guest_of_the_listener(target: Target) {
    let websocket = Websocket {
        no_auth_user: Some("page"),
        ..Websocket::default()
    };
    let server = start_with(target, websocket, Some(Auth::Ways)).await;
    for (login, expected) in [("", true), (&*user("both"), true), (&*user("x"), false)] {
        let mut frames = Frames::open(server.websocket(), Request::default()).await;
        assert_eq!(enters(&mut frames, login).await, expected, "{login}");
    }
    let mut client = Client::open(server.address()).await;
    client.send("CONNECT {\"verbose\":false}\r\nPING\r\n").await;
    let first = format!("{:?}", client.next().await);
    assert!(first.contains("Authorization Violation"), "{first}");
}

async fn cookies_stand_for_what_connect_leaves_out(target: Target) {
    let websocket = Websocket {
        cookies: Some(("who", "word")),
        ..Websocket::default()
    };
    let server = start_with(target, websocket, Some(Auth::Ways)).await;
    let rows = [
        ("who=page; word=page", "", true),
        ("a=b; word=\"page\"; who=\"page\"", "", true),
        ("who=page; word=wrong", "", false),
        ("who=page", "", false),
        ("who=page; word=page", &*user("both"), true),
        ("who=page; word=page", &*user("program"), false),
        ("Who=page; Word=page", "", false),
    ];
    for (cookie, login, expected) in rows {
        let request = Request::default().with("Cookie", cookie);
        let mut frames = Frames::open(server.websocket(), request).await;
        assert_eq!(
            enters(&mut frames, login).await,
            expected,
            "{cookie} and {login}"
        );
    }
}

async fn a_cookie_holds_the_token(target: Target) {
    let websocket = Websocket {
        token_cookie: Some("t"),
        ..Websocket::default()
    };
    let server = start_with(target, websocket, Some(Auth::Token)).await;
    for (cookie, login, expected) in [
        ("t=t0ken", "", true),
        ("t=wrong", "", false),
        ("t=wrong", ",\"auth_token\":\"t0ken\"", true),
    ] {
        let request = Request::default().with("Cookie", cookie);
        let mut frames = Frames::open(server.websocket(), request).await;
        assert_eq!(
            enters(&mut frames, login).await,
            expected,
            "{cookie} and {login}"
        );
    }
}
