//! What SECURITY.md says fails here if it happens again: each test named there is there.

use std::fs;

use super::tree::{collect, root};

/// Between these two lines stand the advisories, a row each.
const TABLE: &str = "| there | how | here |";

/// A row without a test says that the part does not exist.
const ABSENT: &str = "nothing: ";

#[test]
fn every_advisory_has_a_test_that_exists() {
    let text = fs::read_to_string(root().join("SECURITY.md")).expect("a readable text");
    let table = text.split(TABLE).nth(1).expect("there is a table");
    let mut missing = Vec::new();
    let mut rows = 0;
    for row in table.lines().skip(2).take_while(|line| !line.is_empty()) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [there, how, here] = cells[..] else {
            panic!("three cells: {row}");
        };
        assert!(!there.trim().is_empty() && !how.trim().is_empty(), "{row}");
        rows += 1;
        let named: Vec<&str> = here.split('`').skip(1).step_by(2).collect();
        let tests = named.iter().filter(|name| name.contains("::"));
        if tests.count() == 0 && !here.trim().starts_with(ABSENT) {
            missing.push(format!("{there}: no test"));
        }
        let wrong = named.iter().filter(|name| !is_there(name));
        missing.extend(wrong.map(|name| format!("{there}: {name}")));
    }
    assert!(rows > 40, "{rows} rows");
    super::assert_none("what SECURITY.md names and nobody wrote", missing);
}

/// `file::test`, `folder::test`, `file::heading` of a transcript, `fuzz::target`, or a file.
fn is_there(name: &str) -> bool {
    let Some((place, test)) = name.split_once("::") else {
        return !name.contains('/') || root().join(name).exists();
    };
    if place == "fuzz" {
        return root().join(format!("fuzz/targets/{test}.rs")).exists();
    }
    let path = root().join(place);
    let mut files = vec![path.clone()];
    if path.is_dir() {
        files.clear();
        collect(&path, &mut files);
    }
    let wanted = [format!("fn {test}("), format!("== {test}\n")];
    let texts = files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok());
    texts
        .into_iter()
        .any(|text| wanted.iter().any(|wanted| text.contains(wanted)))
}
