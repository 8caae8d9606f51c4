//! What a configuration file asks for, key by key, and the whole text of what is said to mistakes.
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

use std::fmt::Debug;
use std::io;
use std::path::Path;

use dunlin_server::conf::{self, Loaded, Settings, Surroundings};

/// One file, one variable.
struct Pretended<'t>(&'t str);

impl Surroundings for Pretended<'_> {
    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        match path.to_str() {
            Some("a.conf") => Ok(self.0.as_bytes().to_vec()),
            Some("part.conf") => Ok(b"port: 1\nprot: 2\n".to_vec()),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such file")),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "NUMBER").then(|| "123".to_owned())
    }
}

fn loaded(text: &str) -> Loaded {
    conf::load(Path::new("a.conf"), &Pretended(text)).unwrap()
}

/// The settings that are set.
fn told(settings: &Settings) -> String {
    let mut told = Vec::new();
    let mut tell = |name: &str, value: Option<&dyn Debug>| {
        told.extend(value.map(|value| format!("{name}={value:?}")));
    };
    macro_rules! tell {
        ($($field:ident)*) => {
            $(tell(stringify!($field), settings.$field.as_ref().map(|it| it as &dyn Debug));)*
        };
    }
    tell!(host port server_name max_payload max_control_line max_pending max_pending_total max_connections
        max_subscriptions write_deadline ping_interval ping_max no_header_support debug trace
        logtime logtime_utc log_file log_format log_size_limit log_max_num pid_file);
    told.join(" ")
}

/// A file without a word of complaint.
#[track_caller]
fn check(text: &str, expected: &str) {
    let loaded = loaded(text);
    assert_eq!(told(&loaded.settings), expected, "{text}");
    let said: Vec<String> = said(&loaded);
    assert!(said.is_empty(), "{text}: {said:?}");
}

fn said(loaded: &Loaded) -> Vec<String> {
    let diagnostics = loaded.diagnostics.iter();
    diagnostics
        .map(|found| found.render(&loaded.sources))
        .collect()
}

/// Everything that is said to a file.
#[track_caller]
fn says(text: &str, expected: &str) {
    assert_eq!(said(&loaded(text)).join("\n"), expected.trim_matches('\n'));
}

/// The first line of what is said.
#[track_caller]
fn complains(text: &str, expected: &str) {
    let said = said(&loaded(text)).join("\n");
    assert_eq!(said.lines().next().unwrap_or_default(), expected, "{text}");
}

#[test]
fn where_to_listen() {
    check("listen: 4333", "port=4333");
    check("listen: \"127.0.0.1:4333\"", "host=\"127.0.0.1\" port=4333");
    check("listen: localhost:4333", "host=\"localhost\" port=4333");
    check("listen: \":4333\"", "port=4333");
    check("listen: \"[::1]:4333\"", "host=\"::1\" port=4333");
    check("listen: 127.0.0.1:-1", "host=\"127.0.0.1\" port=0");
    check("host: ::1; port: 4333", "host=\"::1\" port=4333");
    check("net: \"localhost\"", "host=\"localhost\"");
    check("PORT: 4333", "port=4333");
    check("port: -1", "port=0");
    check("port: 0", "");
    complains("port: 65536", "a.conf:1:7: there is no port 65536");
    complains("listen: \"x:70000\"", "a.conf:1:9: there is no port 70000");
    complains(
        "listen: x",
        "a.conf:1:9: could not parse address string \"x\"",
    );
    complains("listen: \"x:y\"", "a.conf:1:9: could not parse port \"y\"");
    complains(
        "listen: \"::1:4222\"",
        "a.conf:1:9: could not parse address string \"::1:4222\"",
    );
    complains(
        "listen: true",
        "a.conf:1:9: listen must be a port or \"host:port\", not the boolean true",
    );
    complains(
        "port: \"x\"",
        "a.conf:1:7: port must be a whole number, not the text \"x\"",
    );
    complains(
        "host: 1",
        "a.conf:1:7: host must be a text, not the number 1",
    );
    complains("host: [a]", "a.conf:1:7: host must be a text, not an array");
}

#[test]
fn how_much_of_everything() {
    check("max_payload: 1k", "max_payload=1000");
    check("max_payload: 1KB", "max_payload=1024");
    check("max_payload: 0", "");
    check(
        "max_payload: 2147483647; max_pending: 2gb",
        "max_payload=2147483647 max_pending=2147483648",
    );
    check("max_control_line: 8kb", "max_control_line=8192");
    check("max_pending: 128MiB", "max_pending=134217728");
    check("max_connections: 0", "max_connections=0");
    check("max_conn: -1", "max_connections=0");
    check("max_conn: 100k", "max_connections=100000");
    check("max_subscriptions: 10", "max_subscriptions=10");
    check("max_subs: 0", "");
    check("max_subs: -1", "");
    complains(
        "max_payload: 2gb",
        "a.conf:1:14: max_payload value is too big",
    );
    complains(
        "max_control_line: 2gb",
        "a.conf:1:19: max_control_line value is too big",
    );
    complains(
        "max_payload: -1",
        "a.conf:1:14: max_payload must not be negative",
    );
    complains(
        "max_payload: 2mb\nmax_pending: 1mb",
        "a.conf:1:14: max_payload (2097152) cannot be higher than max_pending (1048576)",
    );
    complains(
        "max_pending: 1kb",
        "a.conf:1:14: max_payload (1048576) cannot be higher than max_pending (1024)",
    );
    complains(
        "max_pending_total: 1kb",
        "a.conf:1:20: max_payload (1048576) cannot be higher than max_pending_total (1024)",
    );
}

