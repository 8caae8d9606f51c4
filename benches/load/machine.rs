//! The machine that figures come from: without it they say nothing.

use std::fs;
use std::process::Command;
use std::thread;

/// Cores, processor, kernel and date, in one line.
pub(crate) fn line() -> String {
    let processor = fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|info| {
            let line = info.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| "unknown processor".to_owned());
    let kernel = said_by("uname", &["-sr"]);
    let date = said_by("date", &["-u", "+%Y-%m-%d %H:%M UTC"]);
    format!("{} cores, {processor}, {kernel}, {date}", cores())
}

/// How many cores there are.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// What a program prints, or that it does not.
fn said_by(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| format!("no {program}"))
}

/// How this program was called, without its name.
pub(crate) fn command() -> String {
    let words = std::env::args().skip(1).map(quoted);
    words.collect::<Vec<_>>().join(" ")
}

/// An argument as a shell would want it.
fn quoted(arg: String) -> String {
    match arg.contains([' ', '{', '>']) {
        true => format!("'{arg}'"),
        false => arg,
    }
}
