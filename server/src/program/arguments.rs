//! Command lines as Go programs take them, made into what clap takes.
//!
//! ```text
//! -addr h   → --addr=h          one dash or two before any name
//! -p -1     → --port=-1         a value is a value, whatever it begins with
//! -T=false  → (logtime, false)  a switch may be given a value
//! -DV       → --debug --trace
//! ```

use std::ffi::OsString;

use clap::{Arg, Command};

/// What stands for several switches.
const BUNDLES: [(&str, &[&str]); 3] = [
    ("DV", &["debug", "trace"]),
    ("VV", &["trace"]),
    ("DVV", &["debug", "trace"]),
];

/// The words for clap, and the switches that were given a value.
pub(crate) fn normal(
    words: impl Iterator<Item = OsString>,
    command: &Command,
) -> (Vec<OsString>, Vec<(String, bool)>) {
    let (mut normal, mut switched) = (Vec::new(), Vec::new());
    let mut words = words;
    normal.extend(words.next());
    while let Some(word) = words.next() {
        let Some((name, value)) = flag(&word) else {
            normal.push(word);
            continue;
        };
        for &long in bundle(&name).unwrap_or_default() {
            switched.push((long.to_owned(), value.as_deref().is_none_or(is_true)));
        }
        if bundle(&name).is_some() {
            continue;
        }
        let Some((long, takes_value)) = find(&name, command) else {
            normal.push(word);
            continue;
        };
        match (takes_value, value) {
            (false, None) => normal.push(format!("--{long}").into()),
            (false, Some(value)) => switched.push((long, is_true(&value))),
            (true, Some(value)) => normal.push(format!("--{long}={value}").into()),
            (true, None) => {
                let mut whole = OsString::from(format!("--{long}"));
                if let Some(value) = words.next() {
                    whole.push("=");
                    whole.push(value);
                }
                normal.push(whole);
            }
        }
    }
    (normal, switched)
}

/// Name and value of a word that begins with a dash.
fn flag(word: &OsString) -> Option<(String, Option<String>)> {
    let word = word.to_str()?;
    let bare = word.strip_prefix('-')?;
    let bare = bare.strip_prefix('-').unwrap_or(bare);
    if bare.is_empty() {
        return None;
    }
    Some(match bare.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (bare.to_owned(), None),
    })
}

fn bundle(name: &str) -> Option<&'static [&'static str]> {
    let found = BUNDLES.iter().find(|(bundle, _)| *bundle == name);
    found.map(|(_, longs)| *longs)
}

/// The long name of a flag by any of its names, and whether it takes a value.
fn find(name: &str, command: &Command) -> Option<(String, bool)> {
    let flag = command.get_arguments().find(|flag| is_named(flag, name))?;
    Some((
        flag.get_long()?.to_owned(),
        flag.get_action().takes_values(),
    ))
}

fn is_named(flag: &Arg, name: &str) -> bool {
    let mut letters = name.chars();
    let letter = letters.next().filter(|_| letters.next().is_none());
    let aliases = flag.get_all_aliases().unwrap_or_default();
    flag.get_long() == Some(name)
        || aliases.contains(&name)
        || (letter.is_some() && flag.get_short() == letter)
}

/// As Go reads it; what is neither true nor false is taken as true by neither.
fn is_true(value: &str) -> bool {
    matches!(value, "1" | "t" | "T" | "true" | "True" | "TRUE")
}