#[test]
fn a_lag_policy_is_one_of_four() {
    for word in ["disconnect", "drop_newest", "DROP_OLDEST", "latest"] {
        check(&format!("lag: {word}"), "");
        check(
            &format!("lag {{ policy: {word}, subjects {{ \"a.>\": {word} }} }}"),
            "",
        );
    }
    complains("lag: oldest", "a.conf:1:6: lag cannot be \"oldest\"");
    complains(
        "lag { subjects { \"a..b\": latest } }",
        "a.conf:1:18: \"a..b\" is no subject",
    );
    complains(
        "lag { subjects { a: newest } }",
        "a.conf:1:21: a cannot be \"newest\"",
    );
    complains(
        "unix { path: \"/tmp/a\", lag: 5 }",
        "a.conf:1:29: lag must be a text, not the number 5",
    );
    let loaded = loaded("lag { subjects { \"a.*\": latest, \"a.>\": drop_newest } }");
    let subjects: Vec<&str> = loaded
        .settings
        .lag_subjects
        .iter()
        .map(|(filter, _)| filter.as_str())
        .collect();
    assert_eq!(subjects, ["a.*", "a.>"], "in the order of the file");
}

#[test]
fn how_long() {
    check("ping_interval: \"2m\"", "ping_interval=120s");
    check("ping_interval: 30s", "ping_interval=30s");
    check("ping_interval: 1h30m", "ping_interval=5400s");
    check("ping_interval: \"0\"", "");
    check("write_deadline: \"1.5s\"", "write_deadline=1.5s");
    check("ping_max: 5", "ping_max=5");
    check("ping_max: 0", "");
    complains(
        "ping_max: -1",
        "a.conf:1:11: ping_max must be 0 (the default, 2) to 4294967295",
    );
    complains(
        "write_deadline: \"-5s\"",
        "a.conf:1:17: write_deadline must not be negative",
    );
    complains(
        "write_deadline: \"5\"",
        "a.conf:1:17: error parsing write_deadline: missing unit in duration \"5\"",
    );
    complains(
        "ping_interval: 1.5",
        "a.conf:1:16: ping_interval must be a duration, not the number 1.5",
    );
    assert_eq!(
        told(&loaded("ping_interval: 10").settings),
        "ping_interval=10s"
    );
}

#[test]
fn names_switches_and_files() {
    check("server_name: n1", "server_name=\"n1\"");
    check("server_name: \"\"", "");
    check("no_header_support: yes", "no_header_support=true");
    check("debug: on; trace: off", "debug=true trace=false");
    check("trace_verbose: true", "trace=true");
    check("trace: false; trace_headers: true", "trace=true");
    check("trace_headers: true; trace: false", "trace=true");
    check("trace_verbose: false", "");
    check(
        "logtime: false, logtime_utc: true",
        "logtime=false logtime_utc=true",
    );
    check("log_file: \"/tmp/a.log\"", "log_file=\"/tmp/a.log\"");
    check("logfile: a.log", "log_file=\"a.log\"");
    check("pid_file: '/run/a.pid'", "pid_file=\"/run/a.pid\"");
    check("pidfile: a.pid", "pid_file=\"a.pid\"");
    check("no_system_account: true", "");
    check("log_format: JSON", "log_format=Json");
    check("log_format: text", "log_format=Text");
    check(
        "log_size_limit: 1kb; log_max_num: 3",
        "log_size_limit=1024 log_max_num=3",
    );
    check("logfile_size_limit: 0; logfile_max_num: -1", "");
    complains(
        "log_format: xml",
        "a.conf:1:13: there is no log format \"xml\"",
    );
    complains(
        "server_name: \"a b\"",
        "a.conf:1:14: server name cannot contain spaces",
    );
    complains(
        "debug: 1",
        "a.conf:1:8: debug must be true or false, not the number 1",
    );
}

#[test]
fn what_is_off_needs_no_word() {
    check("jetstream: false; jetstream: disabled", "");
    check(
        "http_port: 0; syslog: false; store_dir: \"\"; authorization {}; accounts {}",
        "",
    );
    check(
        "write_timeout: default; server_tags: []; authorization {users: []}",
        "",
    );
}

#[test]
fn a_key_that_serves_a_variable_is_none() {
    check("base: 4000\nport: $base", "port=4000");
    complains("base: 4000\nport: 1", "a.conf:1:1: unknown field \"base\"");
}

