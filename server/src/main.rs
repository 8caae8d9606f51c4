//! The program `dunlin-server`; what it does is in the library, since `dunlin serve` does the same.

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    dunlin_server::program::main(&words, 1)
}
