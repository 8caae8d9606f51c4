//! The contract in prose: `protocol.md` says nothing that is not tried.
//!
//! Every block marked `transcript` there, and in the README of the transcripts, is played like a
//! file; every link between the page and the files leads somewhere.

use std::path::{Path, PathBuf};

use dunlin_tests::{Pace, Target, run_text, transcripts};

#[test]
fn the_blocks_of_the_page_hold_for_dunlin() {
    play(Target::Ours);
}

#[test]
fn the_blocks_of_the_page_hold_for_nats_server() {
    play(Target::Reference);
}

fn play(target: Target) {
    if !target.is_here() {
        return eprintln!("protocol.md: DUNLIN_NATS_SERVER is not set");
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut reports = Vec::new();
    for path in [page(), transcripts().join("README.md")] {
        let blocks = blocks(&read(&path));
        assert!(!blocks.is_empty(), "no transcript in {path:?}");
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for (line, block) in blocks {
            // Empty lines above it, so that a report counts lines as the page does.
            let block = "\n".repeat(line - 1) + &block;
            let played = runtime.block_on(run_text(target, &name, &block, Pace::ByLine));
            reports.extend(played.err());
        }
    }
    assert!(reports.is_empty(), "\n{}\n", reports.join("\n\n"));
}

#[test]
fn every_transcript_is_named_on_the_page() {
    let page = read(&page());
    for name in transcript_names() {
        let link = format!("(tests/transcripts/{name})");
        assert!(page.contains(&link), "protocol.md does not mention {name}");
    }
}

#[test]
fn every_file_named_on_the_page_is_there() {
    let root = page();
    let root = root.parent().expect("the page is in a folder");
    let page = read(&self::page());
    for target in page
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
    {
        let is_here = match target.strip_prefix('#') {
            Some(anchor) => anchors(&page).iter().any(|known| known == anchor),
            None => root.join(target).exists(),
        };
        assert!(is_here, "protocol.md links to {target}");
    }
}

#[test]
fn every_transcript_names_its_contract() {
    for name in transcript_names() {
        let text = read(&transcripts().join(&name));
        assert_eq!(
            named_anchors(&text).len(),
            1,
            "anchors of protocol.md named in {name}"
        );
    }
}

#[test]
fn every_anchor_named_in_a_source_is_there() {
    let known = anchors(&read(&page()));
    let root = page().with_file_name("");
    let rooms = [
        "protocol/src",
        "server/src",
        "client/src",
        "tests/harness",
        "tests/transcripts",
    ];
    let mut folders: Vec<PathBuf> = rooms.iter().map(|room| root.join(room)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder can be read") {
            let path = entry.expect("readable").path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            match extension {
                None if path.is_dir() => folders.push(path),
                Some("rs" | "txt") => {
                    for anchor in named_anchors(&read(&path)) {
                        assert!(
                            known.contains(&anchor),
                            "{path:?} names protocol.md#{anchor}"
                        );
                    }
                }
                _ => {}
            }
        }
    }
}

/// The anchors of the page that `text` names.
fn named_anchors(text: &str) -> Vec<String> {
    let names = text.split("protocol.md#").skip(1);
    let is_part = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
    names
        .map(|rest| rest.chars().take_while(is_part).collect())
        .collect()
}

/// The blocks fenced as `transcript`, with the number of their first line.
fn blocks(page: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in page.lines().enumerate() {
        match (&mut open, line) {
            (None, "```transcript") => open = Some((index + 2, String::new())),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some((_, block)), _) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

/// The anchors that a reader of Markdown makes of the headings.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let titles = headings.map(|line| line.trim_start_matches('#').trim());
    titles
        .map(|title| title.to_lowercase().replace(' ', "-"))
        .collect()
}

fn transcript_names() -> Vec<String> {
    let folder = std::fs::read_dir(transcripts()).expect("the folder is there");
    let names = folder.map(|entry| entry.expect("readable").file_name());
    let names = names.map(|name| name.into_string().expect("a plain name"));
    names.filter(|name| name.ends_with(".txt")).collect()
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol.md")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}