#[test]
fn what_guards_is_never_ignored() {
    for text in [
        "authorization { auth_callout { issuer: a } }",
        "authorization { users: [{user: a, proxy_required: true}] }",
        "accounts { A {} }",
        "operator: x",
        "resolver: MEMORY",
        "resolver_preload {a: b}",
        "trusted_keys: [a]",
        "system_account: S",
        "mappings { a: b }",
        "proxy_protocol: true",
        "websocket { port: 1, authorization { user: a } }",
        "ws { port: 1, tls { cert_file: a } }",
        "leafnodes { authorization { user: a } }",
        "cluster { TLS { cert_file: a } }",
        "mqtt { no_auth_user: a }",
        "default_sentinel: x",
    ] {
        let loaded = loaded(text);
        assert!(loaded.has(conf::Severity::Error), "{text}");
    }
}

#[test]
fn what_is_only_missing_is_one_warning() {
    for text in [
        "jetstream: true",
        "jetstream { store_dir: a }",
        "cluster { port: 6222, routes: [a] }",
        "leafnodes { port: 7422 }",
        "gateway { name: a }",
        "mqtt { port: 1883 }",
        "syslog: true",
        "feature_flags { a: true }",
    ] {
        let loaded = loaded(text);
        assert_eq!(loaded.diagnostics.len(), 1, "{text}");
        assert!(loaded.has(conf::Severity::Notice), "{text}");
    }
}

#[test]
fn everything_wrong_is_said_at_once() {
    says(
        "prot: 4223\n\tserver_name: 123 # ours\nping_interval: 2m\nmax_payload: \"1024\"\nhost: [\n",
        r#"
a.conf:1:1: unknown field "prot"
  1 | prot: 4223
    | ^^^^
    = did you mean "port"?
a.conf:2:15: server_name must be a text, not the number 123
  2 | 	server_name: 123 # ours
    | 	             ^^^
    = put it in quotes to keep it a text: server_name: "123"
a.conf:3:16: warning: invalid use of field "ping_interval": ping_interval should be converted to a duration
  3 | ping_interval: 2m
    |                ^^
    = 2m without quotes is the number 2000000, in seconds; minutes need quotes: ping_interval: "2m"
a.conf:4:14: max_payload must be a whole number, not the text "1024"
  4 | max_payload: "1024"
    |              ^^^^^^
    = write it without quotes: max_payload: 1024
a.conf:5:7: this [ is never closed
  5 | host: [
    |       ^
"#,
    );
}

#[test]
fn a_mistake_in_an_included_file_is_shown_there() {
    says(
        "debug: true\ninclude part.conf\ninclude none.conf\n",
        r#"
a.conf:3:9: cannot read none.conf: no such file
  3 | include none.conf
    |         ^^^^^^^^^
    = a path is looked up from the folder of the including file, even with a / before it
part.conf:2:1: unknown field "prot"
  2 | prot: 2
    | ^^^^
    = did you mean "port"?
"#,
    );
}

#[test]
fn secrets_are_not_shown() {
    says(
        "authorization { user: joe, password: s3cr3t, usr: x }",
        r#"
a.conf:1:46: unknown field "usr" in authorization
  1 | authorization { user: joe, password: ******, usr: x }
    |                                              ^^^
    = did you mean "user"?
"#,
    );
}

#[test]
fn what_was_meant_is_guessed() {
    for (key, advice) in [
        ("max_payloads", "did you mean \"max_payload\"?"),
        ("Ping_Intervall", "did you mean \"ping_interval\"?"),
        ("users", "\"users\" belongs inside authorization { }"),
        ("websocket{port", "a blank is missing behind \"websocket\""),
        (
            "\"include\"",
            "an include has no : or = and no quotes: include path",
        ),
    ] {
        let said = said(&loaded(&format!("{key}: 1"))).join("\n");
        assert!(said.ends_with(&format!("= {advice}")), "{said}");
    }
    let said = said(&loaded("completely_different: 1")).join("\n");
    assert!(said.ends_with('^'), "{said}");
}

#[test]
fn a_value_from_a_variable_is_shown_where_it_is_used() {
    says(
        "server_name: $NUMBER\nhost: $other\n",
        r#"
a.conf:1:14: server_name must be a text, not the number 123
  1 | server_name: $NUMBER
    |              ^^^^^^^
    = the value comes from a variable: put quotes inside it, '"…"'
a.conf:2:7: variable "other" is not defined
  2 | host: $other
    |       ^^^^^^
    = it must be a key above, in this map or one around it, or a variable of the environment
"#,
    );
}

#[test]
fn an_empty_file_is_a_warning() {
    says(
        "# nothing\n",
        "warning: a.conf: config has no values or is empty",
    );
}

#[test]
fn nobody_reads_a_thousand_complaints() {
    let text: String = (0..1000).map(|at| format!("x{at}: 1\n")).collect();
    let said = said(&loaded(&(text + "syslog: true\n")));
    assert_eq!(said.len(), 101);
    assert!(said[99].starts_with("a.conf:100:1: "), "{}", said[99]);
    assert_eq!(said[100], "and 901 more");
}
