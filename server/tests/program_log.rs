//! The log of the program: its formats, its files, and a disk without room.
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

mod program;

use std::fs;

use program::{Folder, Running, talk, wait_for};
use serde_json::Value;

#[test]
fn json_lines_are_objects() {
    let folder = Folder::with("listen: \"127.0.0.1:-1\"\nlog_format: json\ndebug: true\n");
    let server = Running::start(&["-c", &folder.config()]);
    let lines = server.until("Server is ready");
    for line in &lines {
        let object: Value = serde_json::from_str(line).unwrap();
        assert!(object["time"].as_str().unwrap().ends_with('Z'), "{line}");
        assert_eq!(object["pid"], server.process.id(), "{line}");
        assert!(
            object["level"].is_string() && object["message"].is_string(),
            "{line}"
        );
    }
}

#[test]
fn a_full_file_is_put_aside() {
    let folder = Folder::with("");
    let log = folder.path("a.log");
    fs::write(
        folder.path("a.conf"),
        format!(
            "listen: \"127.0.0.1:-1\"\nlog_file: {log:?}\nlog_size_limit: 400\nlog_max_num: 2\n"
        ),
    )
    .unwrap();
    let server = Running::start(&["-c", &folder.config()]);
    let aside = wait_for(&log, "Rotated log, backup saved as \"");
    let (_, aside) = aside.split_once("saved as \"").unwrap();
    let (aside, _) = aside.split_once('"').unwrap();
    assert!(
        aside.starts_with(&format!("{}.20", log.display())),
        "{aside}"
    );
    assert!(
        fs::read_to_string(aside)
            .unwrap()
            .contains("Starting dunlin-server")
    );
    server.signal("quit");
    assert_eq!(server.exit_code(), Some(0));
    let names = fs::read_dir(log.parent().unwrap()).unwrap().flatten();
    let logs = names.filter(|name| name.file_name().to_string_lossy().starts_with("a.log"));
    assert!(logs.count() <= 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_without_room_stops_nobody() {
    use std::net::TcpListener;
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let port = port.to_string();
    let flags = ["-a", "127.0.0.1", "-p", &port, "-l", "/dev/full", "-DV"];
    let server = Running::start(&flags);
    let address = format!("127.0.0.1:{port}");
    program::wait_to_connect(&address);
    for _ in 0..10 {
        let said = talk(&address, "CONNECT {}\r\nPING\r\n", "PONG");
        assert!(said.contains("PONG"), "{said}");
    }
    server.signal("quit");
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn every_line_says_whose_it_is_and_secrets_stay_secret() {
    let folder = Folder::with(
        "listen: \"127.0.0.1:-1\"\nlogtime: false\ndebug: true\ntrace: true\nmax_traced_msg_len: 4
         authorization {users: [{user: u, pass: s3cret}]}",
    );
    let server = Running::start(&["-c", &folder.config()]);
    let address = server.address();
    let lines = "CONNECT {\"user\":\"u\",\"pass\":\"s3cret\",\"lang\":\"go\",\"version\":\"1.2\",\"name\":\"me\"}\r\n\
        SUB a 1\r\nPUB a 5\r\nhello\r\nPING\r\n";
    talk(&address, lines, "PONG");
    let lines = server.until("Client connection closed: Client Closed");
    let all = lines.join("\n");
    assert!(!all.contains("s3cret"), "{all}");
    let who = " - \"v1.2:go:me\" - \"$G/user:u\" - ";
    for wanted in [
        "[DBG] 127.0.0.1:",
        " - cid:1 - Client connection created",
        "<<- [CONNECT {",
        "\"pass\":\"[REDACTED]\"",
        &format!("{who}<<- [SUB a 1]"),
        &format!("{who}<<- [PUB a 5]"),
        &format!("{who}<<- MSG_PAYLOAD: [\"hell...\"]"),
        &format!("{who}->> [MSG a 1 5]"),
        &format!("{who}->> MSG_PAYLOAD: [\"hell...\"]"),
        &format!("{who}->> [PONG]"),
        &format!("{who}Client connection closed: Client Closed"),
    ] {
        assert!(all.contains(wanted), "no {wanted:?} in {all}");
    }
    talk(
        &address,
        "CONNECT {\"user\":\"u\",\"pass\":\"wrong\"}\r\n",
        "-ERR",
    );
    server.until("[ERR] 127.0.0.1:");
}

#[test]
fn what_somebody_may_not_do_is_logged_as_often_as_can_be_read() {
    let folder = Folder::with(
        "listen: \"127.0.0.1:-1\"\nlogtime: false
         authorization {users: [{user: u, pass: p, permissions: {publish: {deny: x}, subscribe: {deny: y}}}]}",
    );
    let server = Running::start(&["-c", &folder.config()]);
    let connect = "CONNECT {\"user\":\"u\",\"pass\":\"p\",\"verbose\":false}\r\n";
    let lines = format!(
        "{connect}SUB y 1\r\nSUB y q 2\r\n{}PING\r\n",
        "PUB x 0\r\n\r\n".repeat(1000)
    );
    talk(&server.address(), &lines, "PONG");
    let all = server.until("more violations are not shown").join("\n");
    let who = " - \"$G/user:u\" - ";
    for (wanted, times) in [
        (
            format!("{who}Subscription Violation - Subject \"y\", SID 1"),
            1,
        ),
        (
            format!("{who}Subscription Violation - Subject \"y\", Queue: \"q\", SID 2"),
            1,
        ),
        (format!("{who}Publish Violation - Subject \"x\""), 8),
    ] {
        let found = all.matches(&wanted).count();
        assert!(found >= times, "{found} times {wanted:?} in {all}");
        assert!(found <= 100, "{found} times {wanted:?}");
    }
}

#[test]
fn what_somebody_types_is_traced() {
    let server = Running::start(&["-a", "127.0.0.1", "-p", "-1", "-V", "-T=false"]);
    let typed = "help\r\npub a \"hi\"\r\nauth me s3cret\r\nSUB a 1\r\nquit\r\n";
    talk(&server.address(), typed, "+OK");
    let all = server.until("<<- [QUIT]").join("\n");
    for wanted in [
        "<<- [HELP]",
        "<<- [PUB a 2]",
        "<<- MSG_PAYLOAD: [\"hi\"]",
        "<<- [SUB a 1]",
    ] {
        assert!(all.contains(wanted), "no {wanted:?} in {all}");
    }
    assert!(
        all.contains("<<- [AUTH [REDACTED]]") && !all.contains("s3cret"),
        "{all}"
    );
}
