//! The program itself: what it prints and how it ends, its files and its signals.
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

mod program;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};

use program::{Folder, Running, check, run, text, wait_for};

#[test]
fn questions_are_answered() {
    let version = concat!("dunlin-server: v", env!("CARGO_PKG_VERSION"));
    for words in [["--version"], ["-v"], ["-version"], ["version"]] {
        check(&words, 0, version);
    }
    for words in [["--help"], ["-h"], ["-help"], ["help"]] {
        check(&words, 0, "Usage: dunlin-server [OPTIONS]");
    }
    check(&["foo"], 1, "dunlin-server: unrecognized command: \"foo\"");
    check(&["--prot", "1"], 2, "'--port'");
    check(&["-p", "70000"], 2, "70000 is not in -1..=65535");
}

#[test]
fn a_good_file_is_called_valid() {
    let folder = Folder::with("listen: \"127.0.0.1:-1\"\nprof_port: 8222\n");
    let config = folder.config();
    check(&["-t", "-c", &config], 0, " is valid (sha256:");
    check(&["-t", "-c", &config], 0, "\"prof_port\" is ignored");
    let output = run(&["-t", "-c", &config, "--strict"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!text(&output.stderr).contains("is valid"));
    check(&["-t"], 1, "must specify [-c, --config] option");
    check(
        &["-t", "-c", "/nonexistent.conf"],
        1,
        "open /nonexistent.conf: ",
    );
}

#[test]
fn a_bad_file_is_refused_by_the_test_and_at_the_start() {
    let folder = Folder::with("port: x\nprot: 1\n");
    let config = folder.config();
    for arguments in [&["-t", "-c", &config][..], &["-c", &config]] {
        check(arguments, 1, "a.conf:1:7: port must be a whole number");
        check(arguments, 1, "a.conf:2:1: unknown field \"prot\"");
        check(
            arguments,
            1,
            "\n  2 | prot: 1\n    | ^^^^\n    = did you mean \"port\"?\n",
        );
    }
}

#[test]
fn everything_wrong_is_said_at_once() {
    let folder = Folder::with(
        "listen: \"127.0.0.1:-1\"\nprot: 1\ntls { cert_file: /none.pem, key_file: /none.key }\n\
         pid_file: /nonexistent/a.pid\nno_auth_user: joe\n\
         websocket { port: -1, tls { cert_file: /other.pem, key_file: /other.key } }\n",
    );
    let config = folder.config();
    for wanted in [
        "a.conf:2:1: unknown field \"prot\"",
        "a.conf:3:18: cannot read /none.pem: No such file",
        "a.conf:3:39: cannot read /none.key: No such file",
        "a.conf:4:11: cannot write /nonexistent/a.pid: ",
        "a.conf:5:15: no_auth_user \"joe\"",
        "a.conf:6:40: cannot read /other.pem: ",
        "a.conf:6:62: cannot read /other.key: ",
    ] {
        check(&["-t", "-c", &config], 1, wanted);
    }
}

#[test]
fn the_port_of_a_broken_file_is_looked_at_too() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = Folder::with(&format!("port: {port}\nauthorization {{ user: a\n"));
    check(
        &["-t", "-c", &folder.config()],
        1,
        "a.conf:1:7: warning: cannot listen on ",
    );
    check(&["-t", "-c", &folder.config()], 1, "this { is never closed");
}

#[test]
fn a_warning_of_nats_server_fails_the_test_but_not_the_start() {
    let folder = Folder::with("listen: \"127.0.0.1:-1\"\nping_interval: 10\n");
    let config = folder.config();
    check(
        &["-t", "-c", &config],
        1,
        "should be converted to a duration",
    );
    check(
        &["-c", &config, "--strict"],
        1,
        "should be converted to a duration",
    );
    let server = Running::start(&["-c", &config]);
    server.until("should be converted to a duration");
    server.until("Server is ready");
}

