//! Every wire test, in one binary.
//!
//! `wire` and `contract` play transcripts; the others are written with the harness's raw client,
//! and run against nats-server too wherever it promises the same.

use std::time::Duration;

use dunlin_tests::Target;

/// Makes a test per target out of each `async fn name(target: Target)`.
macro_rules! against_both {
    ($($name:ident)*) => {
        mod ours {
            $(#[test]
            fn $name() {
                crate::run(super::$name(dunlin_tests::Target::Ours));
            })*
        }

        mod reference {
            $(#[test]
            fn $name() {
                crate::run_if_here(super::$name(dunlin_tests::Target::Reference));
            })*
        }
    };
}

/// Makes a test out of each `async fn name()` about what only dunlin promises.
macro_rules! against_ours {
    ($($name:ident)*) => {
        mod only_ours {
            $(#[test]
            fn $name() {
                crate::run(super::$name());
            })*
        }
    };
}

mod churn;
mod contract;
mod counted;
mod cut;
mod delivery;
mod flood;
mod lag;
mod limits;
mod monitor;
mod slow;
mod split;
mod traffic;
mod typed;
mod visitors;
mod waiting;
mod watching;
mod websocket;
mod wire;

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(test);
}

fn run_if_here(test: impl Future<Output = ()>) {
    match Target::Reference.is_here() {
        true => run(test),
        false => eprintln!("DUNLIN_NATS_SERVER is not set, not run against nats-server"),
    }
}

/// So that a test that waits for something does not fill the processor with looking.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
