//! Reading lines: at a terminal with editing, history and completion, from a pipe as they come.
//!
//! It runs in a thread of its own. A line is handed over, and the next one is asked for when it is
//! done.

use std::fs;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use tokio::sync::{mpsc, oneshot};

use super::grammar::VERBS;
use super::seen::Seen;

/// A line, and whom to tell that it is done.
pub(super) type Line = (String, oneshot::Sender<()>);

/// The editor with what it completes from.
pub(super) type Terminal = Editor<Completion, DefaultHistory>;

/// Completes verbs, subjects and the words of some verbs.
pub(super) struct Completion(pub(super) Arc<Seen>);

/// An editor that remembers what was typed the last time.
pub(super) fn terminal(seen: Arc<Seen>) -> rustyline::Result<Terminal> {
    let config = Config::builder()
        .max_history_size(HISTORY_MAX)?
        .auto_add_history(true)
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .bracketed_paste(false) // Lines that are pasted are lines that are typed.
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Completion(seen)));
    if let Some(path) = history() {
        let _ = editor.load_history(&path); // There may be none yet.
    }
    Ok(editor)
}

/// Reads lines at the terminal until its end, Ctrl-D or a second Ctrl-C on an empty line.
pub(super) fn read_terminal(mut editor: Terminal, lines: &mpsc::Sender<Line>) {
    let mut was_interrupted = false;
    loop {
        match editor.readline("> ") {
            Ok(line) => {
                was_interrupted = false;
                if !hand_over(line, lines) {
                    break;
                }
            }
            Err(ReadlineError::Interrupted) if !was_interrupted => was_interrupted = true,
            Err(_) => break,
        }
    }
    if let Some(path) = history() {
        let saved = path.parent().map(fs::create_dir_all);
        let _ = saved; // A history that cannot be kept is no reason to complain at the end.
        let _ = editor.save_history(&path);
        let _ = only_for_me(&path);
    }
}

/// Reads lines from a pipe until its end.
pub(super) fn read_pipe(lines: &mpsc::Sender<Line>) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        if !hand_over(line, lines) {
            return;
        }
    }
}

/// Waits until the line is done; false when nobody does lines any more.
fn hand_over(line: String, lines: &mpsc::Sender<Line>) -> bool {
    let (done, wait) = oneshot::channel();
    lines.blocking_send((line, done)).is_ok() && wait.blocking_recv().is_ok()
}

/// Where the history is kept: below XDG_STATE_HOME, or `~/.local/state`.
fn history() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = set("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(set("HOME")?).join(".local/state")));
    Some(state?.join("dunlin").join("history"))
}

/// What was typed may be a secret.
fn only_for_me(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

impl Completer for Completion {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = &line[..cursor];
        let start = typed.rfind([' ', '\t']).map_or(0, |at| at + 1);
        let (before, word) = (typed[..start].trim(), &typed[start..]);
        let upper = word.to_ascii_uppercase();
        let verbs = || VERBS.iter().map(|(verb, _)| (*verb).to_owned());
        let found: Vec<String> = match &*before.to_ascii_uppercase() {
            "" | "HELP" => verbs().filter(|verb| verb.starts_with(&upper)).collect(),
            "SUB" | "PUB" | "HPUB" | "REQ" => self.0.beginning_with(word),
            "VIEW" => ["full", "json", "raw"]
                .into_iter()
                .filter(|form| form.starts_with(&word.to_ascii_lowercase()))
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        };
        // A word that can be only one is finished.
        let found = match <[String; 1]>::try_from(found) {
            Ok([only]) => vec![only + " "],
            Err(found) => found,
        };
        Ok((start, found))
    }
}

impl Hinter for Completion {
    type Hint = String;
}

impl Highlighter for Completion {}
impl Validator for Completion {}
impl Helper for Completion {}

/// As many lines as shells usually keep.
const HISTORY_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, start: usize, expected: &[&str]) {
        let seen = Arc::new(Seen::default());
        for subject in ["orders.eu", "orders.us", "greet.joe"] {
            seen.note(subject);
        }
        let history = DefaultHistory::new();
        let found = Completion(seen).complete(line, line.len(), &Context::new(&history));
        let (at, found) = found.unwrap();
        assert_eq!(
            (at, found),
            (start, expected.iter().map(|&it| it.to_owned()).collect())
        );
    }

    #[test]
    fn verbs_and_subjects_are_completed() {
        check("su", 0, &["SUB", "SUBS"]);
        check("SUB ord", 4, &["orders.eu", "orders.us"]);
        check("pub g", 4, &["greet.joe "]);
        check("HELP UN", 5, &["UNSUB "]);
        check("VIEW j", 5, &["json "]);
        check("PUB greet.joe he", 14, &[]);
    }
}
