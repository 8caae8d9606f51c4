//! Every example of `docs/configuration.md` is loaded, and every key that is obeyed is in its table.
//!
//! A block marked `conf` is accepted without a word, `conf warned` with warnings only, and
//! `conf refused` is refused. A block whose first line is `# name` may be included by that name.
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

use std::io;
use std::path::Path;

use dunlin_server::conf::{self, Severity, Surroundings};

const PAGE: &str = include_str!("../../docs/configuration.md");

/// The blocks of the page as files; one of them is read.
struct Page<'p>(&'p str);

impl Surroundings for Page<'_> {
    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let name = path.to_str().unwrap_or_default();
        if name == "example" {
            return Ok(self.0.as_bytes().to_vec());
        }
        let named = |(_, text): &(&str, &str)| text.starts_with(&format!("# {name}\n"));
        let found = blocks().into_iter().find(named);
        let (_, text) = found.ok_or(io::ErrorKind::NotFound)?;
        Ok(text.as_bytes().to_vec())
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "PORT").then(|| "4333".to_owned())
    }
}

/// The configuration examples: what is promised of each, and its text.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let blocks = PAGE.split("\n```conf").skip(1);
    blocks
        .map(|rest| {
            let (head, rest) = rest.split_once('\n').unwrap();
            let end = rest.find("```").unwrap();
            (head.trim(), &rest[..end])
        })
        .collect()
}

#[test]
fn every_example_is_what_it_is_said_to_be() {
    assert!(blocks().len() > 10);
    for (promise, text) in blocks() {
        let loaded = conf::load(Path::new("example"), &Page(text)).unwrap();
        let is_refused = loaded.has(Severity::Error);
        let is_silent = loaded.diagnostics.is_empty();
        let is_kept = match promise {
            "" => is_silent,
            "warned" => !is_refused && !is_silent,
            "refused" => is_refused,
            _ => false,
        };
        assert!(is_kept, "not {promise:?}:\n{text}{:#?}", loaded.diagnostics);
    }
}

#[test]
fn every_key_that_is_obeyed_is_in_the_table() {
    let (_, table) = PAGE.split_once("## The keys").unwrap();
    let (table, _) = table.split_once("## Keys of what is not there").unwrap();
    for name in conf::obeyed_keys().into_iter().flatten() {
        assert!(table.contains(&format!("`{name}`")), "{name} is missing");
    }
}

#[test]
fn a_later_key_wins_over_an_included_one() {
    let (_, text) = blocks()
        .into_iter()
        .find(|(_, text)| text.starts_with("include"))
        .unwrap();
    let settings = conf::load(Path::new("example"), &Page(text))
        .unwrap()
        .settings;
    assert_eq!(settings.max_connections, Some(1000));
    assert_eq!(settings.max_payload, Some(2 * 1024 * 1024));
}
