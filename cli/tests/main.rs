//! The command line, as people and scripts use it: sessions at a shell, played against dunlin and
//! against nats-server, and what they print compared with files.

mod play;
mod screens;
mod session;
mod terminal;

use dunlin_tests::{Options, Target};
use play::Server;

/// Two tests for each file: against ours, and against the reference.
macro_rules! sessions {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(mod $name {
            #[test]
            fn ours() {
                super::play_against(dunlin_tests::Target::Ours, stringify!($name));
            }

            #[test]
            fn reference() {
                super::play_against(dunlin_tests::Target::Reference, stringify!($name));
            }
        })*
    };
}

sessions! {
    bench
    contexts
    credentials
    discover
    failures
    health
    lost
    pages
    publish
    reply
    request
    secured
    serve
    shell
    stopped
    subscribe
    top
    watched
}

fn play_against(target: Target, name: &str) {
    if !target.is_here() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    let options = Options {
        is_monitored: true,
        ..Options::default()
    };
    let server = runtime.block_on(target.start(&options));
    let server = server.unwrap_or_else(|error| panic!("{error}"));
    let told = Server {
        target,
        url: format!("nats://{}", server.address()),
        monitor: format!("http://{}", server.monitor()),
    };
    let result = play::play(&session::folder().join(format!("{name}.txt")), &told);
    runtime.block_on(server.stop());
    if let Err(text) = result {
        panic!("{text}");
    }
}

#[test]
fn every_session_is_played() {
    let mut files: Vec<String> = std::fs::read_dir(session::folder())
        .expect("the folder of the sessions")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".txt").map(str::to_owned))
        .collect();
    files.sort();
    assert_eq!(files, NAMES);
}
