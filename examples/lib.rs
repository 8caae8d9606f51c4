//! Small programs; see the files beside this one, each of which runs with
//! `cargo run -p dunlin-examples --example NAME`.
