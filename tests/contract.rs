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
fn every_anchor_named_in_a_transcript_is_there() {
    let anchors = anchors(&read(&page()));
    for name in transcript_names() {
        let text = read(&transcripts().join(&name));
        let anchor = text.split("protocol.md#").nth(1).map(|rest| {
            rest.split_whitespace()
                .next()
                .unwrap_or_default()
                .trim_end_matches('.')
        });
        let anchor = anchor.unwrap_or_else(|| panic!("{name} does not name its contract"));
        assert!(
            anchors.iter().any(|known| known == anchor),
            "{name} names #{anchor}"
        );
    }
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
