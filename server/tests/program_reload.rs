//! The configuration read again while the program runs, all or nothing; and the lame duck.
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

mod program;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use program::{Folder, PATIENCE, Running, talk, wait_for};

const LISTEN: &str = "listen: \"127.0.0.1:-1\"\nlogtime: false\n";
const DONE: &str = "Reloaded server configuration (sha256:";
const FAILED: &str = "[ERR] Failed to reload server configuration: ";

struct Reloaded {
    folder: Folder,
    server: Running,
    address: String,
}

impl Reloaded {
    fn start(config: &str) -> Self {
        Self::start_with(config, &[])
    }

    fn start_with(config: &str, flags: &[&str]) -> Self {
        let folder = Folder::with(&format!("{LISTEN}{config}"));
        let path = folder.config();
        let flags: Vec<&str> = ["-c", &path]
            .into_iter()
            .chain(flags.iter().copied())
            .collect();
        let server = Running::start(&flags);
        let address = server.address();
        Self {
            folder,
            server,
            address,
        }
    }

    /// The lines up to `wanted`, after the file became this.
    fn reload(&self, config: &str, wanted: &str) -> String {
        fs::write(self.folder.path("a.conf"), format!("{LISTEN}{config}")).unwrap();
        self.server.signal("reload");
        self.server.until(wanted).join("\n")
    }

    /// A client that has said who it is.
    fn client(&self, fields: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let lines = format!("CONNECT {{\"verbose\":false{fields}}}\r\nSUB a 1\r\nPING\r\n");
        stream.write_all(lines.as_bytes()).unwrap();
        let mut client = BufReader::new(stream);
        until(&mut client, "PONG");
        client
    }
}

/// What comes up to `wanted`, or the end.
fn until(client: &mut BufReader<TcpStream>, wanted: &str) -> String {
    let mut said = String::new();
    while !said.contains(wanted) && client.read_line(&mut said).unwrap() > 0 {}
    said
}

#[test]
fn what_changed_is_told_and_holds() {
    let it = Reloaded::start("max_payload: 100");
    let lines = it.reload("max_payload: 200\nping_max: 5\ndebug: true", DONE);
    assert!(lines.contains("[INF] Trapped \"hangup\" signal"), "{lines}");
    assert!(
        lines.contains("[INF] Reloaded: max_payload = 200"),
        "{lines}"
    );
    assert!(lines.contains("[INF] Reloaded: ping_max = 5"), "{lines}");
    assert!(lines.contains("[INF] Reloaded: debug = true"), "{lines}");
    let info = talk(&it.address, "", "}");
    assert!(info.contains("\"max_payload\":200"), "{info}");
    it.server.until("[DBG]");
}

#[test]
fn all_of_it_or_nothing() {
    let it = Reloaded::start("max_payload: 100");
    for (config, why) in [
        (
            "max_payload: 200\nmax_pending: 1mb",
            "config reload not supported for MaxPending: ",
        ),
        (
            "max_payload: 200\nserver_name: x",
            "config reload not supported for ServerName: ",
        ),
        ("max_payload: 200\nbogus: 1", "unknown field \"bogus\""),
        (
            "max_payload: 200\nlog_size_limit: 5",
            "config reload not supported for LogSizeLimit: old=, new=5",
        ),
        (
            "max_payload: 200\nlame_duck_duration: \"40s\"",
            "config reload not supported for LameDuckDuration: old=, new=40s",
        ),
        (
            "max_payload: 200\nlog_file: \"/nonexistent/a\"",
            "error opening log file /nonexistent/a",
        ),
        (
            "max_payload: 200\npid_file: \"/nonexistent/a\"",
            "could not write pid file /nonexistent/a",
        ),
        (
            "max_payload: 200\nauthorization {users: [{user: a}]}\nno_auth_user: a",
            "config reload not supported for NoAuthUser: ",
        ),
        (
            "max_payload: 200\ntls {cert_file: x, key_file: y}",
            "cannot read x: ",
        ),
    ] {
        let lines = it.reload(config, FAILED);
        assert!(lines.contains(why), "{config}: {lines}");
    }
    let info = talk(&it.address, "", "}");
    assert!(info.contains("\"max_payload\":100"), "{info}");
    it.reload("max_payload: 300", DONE);
}

#[test]
fn clients_feel_who_may_do_what_now() {
    let users = "authorization {users: [{user: a, pass: b}, {user: c, pass: d}]}";
    let it = Reloaded::start(users);
    let mut gone = it.client(",\"user\":\"a\",\"pass\":\"b\"");
    let mut stays = it.client(",\"user\":\"c\",\"pass\":\"d\"");
    let narrower = "authorization {users: [{user: c, pass: d, permissions {subscribe: x}}]}";
    let lines = it.reload(narrower, DONE);
    assert!(lines.contains("[INF] Reloaded: authorization"), "{lines}");
    assert!(!lines.contains("pass"), "{lines}");
    assert!(until(&mut gone, "-ERR").contains("Authorization Violation"));
    let said = until(&mut stays, "-ERR");
    assert!(
        said.contains("Permissions Violation for Subscription to \"a\" (sid \"1\")"),
        "{said}"
    );
    let refused = talk(
        &it.address,
        "CONNECT {\"user\":\"a\",\"pass\":\"b\"}\r\n",
        "-ERR",
    );
    assert!(refused.contains("Authorization Violation"), "{refused}");
}

#[test]
fn flags_win_after_a_reload_too() {
    let it = Reloaded::start_with("max_payload: 100", &["-n", "flag", "--auth", "t"]);
    it.reload("max_payload: 200\nserver_name: file", DONE);
    let info = talk(&it.address, "", "}");
    assert!(
        info.contains("\"server_name\":\"flag\"") && info.contains("\"max_payload\":200"),
        "{info}"
    );
    assert!(info.contains("\"auth_required\":true"), "{info}");
}

#[test]
fn files_move_with_a_reload() {
    let it = Reloaded::start("");
    let (log, pid) = (it.folder.path("b.log"), it.folder.path("b.pid"));
    let config = format!("{LISTEN}log_file: {log:?}\npid_file: {pid:?}\nlog_format: json");
    fs::write(it.folder.path("a.conf"), config).unwrap();
    it.server.signal("reload");
    let lines = wait_for(&log, DONE);
    assert!(lines.starts_with('{'), "{lines}");
    assert_eq!(
        fs::read_to_string(pid).unwrap(),
        it.server.process.id().to_string()
    );
}

#[test]
fn without_a_file_there_is_nothing_to_read() {
    let server = Running::start(&["-a", "127.0.0.1", "-p", "-1"]);
    server.until("Server is ready");
    server.signal("reload");
    server.until("can only reload config when a file is provided using -c or --config");
}

#[test]
fn a_lame_duck_lets_its_clients_go() {
    let it = Reloaded::start("lame_duck_grace_period: \"10ms\"\nlame_duck_duration: \"30s\"");
    let mut stream = TcpStream::connect(&it.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(b"CONNECT {\"protocol\":1}\r\nPING\r\n")
        .unwrap();
    let mut client = BufReader::new(stream);
    until(&mut client, "PONG");
    it.server.signal("ldm");
    it.server
        .until("Entering lame duck mode, stop accepting new clients");
    assert!(until(&mut client, "\"ldm\":true").contains("\"ldm\":true"));
    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    it.server.until("Server Exiting..");
    assert_eq!(it.server.exit_code(), Some(0));
}

#[test]
fn a_lame_duck_without_clients_stops_at_once() {
    let it = Reloaded::start("");
    it.server.signal("ldm");
    assert_eq!(it.server.exit_code(), Some(0));
}
