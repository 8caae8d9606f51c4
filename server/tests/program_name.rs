//! The program under the name of the one whose place it takes, found by that name, and the file that
//! tells where it listens.
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.
#![cfg(target_os = "linux")]

mod program;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use program::{Folder, Running, text, wait_for};
use serde_json::Value;

/// A link to the program.
fn linked(folder: &Folder, name: &str) -> String {
    let link = folder.path(name);
    symlink(env!("CARGO_BIN_EXE_dunlin-server"), &link).unwrap();
    link.display().to_string()
}

fn said(link: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(link).args(arguments).output().unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    (output.status.code(), said)
}

#[test]
fn who_starts_nats_server_gets_one() {
    let folder = Folder::with("prot: 1");
    let link = linked(&folder, "nats-server");
    let (code, version) = said(&link, &["--version"]);
    assert_eq!(code, Some(0));
    assert!(
        version.starts_with("nats-server: v2.15.2 (dunlin "),
        "{version}"
    );
    let (code, complaint) = said(&link, &["-t", "-c", &folder.config()]);
    assert_eq!(code, Some(1));
    assert!(complaint.starts_with("nats-server: "), "{complaint}");
    let ports = folder.path("ports");
    fs::create_dir(&ports).unwrap();
    let mut flags = vec!["-a", "127.0.0.1", "-p", "-1", "-DV"];
    flags.extend([
        "--user",
        "u",
        "--pass",
        "p",
        "--ports_file_dir",
        ports.to_str().unwrap(),
    ]);
    let server = Running::start_as(&link, &flags);
    let lines = server.until("Server is ready").join("\n");
    assert!(lines.contains("[INF] Starting nats-server"), "{lines}");
    let pid = server.process.id();
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    assert_eq!(comm.trim_end(), "nats-server");
    let file = ports.join(format!("nats-server_{pid}.ports"));
    let listed: Value = serde_json::from_str(&wait_for(&file, "}")).unwrap();
    let url = listed["nats"][0].as_str().unwrap();
    assert!(
        lines.contains(url.strip_prefix("nats://").unwrap()),
        "{url} is not in {lines}"
    );
    server.signal("quit");
    assert_eq!(server.exit_code(), Some(0));
    assert!(!file.exists());
}

#[test]
fn a_server_is_found_by_its_name() {
    let folder = Folder::with("");
    let link = linked(&folder, "dunlin-lonely");
    let (code, complaint) = said(&link, &["--signal", "quit"]);
    assert_eq!(code, Some(1));
    assert!(
        complaint.contains("no dunlin-lonely processes running"),
        "{complaint}"
    );
    let server = Running::start_as(&link, &["-a", "127.0.0.1", "-p", "-1"]);
    server.until("Server is ready");
    let other = Running::start_as(&link, &["-a", "127.0.0.1", "-p", "-1"]);
    other.until("Server is ready");
    let (code, complaint) = said(&link, &["--signal", "quit"]);
    assert_eq!(code, Some(1));
    assert!(
        complaint.contains("multiple dunlin-lonely processes running"),
        "{complaint}"
    );
    let (code, complaint) = said(
        &link,
        &["--signal", &format!("quit={}*", other.process.id())],
    );
    assert_eq!((code, complaint.as_str()), (Some(0), ""));
    assert_eq!(other.exit_code(), Some(0));
    let (code, complaint) = said(&link, &["--signal", "quit"]);
    assert_eq!((code, complaint.as_str()), (Some(0), ""));
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_ports_file_that_cannot_be_written_stops_nobody() {
    let flags = [
        "-a",
        "127.0.0.1",
        "-p",
        "-1",
        "--ports_file_dir",
        "/nonexistent",
    ];
    let server = Running::start(&flags);
    server.until("[ERR] error writing ports file /nonexistent/");
    server.signal("quit");
    assert_eq!(server.exit_code(), Some(0));
}
