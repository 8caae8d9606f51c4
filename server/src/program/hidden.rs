//! Keeps passwords out of the list of processes.
//!
//! nats-server overwrites its own command line once it has read it. Without unsafe code nobody can;
//! so the program starts itself anew in place, as the same process, with the secrets in its
//! environment, which only its own user may read, and `x` letters where they stood.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use crate::program::flags::Flags;

/// Variables that hold what stood behind `--pass` and `--auth`.
const VARIABLES: [(&str, &str); 2] = [
    ("pass", "DUNLIN_HIDDEN_PASS"),
    ("auth", "DUNLIN_HIDDEN_AUTH"),
];
/// What stands on the command line instead.
const MASK: &str = "xxxxxxxx";

/// Takes the secrets that were hidden; or hides those that stand in the open, and then returns only
/// where that failed.
pub(crate) fn hide(flags: &mut Flags, words: &[OsString]) -> io::Result<()> {
    let mut command = Command::new(itself(words)?);
    let mut has_secret = false;
    for (name, variable) in VARIABLES {
        let Some(secret) = secret(flags, name) else {
            continue;
        };
        if secret == MASK
            && let Ok(hidden) = std::env::var(variable)
        {
            *secret = hidden;
        } else if !secret.is_empty() && secret != MASK {
            command.env(variable, &*secret);
            has_secret = true;
        }
    }
    if !has_secret {
        return Ok(());
    }
    command.args(masked(words));
    start_anew(command, words)
}

#[cfg(unix)]
fn start_anew(mut command: Command, words: &[OsString]) -> io::Result<()> {
    use std::os::unix::process::CommandExt;
    if let Some(own) = words.first() {
        command.arg0(own);
    }
    Err(command.exec())
}

#[cfg(not(unix))]
fn start_anew(_: Command, _: &[OsString]) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

fn secret<'f>(flags: &'f mut Flags, name: &str) -> Option<&'f mut String> {
    match name {
        "pass" => flags.pass.as_mut(),
        _ => flags.auth.as_mut(),
    }
}

/// The program's own file, by the name it was started under where that leads to it: a process is
/// listed by the name of its file.
fn itself(words: &[OsString]) -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let word = PathBuf::from(words.first().cloned().unwrap_or_default());
    let is_own = |path: &PathBuf| fs::canonicalize(path).is_ok_and(|path| path == own);
    if word.components().count() > 1 {
        return Ok(Some(word).filter(is_own).unwrap_or(own));
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .map(|folder| folder.join(&word))
        .find(is_own);
    Ok(found.unwrap_or(own))
}

/// The words behind the first, with secrets replaced: `--pass a` and `-pass=a`.
fn masked(words: &[OsString]) -> Vec<OsString> {
    let mut masked = Vec::new();
    let mut is_secret = false;
    for word in words.iter().skip(1) {
        let text = word.to_string_lossy();
        let bare = text.trim_start_matches('-');
        let (name, value) = match bare.split_once('=') {
            Some((name, _)) => (name, true),
            None => (bare, false),
        };
        let is_named = text.starts_with('-') && VARIABLES.iter().any(|(secret, _)| *secret == name);
        masked.push(match (is_secret, is_named && value) {
            (true, _) => MASK.into(),
            (_, true) => format!("--{name}={MASK}").into(),
            _ => word.clone(),
        });
        is_secret = !is_secret && is_named && !value;
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let found: Vec<String> = masked(&words)
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        assert_eq!(found.join(" "), expected);
    }

    #[test]
    fn secrets_are_replaced_however_they_are_written() {
        check("d --user u --pass p -p 1", "--user u --pass xxxxxxxx -p 1");
        check("d -pass=p --auth t", "--pass=xxxxxxxx --auth xxxxxxxx");
        check("d --pass --auth -D", "--pass xxxxxxxx -D");
        check("d -p 1 pass", "-p 1 pass");
    }
}