#[test]
fn the_test_looks_at_folders_and_the_port() {
    let folder =
        Folder::with("port: -1\nlog_file: /nonexistent/a.log\npid_file: /nonexistent/a.pid\n");
    let config = folder.config();
    check(
        &["-t", "-c", &config],
        1,
        "a.conf:2:11: cannot write /nonexistent/a.log",
    );
    check(
        &["-t", "-c", &config],
        1,
        "a.conf:3:11: cannot write /nonexistent/a.pid",
    );
    check(
        &["-c", &config],
        1,
        "error opening log file /nonexistent/a.log",
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = Folder::with(&format!("listen: \"127.0.0.1:{port}\"\n"));
    check(
        &["-t", "-c", &folder.config()],
        0,
        "warning: cannot listen on 127.0.0.1:",
    );
}

#[test]
fn a_fatal_start_is_logged_as_such() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    check(
        &["-a", "127.0.0.1", "-p", &port],
        1,
        "[FTL] cannot listen on 127.0.0.1:",
    );
    if cfg!(target_os = "linux") {
        check(
            &["-a", "127.0.0.1", "-p", &port],
            1,
            "the port is held by process",
        );
    }
    check(
        &["-p", "-1", "-P", "/nonexistent/a"],
        1,
        "[FTL] could not write pid file /nonexistent/a",
    );
}

#[test]
fn flags_win_over_the_file() {
    let folder = Folder::with("listen: \"127.0.0.1:1\"\nserver_name: file\nlogtime: true\n");
    let server = Running::start(&["-c", &folder.config(), "-p", "-1", "-n", "flag", "-T=false"]);
    let lines = server.until("Server is ready");
    let pid = server.process.id();
    assert_eq!(lines[0], format!("[{pid}] [INF] Starting dunlin-server"));
    assert!(
        lines.contains(&format!("[{pid}] [INF]   Name:     flag")),
        "{lines:#?}"
    );
    let address = lines
        .iter()
        .find_map(|line| line.split_once("client connections on "));
    let (_, address) = address.unwrap();
    let mut info = String::new();
    let stream = TcpStream::connect(address).unwrap();
    BufReader::new(stream).read_line(&mut info).unwrap();
    assert!(info.contains("\"server_name\":\"flag\""), "{info}");
}

#[test]
fn the_file_is_obeyed() {
    let folder = Folder::with(
        "listen: \"127.0.0.1:-1\"\nmax_payload: 2kb\nno_header_support: true\nserver_name: \"n 1\"",
    );
    check(
        &["-c", &folder.config()],
        1,
        "server name cannot contain spaces",
    );
    let folder =
        Folder::with("listen: \"127.0.0.1:-1\"\nmax_payload: 2kb\nno_header_support: true");
    let server = Running::start(&["-c", &folder.config()]);
    let lines = server.until("Server is ready");
    assert!(
        lines
            .iter()
            .any(|line| line.contains("Using configuration file: "))
    );
    let address = lines
        .iter()
        .find_map(|line| line.split_once("client connections on "));
    let mut info = String::new();
    let stream = TcpStream::connect(address.unwrap().1).unwrap();
    BufReader::new(stream).read_line(&mut info).unwrap();
    assert!(info.contains("\"max_payload\":2048"), "{info}");
    assert!(!info.contains("\"headers\":true"), "{info}");
}

#[test]
fn nobody_is_admitted_where_zero_connections_are_asked_for() {
    let folder = Folder::with("listen: \"127.0.0.1:-1\"\nmax_connections: 0\n");
    let server = Running::start(&["-c", &folder.config()]);
    let lines = server.until("Server is ready");
    let address = lines
        .iter()
        .find_map(|line| line.split_once("client connections on "));
    let mut said = String::new();
    let mut stream = TcpStream::connect(address.unwrap().1).unwrap();
    stream.read_to_string(&mut said).unwrap();
    assert!(
        said.contains("-ERR 'maximum connections exceeded'"),
        "{said}"
    );
}

#[test]
fn a_line_of_the_log_looks_as_nats_servers() {
    let server = Running::start(&["-a", "127.0.0.1", "-p", "-1", "-logtime_utc"]);
    let line = server.until("Starting dunlin-server").pop().unwrap();
    let pid = format!("[{}] ", server.process.id());
    let rest = line.strip_prefix(&pid).unwrap();
    let form: String = rest
        .chars()
        .map(|letter| if letter.is_ascii_digit() { 'd' } else { letter })
        .collect();
    assert_eq!(
        form,
        "dddd/dd/dd dd:dd:dd.dddddd [INF] Starting dunlin-server"
    );
}

