//! What one file asks for, and what is said to it: for the tests of its sections.
#![allow(clippy::unwrap_used, dead_code)] // A test fails by panicking; not every test asks everything.

use std::io;
use std::path::Path;

use dunlin_server::conf::{self, Loaded, Settings, Severity, Surroundings};

struct Alone<'t>(&'t str);

impl Surroundings for Alone<'_> {
    fn file(&self, _: &Path) -> io::Result<Vec<u8>> {
        Ok(self.0.as_bytes().to_vec())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

pub(crate) fn loaded(text: &str) -> Loaded {
    conf::load(Path::new("a.conf"), &Alone(text)).unwrap()
}

/// What is said, but for keys that nothing obeys yet.
pub(crate) fn said(loaded: &Loaded) -> Vec<String> {
    let is_ahead = |text: &str| {
        ["\" cannot be obeyed: ", "\" is ignored: "]
            .iter()
            .any(|it| text.contains(it))
            && !text.contains("asks no service")
    };
    let told = loaded
        .diagnostics
        .iter()
        .filter(|found| !is_ahead(&found.text));
    told.map(|found| found.render(&loaded.sources)).collect()
}

#[track_caller]
pub(crate) fn settings(text: &str) -> Settings {
    let loaded = loaded(text);
    let said = said(&loaded);
    assert!(said.is_empty(), "{text}: {said:?}");
    loaded.settings
}

/// The first line of what is said.
#[track_caller]
pub(crate) fn complains(text: &str, expected: &str) {
    let said = said(&loaded(text)).join("\n");
    assert_eq!(said.lines().next().unwrap_or_default(), expected, "{text}");
}

/// A complaint that nats-server does not make, and that keeps nothing from starting.
#[track_caller]
pub(crate) fn notices(text: &str, expected: &str) {
    let loaded = loaded(text);
    let notice = loaded
        .diagnostics
        .iter()
        .find(|found| found.text.contains(expected));
    let severity = notice
        .unwrap_or_else(|| panic!("{:?}", said(&loaded)))
        .severity;
    assert_eq!(severity, Severity::Notice, "{text}");
}
