//! Sessions: what is typed at a shell, and what must come back.
//!
//! ```text
//! # A remark.
//! $ dunlin request nobody.there      a command, run by `sh` to its end
//! hello                              a line it writes to stdout
//! ! dunlin: nobody takes …           a line it writes to stderr
//! [5]                                its exit code, where that is not 0
//! a& dunlin sub -v x                 a command that goes on, by a name; the lines behind it are
//! ! subscribed to x                  awaited before the session goes on
//! a^ INT                             a signal to it
//! a.                                 it ends by itself; the lines behind are the rest of what it wrote
//! ```
//!
//! `<any>` stands for any text within a line. All lines are compared, in their order; blank ones
//! before the next step do not count. `# only: dunlin` and `# only: nats-server` in front of a step
//! say for whom it is.

use std::path::{Path, PathBuf};

/// What is done at one point of a session.
#[derive(Debug)]
pub(crate) struct Step {
    /// Where it stands in the file, counted from 1.
    pub(crate) line: usize,
    /// The server that it is for; nothing for all.
    pub(crate) only: Option<String>,
    pub(crate) action: Action,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
    pub(crate) code: i32,
}

/// What is done.
#[derive(Debug)]
pub(crate) enum Action {
    Run(String),
    Start(String, String),
    Signal(String, String),
    End(String),
}

/// Where the sessions are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions")
}

/// Reads a session.
pub(crate) fn read(path: &Path) -> Vec<Step> {
    let text = std::fs::read_to_string(path).expect("a session that can be read");
    let (mut steps, mut only) = (Vec::<Step>::new(), None);
    for (at, line) in text.lines().enumerate() {
        if let Some(remark) = line.strip_prefix("# ") {
            let name = remark.strip_prefix("only: ");
            only = name.map(str::to_owned).or(only);
        } else if let Some(action) = action(line) {
            steps.push(Step {
                line: at + 1,
                only: only.take(),
                action,
                stdout: Vec::new(),
                stderr: Vec::new(),
                code: 0,
            });
        } else if let Some(step) = steps.last_mut() {
            step.expect(line);
        }
    }
    steps.iter_mut().for_each(Step::trim);
    steps
}

impl Step {
    fn expect(&mut self, line: &str) {
        let code = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Some(text) = line.strip_prefix("! ") {
            self.stderr.push(text.to_owned());
        } else if let Some(code) = code.and_then(|digits| digits.parse().ok()) {
            self.code = code;
        } else {
            self.stdout.push(line.to_owned());
        }
    }

    /// Takes off the blank lines that part it from the next step.
    fn trim(&mut self) {
        while self.stdout.last().is_some_and(String::is_empty) {
            self.stdout.pop();
        }
    }
}

fn action(line: &str) -> Option<Action> {
    if let Some(command) = line.strip_prefix("$ ") {
        return Some(Action::Run(command.to_owned()));
    }
    let (name, rest) = line.split_at_checked(1)?;
    if !name.starts_with(|letter: char| letter.is_ascii_lowercase()) {
        return None;
    }
    match rest.split_at_checked(1)? {
        (".", "") => Some(Action::End(name.to_owned())),
        ("&", command) => Some(Action::Start(name.to_owned(), command.trim().to_owned())),
        ("^", signal) => Some(Action::Signal(name.to_owned(), signal.trim().to_owned())),
        _ => None,
    }
}

/// Whether `found` is what `expected` describes.
pub(crate) fn matches(expected: &str, found: &str) -> bool {
    let mut parts = expected.split("<any>");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = found.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn any_stands_for_any_text() {
    assert!(matches("a", "a") && !matches("a", "ab"));
    assert!(matches("a<any>c", "abc") && matches("a<any>c", "ac"));
    assert!(matches("<any>b<any>", "abc") && !matches("<any>x<any>", "abc"));
    assert!(!matches("a<any>c", "abcd"));
}
