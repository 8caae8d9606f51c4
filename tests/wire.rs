//! The wire contract: every transcript, against dunlin and against nats-server.
//!
//! One test per file and target. A file that is not listed here fails a test too.

use dunlin_tests::{Pace, Target, run_file, run_text, transcripts};

/// Plays one file of `transcripts/` against `target`, when that is here.
fn play(target: Target, name: &str) {
    if !target.is_here() {
        return eprintln!("{name}: DUNLIN_NATS_SERVER is not set, not run against nats-server");
    }
    let path = transcripts().join(name);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if let Err(report) = runtime.block_on(run_file(target, &path, Pace::ByLine)) {
        panic!("\n{report}\n");
    }
}

macro_rules! transcripts {
    ($($name:ident)*) => {
        const LISTED: &[&str] = &[$(concat!(stringify!($name), ".txt")),*];

        mod ours {
            $(#[test]
            fn $name() {
                super::play(super::Target::Ours, concat!(stringify!($name), ".txt"));
            })*
        }

        mod reference {
            $(#[test]
            fn $name() {
                super::play(super::Target::Reference, concat!(stringify!($name), ".txt"));
            })*
        }
    };
}

transcripts! {
    auth
    bare_lf
    connect
    connect_again
    connect_broken
    connect_keeps_subscriptions
    control_line
    defaults
    echo
    framing
    half_close
    hand_auth
    hand_ends
    hand_help
    hand_lines
    hand_mistakes
    hand_payload
    hand_quoted
    hand_request
    hand_view
    headers_off
    headers
    info
    max_connections
    max_payload
    max_subscriptions
    no_responders
    payload_end
    permissions
    ping
    publish
    publish_subjects
    queue
    reserved
    server_words
    silent_close
    sizes
    stale
    subscribe
    subscribe_subjects
    unknown_operation
    unsubscribe
    unsubscribe_max
    user_info
    wildcards
}

#[test]
fn every_transcript_is_listed() {
    let folder = std::fs::read_dir(transcripts()).expect("the folder is there");
    let names = folder.map(|entry| entry.expect("readable").file_name().into_string());
    let mut found: Vec<String> = names.map(|name| name.expect("a plain name")).collect();
    found.retain(|name| name != "README.md");
    found.sort();
    let mut listed = LISTED.to_vec();
    listed.sort_unstable();
    assert_eq!(found, listed);
}

/// A runner that passes everything would pass these.
#[test]
fn a_wrong_transcript_fails() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for text in WRONG.split("\n\n") {
        let played = run_text(Target::Ours, "wrong", text, Pace::ByLine);
        assert!(runtime.block_on(played).is_err(), "went unnoticed:\n{text}");
    }
}

const WRONG: &str = "\
== a message that nobody expects
> [hello]
> SUB a 1
> PUB a 0
>

== one PONG too many
> PING
< PONG
< PONG
> FOO

== an error that nobody expects
> FOO
< [closed]

== an error that does not come
> PUB a
< -ERR 'Unknown Protocol Operation'

== another INFO
< INFO {\"proto\":2, ...}

== another sid
A> SUB a 1
A< +OK
B> [hello]
B> PUB a 0
B>
A< MSG a 2 0
A<

== two copies where one is expected
A> [hello]
A> SUB a 1
B> [hello]
B> SUB a 1
A> PUB a 0
A>
A|B< MSG a 1 0
A|B<

== silence too early
> [hello]
> SUB a 1
> PUB a 0
>
[silence]
< MSG a 1 0
<";
