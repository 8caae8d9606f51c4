//! The verdicts on small configuration files: ours, and where there is one, a real nats-server's.
//!
//! `tests/config/verdicts.txt` holds the files and what is expected of each; every line in which
//! the two differ gives its reason there. `DUNLIN_NATS_SERVER` names the binary that is asked.
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use dunlin_server::conf::{self, Severity, Surroundings};

/// The environment of every file.
const VARIABLES: [(&str, &str); 6] = [
    ("E1", "123"),
    ("E2", "\"123\""),
    ("E3", "{a: 1}"),
    ("E4", "$E4"),
    ("E5", "a b"),
    ("E6", ""),
];
/// The files beside every file.
const BESIDE: [(&str, &str); 2] = [
    ("inc.conf", "port: 4555\n"),
    ("incbad.conf", "port: 4555\nfoo }{ [\n"),
];

/// Files of the repository that are put beside every file.
const CERTIFICATES: [&str; 4] = ["cert.pem", "key.pem", "other-cert.pem", "other-key.pem"];

/// What is said to a file: accepted, or refused with the first line that is named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Accepted,
    Refused(Option<usize>),
}

struct Case {
    text: String,
    ours: Verdict,
    theirs: Verdict,
    /// Where in the file of cases it stands.
    line: usize,
}

#[test]
fn every_file_gets_its_verdict() {
    let folder = Folder::new();
    let mut wrong = Vec::new();
    for case in cases() {
        let found = folder.ours(&case.text);
        if !case.ours.covers(found) {
            wrong.push(format!("{}: {found} instead of {}", case.line, case.ours));
        }
    }
    assert!(wrong.is_empty(), "verdicts.txt:\n{}", wrong.join("\n"));
}

#[test]
fn nats_server_agrees() {
    let Some(binary) = judge() else {
        return;
    };
    let folder = Folder::new();
    let mut wrong = Vec::new();
    for case in cases() {
        let found = folder.theirs(&case.text, &binary);
        let is_unnamed = found == Verdict::Refused(None) && case.theirs != Verdict::Accepted;
        if !case.theirs.covers(found) && !is_unnamed {
            wrong.push(format!("{}: {found} instead of {}", case.line, case.theirs));
        }
    }
    assert!(wrong.is_empty(), "verdicts.txt:\n{}", wrong.join("\n"));
}

#[test]
fn there_are_enough_files() {
    assert!(cases().len() >= 60, "only {}", cases().len());
}

/// The binary to be asked; without one, none outside CI.
fn judge() -> Option<OsString> {
    let binary = std::env::var_os("DUNLIN_NATS_SERVER");
    let is_ci = std::env::var_os("CI").is_some_and(|is_ci| is_ci == "true");
    assert!(
        binary.is_some() || !is_ci,
        "DUNLIN_NATS_SERVER must name a nats-server in CI"
    );
    binary
}

impl Verdict {
    /// A line that is not named is any line.
    fn covers(self, found: Self) -> bool {
        self == found || (self == Self::Refused(None) && found != Self::Accepted)
    }

    fn read(text: &str) -> Self {
        match text.split_once(' ') {
            None => Self::Accepted,
            Some((_, line)) => Self::Refused(line.parse().ok()),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Refused(None) => f.write_str("refused"),
            Self::Refused(Some(line)) => write!(f, "refused {line}"),
        }
    }
}

/// `== ours[, nats-server theirs][, escaped][: reason]`, and the text up to the next.
fn cases() -> Vec<Case> {
    let all = fs::read_to_string(shared("verdicts.txt")).unwrap();
    let mut line = 1;
    let mut cases = Vec::new();
    for (at, part) in all.split("== ").enumerate() {
        if at > 0 {
            cases.push(case(part, line));
        }
        line += part.matches('\n').count();
    }
    cases
}

fn shared(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/config")
        .join(name)
}

fn case(part: &str, line: usize) -> Case {
    let (head, text) = part.split_once('\n').unwrap();
    let (head, reason) = head.split_once(": ").unwrap_or((head, ""));
    let mut words = head.split(", ");
    let ours = Verdict::read(words.next().unwrap());
    let (mut theirs, mut is_escaped) = (ours, false);
    for word in words {
        match word.strip_prefix("nats-server ") {
            Some(verdict) => theirs = Verdict::read(verdict),
            None => is_escaped = word == "escaped",
        }
    }
    assert_eq!(theirs != ours, !reason.is_empty(), "line {line}");
    let text = text.strip_suffix('\n').unwrap_or(text);
    Case {
        text: if is_escaped {
            unescaped(text)
        } else {
            text.to_owned()
        },
        ours,
        theirs,
        line,
    }
}

fn unescaped(text: &str) -> String {
    let mut parts = text.replace("\\r", "\r").replace("\\n", "\n");
    while let Some(at) = parts.find("\\u{") {
        let end = at + parts[at..].find('}').unwrap();
        let code = u32::from_str_radix(&parts[at + 3..end], 16).unwrap();
        let letter = char::from_u32(code).unwrap().to_string();
        parts.replace_range(at..=end, &letter);
    }
    parts
}

/// Where the files stand.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in BESIDE {
            fs::write(folder.path().join(name), text).unwrap();
        }
        for name in CERTIFICATES {
            fs::copy(shared(name), folder.path().join(name)).unwrap();
        }
        Self(folder)
    }

    /// What our `-t` says of the text itself.
    fn ours(&self, text: &str) -> Verdict {
        let around = Around(self.0.path().to_owned(), text.as_bytes());
        let loaded = conf::load(Path::new("case.conf"), &around).unwrap();
        let counted = loaded
            .diagnostics
            .iter()
            .filter(|found| found.severity != Severity::Notice);
        let lines: Vec<usize> = counted
            .map(|found| {
                let place = found.span.map(|span| loaded.sources.place(span).line);
                place.unwrap_or(usize::MAX)
            })
            .collect();
        match lines.iter().min() {
            None => Verdict::Accepted,
            Some(line) => Verdict::Refused(Some(*line).filter(|line| *line < usize::MAX)),
        }
    }

    fn theirs(&self, text: &str, binary: &OsString) -> Verdict {
        fs::write(self.0.path().join("case.conf"), text).unwrap();
        let run = Command::new(binary)
            .args(["-t", "-c", "case.conf"])
            .current_dir(self.0.path())
            .envs(VARIABLES)
            .output()
            .expect("nats-server runs");
        if run.status.success() {
            return Verdict::Accepted;
        }
        let said = String::from_utf8_lossy(&run.stderr);
        let marks = [" on line ", "case.conf:"];
        let lines = marks.iter().flat_map(|mark| said.split(mark).skip(1));
        let numbers = lines.filter_map(|rest| {
            let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
            rest[..end].parse().ok()
        });
        Verdict::Refused(numbers.min())
    }
}

/// The folder and the environment, with the text as `case.conf`.
struct Around<'t>(PathBuf, &'t [u8]);

impl Surroundings for Around<'_> {
    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == Path::new("case.conf") {
            return Ok(self.1.to_vec());
        }
        fs::read(self.0.join(path))
    }

    fn variable(&self, name: &str) -> Option<String> {
        let found = VARIABLES.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| (*text).to_owned())
    }
}
