//! Attacks over real sockets: what other buses broke on, tried on ours.
//!
//! `cargo test -p dunlin-tests --test attacks` runs them in the size for every change;
//! `DUNLIN_ATTACKS=long cargo test --profile checked -p dunlin-tests --test attacks -- --test-threads=1`
//! in full: ten thousand connections, a million subscriptions, half a gigabyte past dead readers.
//! `DUNLIN_ATTACKED=nats-server` makes those that a siege is made of on nats-server, for comparison.
//! Each has a process of its own, and its server another, so that memory and descriptors can be
//! counted.

mod bytes;
mod ceiling;
mod changes;
mod crowds;
mod ports;
mod siege;
mod soak;
mod want;

/// Makes a test out of each attack, in a process of its own.
macro_rules! attacks {
    ($($room:ident::$name:ident)*) => {
        $(#[test]
        fn $name() {
            dunlin_tests::alone(stringify!($name), || run($room::$name()));
        })*
    };
}

attacks! {
    bytes::a_line_without_end
    bytes::sizes_that_nobody_has_room_for
    bytes::a_word_at_a_time
    bytes::subjects_as_long_and_deep_as_lines_allow
    bytes::headers_by_the_thousand
    bytes::pings_without_reading
    bytes::what_other_protocols_say
    ceiling::the_largest_laggard_goes_first
    ceiling::a_payload_that_all_wait_for_counts_once
    changes::reloads_under_load
    changes::a_lame_duck_under_load
    changes::clients_killed_at_once
    ports::garbage_on_every_port
    ports::handshakes_without_an_end
    ports::frames_that_lie
    ports::subjects_that_collide
    soak::everything_is_given_back
    soak::every_task_ends
    crowds::a_storm_of_connections
    crowds::a_storm_of_resets
    crowds::peers_that_are_not_there
    crowds::readers_that_stall
    crowds::subscriptions_by_the_million
}

/// What the other tests start as their server.
#[test]
fn the_program() {
    dunlin_tests::the_program();
}

#[test]
fn a_clock_that_jumps() {
    changes::a_clock_that_jumps();
}

#[test]
fn more_waits_than_there_is_memory() {
    want::under("-v 262144", "more_waits_than_there_is_memory", || {
        run(ceiling::more_waits_than_there_is_memory())
    });
}

#[test]
fn no_descriptor_is_left() {
    want::under("-n 200", "no_descriptor_is_left", || {
        run(want::no_descriptor_is_left())
    });
}

#[test]
fn little_memory() {
    want::under("-v 262144", "little_memory", || run(want::little_memory()));
}

/// All of it on this thread.
fn run(attack: impl Future<Output = ()>) {
    siege::alone(attack);
}