#[test]
fn the_log_file_is_opened_anew_and_the_pid_file_stays() {
    let folder = Folder::with("listen: \"127.0.0.1:-1\"\n");
    let (log, pid) = (folder.path("a.log"), folder.path("a.pid"));
    let config = folder.config();
    let server = Running::start(&[
        "-c",
        &config,
        "-l",
        log.to_str().unwrap(),
        "-P",
        pid.to_str().unwrap(),
    ]);
    wait_for(&log, "Server is ready");
    assert_eq!(
        fs::read_to_string(&pid).unwrap(),
        server.process.id().to_string()
    );
    fs::rename(&log, folder.path("b.log")).unwrap();
    let request = format!("reopen={}", pid.display());
    check(&["-sl", &request], 0, "");
    let first = wait_for(&log, "\n");
    assert!(
        first
            .lines()
            .next()
            .unwrap()
            .ends_with("[INF] File log re-opened"),
        "{first}"
    );
    server.signal("term");
    assert_eq!(server.exit_code(), Some(0));
    assert!(wait_for(&log, "Server Exiting..").contains("Trapped \"terminated\" signal"));
    assert!(pid.exists());
}

#[test]
fn signals_are_sent_by_name() {
    let server = Running::start(&["-a", "127.0.0.1", "-p", "-1"]);
    server.until("Server is ready");
    server.signal("quit");
    server.until("Trapped \"interrupt\" signal");
    assert_eq!(server.exit_code(), Some(0));
    check(&["-sl", "bogus"], 1, "unknown signal \"bogus\"");
    check(&["-sl", "quit=99999999"], 1, "signal \"quit\" 99999999: ");
    check(
        &["-sl", "quit=/nonexistent"],
        1,
        "cannot read pid file /nonexistent",
    );
    check(&["-sl", "quit=-1"], 1, "invalid pid: -1");
}

#[test]
fn flags_of_what_does_not_exist_are_answered() {
    check(&["--tls"], 1, "--tls needs --tlscert");
    check(&["-js", "--strict"], 1, "warning: --jetstream is ignored: ");
    let server = Running::start(&[
        "-a",
        "127.0.0.1",
        "-p",
        "-1",
        "-m",
        "-1",
        "-js",
        "-sd",
        "/x",
    ]);
    server.until("Starting http monitor on ");
    server.until("Server is ready");
}

#[test]
fn hashes_and_keys_are_made_for_the_file() {
    use std::io::Write;
    use std::process::Stdio;
    let mut hashing = program::program();
    hashing.arg("passwd").stdin(Stdio::piped());
    hashing.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut hashing = hashing.spawn().unwrap();
    hashing
        .stdin
        .take()
        .unwrap()
        .write_all(b"s3cret\n")
        .unwrap();
    let hash = text(&hashing.wait_with_output().unwrap().stdout);
    assert!(hash.starts_with("$2"), "{hash}");
    assert!(bcrypt::verify("s3cret", hash.trim()).unwrap());
    let output = run(&["nkey"]);
    let (key, seed) = (text(&output.stdout), text(&output.stderr));
    let seed = seed.trim().rsplit(' ').next().unwrap();
    assert_eq!(
        nkeys::KeyPair::from_seed(seed).unwrap().public_key(),
        key.trim()
    );
}

#[test]
fn the_test_looks_at_every_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = Folder::with(&format!(
        "port: -1\nwebsocket {{ listen: \"{address}\", no_tls: true }}\nports_file_dir: \"/nonexistent\""
    ));
    let config = folder.config();
    check(
        &["-t", "-c", &config],
        0,
        &format!("a.conf:2:11: warning: cannot listen on {address}"),
    );
    check(
        &["-t", "-c", &config],
        0,
        "warning: cannot write into /nonexistent",
    );
}
