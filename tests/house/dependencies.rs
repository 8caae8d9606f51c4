//! What may be linked into dunlin, as far as it can be told without a network: where it comes from,
//! under which licence, and what we do not want again. The rules are those of `deny.toml`; known
//! advisories are asked for by `cargo deny check`.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::tree::root;

/// Where crates come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn every_dependency_may_be_linked() {
    let rules = fs::read_to_string(root().join("deny.toml")).expect("a readable text");
    let allowed: BTreeSet<&str> = quoted(section(&rules, "allow = [")).collect();
    let banned = section(&rules, "deny = [").lines();
    let banned: BTreeSet<&str> = banned.filter_map(|line| quoted(line).next()).collect();
    assert!(allowed.len() > 5 && banned.len() > 5, "the rules are read");
    let mut wrong = Vec::new();
    for package in packages("Cargo.toml") {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let (name, source, licence) = (text("name"), text("source"), text("license"));
        if !source.is_empty() && source != REGISTRY {
            wrong.push(format!("{name} comes from {source}"));
        }
        if banned.contains(&*name) {
            wrong.push(format!("{name} is not wanted"));
        }
        if !is_free(&licence.replace('/', " OR "), &allowed) {
            wrong.push(format!("{name} is under {licence:?}"));
        }
    }
    super::assert_none("dependencies", wrong);
}

/// Every package that a build for this machine may need.
fn packages(manifest: &str) -> Vec<Value> {
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let run = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(["--filter-platform", &host, "--manifest-path"])
        .arg(root().join(manifest))
        .output();
    let run = run.expect("cargo can be asked");
    let complaint = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{complaint}");
    let mut all: Value = serde_json::from_slice(&run.stdout).expect("cargo answers in JSON");
    match all["packages"].take() {
        Value::Array(packages) => packages,
        other => panic!("no packages: {other}"),
    }
}

/// Whether one of the alternatives is allowed in all its parts.
fn is_free(licence: &str, allowed: &BTreeSet<&str>) -> bool {
    let licence = licence.trim();
    if allowed.contains(licence) {
        return true;
    }
    if let Some((one, other)) = split(licence, " AND ") {
        return is_free(one, allowed) && is_free(other, allowed);
    }
    if let Some((one, other)) = split(licence, " OR ") {
        return is_free(one, allowed) || is_free(other, allowed);
    }
    let inner = licence
        .strip_prefix('(')
        .and_then(|it| it.strip_suffix(')'));
    inner.is_some_and(|inner| is_free(inner, allowed))
}

/// Splits at the first `word` outside of brackets.
fn split<'t>(text: &'t str, word: &str) -> Option<(&'t str, &'t str)> {
    let mut places = text.match_indices(word);
    let place = places.find(|(at, _)| {
        let before = &text[..*at];
        before.matches('(').count() == before.matches(')').count()
    });
    place.map(|(at, _)| (&text[..at], &text[at + word.len()..]))
}

/// What stands between `start` and the bracket that ends it.
fn section<'t>(text: &'t str, start: &str) -> &'t str {
    let rest = text.split(&format!("\n{start}")).nth(1).unwrap_or_default();
    rest.split("\n]").next().unwrap_or_default()
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

#[test]
fn licences_are_read_as_they_are_written() {
    let allowed = BTreeSet::from(["MIT", "Zlib"]);
    for (licence, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(GPL-3.0 OR MIT) AND Zlib", true),
        ("(GPL-3.0 AND MIT) OR GPL-2.0", false),
        ("", false),
    ] {
        assert_eq!(is_free(licence, &allowed), expected, "{licence}");
    }
}
