//! Whole programs on the same small files: which of them start, ours and a real nats-server.
//!
//! `tests/config/starts.txt` holds the files; every one that the two differ in gives its reason there.
//! `DUNLIN_NATS_SERVER` names the binary that is asked.
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Files of the repository that stand beside every file.
const CERTIFICATES: [&str; 6] = [
    "cert.pem",
    "key.pem",
    "other-cert.pem",
    "other-key.pem",
    "expired-cert.pem",
    "expired-key.pem",
];

struct Case {
    text: String,
    ours: bool,
    theirs: bool,
    /// Where in the file of cases it stands.
    line: usize,
}

#[test]
fn every_file_starts_or_does_not() {
    let own = OsStr::new(env!("CARGO_BIN_EXE_dunlin-server"));
    judge(own, |case| case.ours);
}

#[test]
fn nats_server_agrees() {
    let binary = std::env::var_os("DUNLIN_NATS_SERVER");
    let is_ci = std::env::var_os("CI").is_some_and(|is_ci| is_ci == "true");
    assert!(
        binary.is_some() || !is_ci,
        "DUNLIN_NATS_SERVER must name a nats-server in CI"
    );
    if let Some(binary) = binary {
        judge(&binary, |case| case.theirs);
    }
}

#[test]
fn there_are_enough_files() {
    assert!(cases().len() >= 40, "only {}", cases().len());
}

#[track_caller]
fn judge(binary: &OsStr, expected: fn(&Case) -> bool) {
    let folder = tempfile::tempdir().unwrap();
    for name in CERTIFICATES {
        fs::copy(shared(name), folder.path().join(name)).unwrap();
    }
    let mut wrong = Vec::new();
    for case in cases() {
        let (starts, said) = starts(binary, folder.path(), &case.text);
        if starts != expected(&case) {
            let verdict = if starts { "starts" } else { "is refused" };
            wrong.push(format!("{}: {verdict}: {said}", case.line));
        }
    }
    assert!(wrong.is_empty(), "starts.txt:\n{}", wrong.join("\n"));
}

/// Whether the program becomes ready with this file, and what it said instead.
fn starts(binary: &OsStr, folder: &Path, text: &str) -> (bool, String) {
    fs::write(folder.join("case.conf"), text).unwrap();
    let mut process = Command::new(binary)
        .args(["-c", "case.conf", "-a", "127.0.0.1", "-p", "-1"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(process.stderr.take().unwrap());
    let mut lines = log.lines().map_while(Result::ok);
    let mut said = Vec::new();
    let is_ready = lines.by_ref().any(|line| {
        let is_ready = line.contains("Server is ready");
        said.push(line);
        is_ready
    });
    let _ = process.kill();
    process.wait().unwrap();
    (is_ready, said.join("\n"))
}

/// `== starts` or `== refused`, with `, nats-server …: reason` where it differs, and the text up to
/// the next.
fn cases() -> Vec<Case> {
    let all = fs::read_to_string(shared("starts.txt")).unwrap();
    let mut line = 1;
    let mut cases = Vec::new();
    for (at, part) in all.split("== ").enumerate() {
        if at > 0 {
            cases.push(case(part, line));
        }
        line += part.matches('\n').count();
    }
    cases
}

fn case(part: &str, line: usize) -> Case {
    let (head, text) = part.split_once('\n').unwrap();
    let (head, reason) = head.split_once(": ").unwrap_or((head, ""));
    let (ours, theirs) = head.split_once(", nats-server ").unwrap_or((head, head));
    assert_eq!(
        ours != theirs,
        !reason.is_empty(),
        "line {line} needs a reason"
    );
    let starts = |verdict: &str| match verdict {
        "starts" => true,
        "refused" => false,
        _ => panic!("line {line}: {verdict}"),
    };
    Case {
        text: text.to_owned(),
        ours: starts(ours),
        theirs: starts(theirs),
        line,
    }
}

fn shared(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/config")
        .join(name)
}
