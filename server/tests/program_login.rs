//! The program lets in whom its file and its flags name, and nobody else.
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

mod program;

use program::{Folder, Running, check, talk};

const REFUSED: &str = "-ERR 'Authorization Violation'";
/// `secret`, as bcrypt keeps it at its least cost.
const HASH: &str = "$2a$04$e0y1BeISYAKuul5fTUtQlO9sTT7GvhiwVoyn8bN7zOsNltzgmhEQW";

/// Whether the fields of CONNECT let somebody in.
#[track_caller]
fn lets_in(address: &str, fields: &str, is_let_in: bool) {
    let lines = format!("CONNECT {{{fields}}}\r\nPING\r\n");
    let wanted = if is_let_in { "PONG" } else { REFUSED };
    let said = talk(address, &lines, wanted);
    assert!(said.contains(wanted), "{fields}: {said}");
}

fn with(config: &str) -> (Folder, Running, String) {
    let folder = Folder::with(&format!("listen: \"127.0.0.1:-1\"\n{config}"));
    let server = Running::start(&["-c", &folder.config()]);
    let address = server.address();
    (folder, server, address)
}

#[test]
fn users_of_the_file_are_let_in() {
    let (_folder, _server, address) = with(&format!(
        "authorization {{users: [{{user: a, pass: b}}, {{user: c, pass: {HASH}, permissions {{
           publish: {{deny: x}}, subscribe: ok}}}}]}}"
    ));
    lets_in(&address, "\"user\":\"a\",\"pass\":\"b\"", true);
    lets_in(&address, "\"user\":\"c\",\"pass\":\"secret\"", true);
    lets_in(&address, "\"user\":\"c\",\"pass\":\"secre\"", false);
    lets_in(&address, "\"user\":\"a\"", false);
    lets_in(&address, "", false);
    let said = talk(
        &address,
        "CONNECT {\"user\":\"c\",\"pass\":\"secret\"}\r\nPUB x 0\r\n\r\nSUB no 1\r\nPING\r\n",
        "PONG",
    );
    assert!(
        said.contains("-ERR 'Permissions Violation for Publish to \"x\"'"),
        "{said}"
    );
    assert!(
        said.contains("-ERR 'Permissions Violation for Subscription to \"no\"'"),
        "{said}"
    );
}

#[test]
fn one_user_one_token_and_somebody_who_says_nothing() {
    let (_folder, server, address) = with("authorization {user: a, pass: b}");
    lets_in(&address, "\"user\":\"a\",\"pass\":\"b\"", true);
    lets_in(&address, "\"auth_token\":\"b\"", false);
    drop(server);
    let (_folder, server, address) = with("authorization {token: t}");
    lets_in(&address, "\"auth_token\":\"t\"", true);
    lets_in(&address, "\"auth_token\":\"u\"", false);
    drop(server);
    let (_folder, _server, address) =
        with("authorization {users: [{user: a, pass: b}]}; no_auth_user: a");
    lets_in(&address, "", true);
    lets_in(&address, "\"user\":\"b\"", false);
}

#[test]
fn a_password_in_the_open_is_told() {
    let folder = Folder::with("listen: \"127.0.0.1:-1\"\nauthorization {user: a, pass: b}");
    let server = Running::start(&["-c", &folder.config()]);
    server.until("[WRN] Plaintext passwords detected, use nkeys or bcrypt");
    let folder = Folder::with(&format!(
        "listen: \"127.0.0.1:-1\"\nauthorization {{users: [{{user: a, pass: {HASH}}}]}}"
    ));
    let server = Running::start(&["-c", &folder.config()]);
    let lines = server.until("Server is ready").join("\n");
    assert!(!lines.contains("Plaintext"), "{lines}");
}

#[test]
fn a_login_of_the_flags_is_obeyed() {
    let flags = ["-a", "127.0.0.1", "-p", "-1", "--user", "u", "--pass", "p"];
    let server = Running::start(&flags);
    let address = server.address();
    lets_in(&address, "\"user\":\"u\",\"pass\":\"p\"", true);
    lets_in(&address, "", false);
    let server = Running::start(&["-a", "127.0.0.1", "-p", "-1", "-auth", "t"]);
    let address = server.address();
    lets_in(&address, "\"auth_token\":\"t\"", true);
    lets_in(&address, "", false);
    check(
        &["--user", "a", "--auth", "b"],
        1,
        "--auth cannot be combined with --user",
    );
    let folder = Folder::with("authorization {users: [{user: a}]}");
    check(
        &["-c", &folder.config(), "--auth", "b"],
        1,
        "the users of the file",
    );
}

#[cfg(target_os = "linux")]
#[test]
fn nobody_reads_a_password_in_the_list_of_processes() {
    let flags = ["-a", "127.0.0.1", "-p", "-1", "--user", "u", "-pass=s3cret"];
    let server = Running::start(&flags);
    server.until("Server is ready");
    let listed = std::fs::read(format!("/proc/{}/cmdline", server.process.id())).unwrap();
    let listed = program::text(&listed);
    assert!(!listed.contains("s3cret"), "{listed}");
    assert!(listed.contains("--pass=xxxxxxxx"), "{listed}");
}
