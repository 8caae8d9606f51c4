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
