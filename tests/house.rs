//! The form of the house, as a test: who may import whom, where code may await, how long a file
//! and a function may be, and what every file says first.
//!
//! It reads the sources as text, comments and strings blanked out; no compiler is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use tree::{collect, root};

/// The longest a file may be, in lines, its tests at the foot not counted.
const FILE_MAX: usize = 500;
/// The longest a function may be, in lines, from its signature to its last brace.
const FUNCTION_MAX: usize = 70;
/// The one file that may hold unsafe code: it gives memory back to the system.
const UNSAFE_FILE: &str = "server/src/program/memory.rs";
/// Which rooms of the server a room may name. ARCHITECTURE.md, "Rooms".
const SERVER_FLOORS: &[(&str, &[&str])] = &[
    ("lib", &["server", "options", "peer", "auth", "http", "net"]),
    ("main", &[]),
    ("program", &[]),
    ("check", &["setup", "holder"]),
    ("checked", &["check", "flags", "setup"]),
    ("setup", &["flags", "log"]),
    ("flags", &["arguments"]),
    ("arguments", &[]),
    ("signals", &["name"]),
    ("credentials", &[]),
    ("name", &[]),
    ("ports", &["addresses", "name"]),
    ("addresses", &[]),
    ("running", RUNNING),
    ("reload", &["flags", "log", "ports", "setup"]),
    ("hidden", &["flags"]),
    ("log", &[]),
    ("holder", &[]),
    ("descriptors", &[]),
    ("memory", &[]),
    ("sim", &["options", "doors", "link", "net", "peer"]),
    ("server", SERVER),
    ("events", &["net", "peer"]),
    ("monitoring", &["options", "http", "monitor", "net", "peer"]),
    ("options", &["http", "net", "peer"]),
    ("http", &["monitor", "peer"]),
    ("monitor", &["peer"]),
    ("doors", &["peer", "link", "conf"]),
    ("net", &["link"]),
    ("peer", &["bus", "auth", "link"]),
    ("auth", &["link"]),
    ("bus", &["link"]),
    ("conf", &[]),
];
const SERVER: &[&str] = &[
    "options",
    "doors",
    "events",
    "http",
    "monitoring",
    "net",
    "peer",
];
const RUNNING: &[&str] = &[
    "log", "ports", "reload", "setup", "holder", "memory", "name",
];
/// Every folder of sources.
const ALL: [&str; 8] = [
    "protocol", "server", "client", "cli", "tests", "benches", "examples", "fuzz",
];
/// What the files of the program may name besides: what the library shows to all.
const FACE: [&str; 7] = ["auth", "conf", "http", "net", "options", "peer", "server"];
/// Which rooms of the command line a room may name.
const CLI_FLOORS: [(&str, &[&str]); 19] = [
    ("main", &["verbs"]),
    (
        "verbs",
        &[
            "body", "connect", "failure", "gather", "http", "jobs", "json", "output", "pace",
            "process", "publish", "script", "stop", "template", "text", "view",
        ],
    ),
    ("gather", &["failure", "text"]),
    ("publish", &["failure", "text"]),
    ("http", &["connect", "failure"]),
    ("script", &["failure", "view"]),
    ("process", &["failure", "view"]),
    ("jobs", &["failure", "text"]),
    ("body", &["failure", "template"]),
    ("connect", &["context", "failure", "json", "output", "text"]),
    ("context", &["failure"]),
    ("output", &["failure"]),
    ("stop", &["failure"]),
    ("view", &["json", "text"]),
    ("failure", &["json"]),
    ("pace", &[]),
    ("template", &[]),
    ("text", &[]),
    ("json", &[]),
];
/// Where the server may await, or name the runtime.
const SERVER_AWAITS: &[&str] = &[
    "net",
    "events",
    "http",
    "server",
    "monitoring",
    "running",
    "program",
    "memory",
];
/// Where the client must not await: it takes bytes and time as arguments there.
const CLIENT_SYNC: [&str; 7] = [
    "engine", "pool", "queue", "refusal", "sift", "message", "address",
];
/// Where the command line must not await.
const CLI_SYNC: [&str; 6] = ["context", "failure", "json", "template", "text", "view"];

/// The rooms of the client from top to bottom: each may name only those behind it.
const CLIENT_ROOMS: &str = "service json blocking connect client answers request subscriber \
    subscribe publish trace handle driver shared dial pool websocket options auth outgoing engine \
    sift notice replies command queue tls transport events refusal statistics ids message address \
    error";

/// One source file.
struct Source {
    path: PathBuf,
    /// The text as it stands.
    text: String,
    /// The text without its tests, comments, strings and characters; line by line as long.
    code: String,
}

impl Source {
    /// The first folder or file below `src`.
    fn room(&self) -> String {
        let below = self.path.to_string_lossy().replace('\\', "/");
        let below = below.split("/src/").nth(1).unwrap_or_default().to_owned();
        // The program is a house of its own, above the library's.
        let inner = below
            .strip_prefix("program/")
            .filter(|file| *file != "mod.rs");
        let first = inner.unwrap_or(&below).split('/').next();
        first.unwrap_or_default().trim_end_matches(".rs").to_owned()
    }

    fn is_program(&self) -> bool {
        let path = self.path.to_string_lossy().replace('\\', "/");
        path.contains("/src/program/")
    }

    /// The rooms of its crate that it names.
    fn named(&self) -> BTreeSet<String> {
        let mut named = named_after(&self.code, "crate::");
        named.extend(named_after(&self.code, "crate::program::"));
        if self.is_program() {
            named.remove("program");
        }
        named
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs")
    }

    fn name(&self) -> String {
        let root = root();
        self.path
            .strip_prefix(&root)
            .unwrap_or(&self.path)
            .to_string_lossy()
            .into_owned()
    }
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let mute = sources(&ALL)
        .into_iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| source.name());
    assert_none("files without a header", mute);
}

#[test]
fn no_file_is_longer_than_five_hundred_lines() {
    let long = sources(&ALL)
        .into_iter()
        .filter(|source| source.code.lines().count() > FILE_MAX)
        .map(|source| format!("{}: {} lines", source.name(), source.code.lines().count()));
    assert_none("long files", long);
}

#[test]
fn no_function_is_longer_than_seventy_lines() {
    let mut long = Vec::new();
    for source in sources(&[
        "protocol", "server", "client", "cli", "tests", "benches", "examples",
    ]) {
        for (name, lines) in functions(&source.code) {
            if lines > FUNCTION_MAX {
                long.push(format!("{}: {name} has {lines} lines", source.name()));
            }
        }
    }
    assert_none("long functions", long);
}

#[test]
fn rooms_import_only_what_lies_below_them() {
    let mut up = arrows_up("server/src", SERVER_FLOORS);
    up.extend(arrows_up("cli/src", &CLI_FLOORS));
    assert_none("arrows that run up", up);
}

#[test]
fn rooms_of_the_client_name_only_rooms_below_them() {
    let rooms: Vec<_> = CLIENT_ROOMS.split_whitespace().collect();
    let floor = |room: &str| rooms.iter().position(|known| *known == room);
    let mut up = Vec::new();
    for source in sources(&["client/src"]) {
        let room = source.room();
        let named = source.named();
        // What begins with a capital is a type of the crate's face, which blocking wraps.
        for named in named
            .into_iter()
            .filter(|name| name.starts_with(char::is_lowercase))
        {
            let is_below = floor(&room).is_some() && floor(&named) > floor(&room);
            if room != "lib" && named != room && !is_below {
                up.push(format!("{} names crate::{named}", source.name()));
            }
        }
    }
    assert_none("arrows that run up", up);
}

/// The names in `folder` that its floors do not allow.
fn arrows_up(folder: &str, floors: &[(&str, &[&str])]) -> Vec<String> {
    let floors: BTreeMap<_, _> = floors.iter().copied().collect();
    let mut up = Vec::new();
    for source in sources(&[folder]) {
        let room = source.room();
        let allowed = floors.get(room.as_str()).copied().unwrap_or_default();
        for named in source.named() {
            let is_crossroads = room == "lib" || room == "bench";
            let is_face = source.is_program() && FACE.contains(&named.as_str());
            if named != room && !allowed.contains(&named.as_str()) && !is_crossroads && !is_face {
                up.push(format!("{} names crate::{named}", source.name()));
            }
        }
    }
    up
}

#[test]
fn doors_cannot_reach_past_the_gate() {
    let mut leaks = Vec::new();
    for source in sources(&["server/src/doors"]) {
        let mut names = named_after(&source.code, "crate::");
        names.extend(
            named_after(&source.code, "")
                .into_iter()
                .filter(|word| word == "tokio"),
        );
        for word in ["bus", "net", "tokio"] {
            if names.contains(word) {
                leaks.push(format!("{} names {word}", source.name()));
            }
        }
    }
    assert_none("doors that know too much", leaks);
}

#[test]
fn only_the_rooms_for_it_await() {
    let mut waiting = Vec::new();
    for (root, is_allowed) in [
        (
            "server/src",
            (|room: &str| SERVER_AWAITS.contains(&room)) as fn(&str) -> bool,
        ),
        ("client/src", |room| !CLIENT_SYNC.contains(&room)),
        ("cli/src", |room| !CLI_SYNC.contains(&room)),
        ("protocol/src", |_| false),
    ] {
        for source in sources(&[root]) {
            let names = named_after(&source.code, "");
            let waits = ["async", "await", "tokio"]
                .iter()
                .any(|word| names.contains(*word));
            if waits && !is_allowed(&source.room()) && !source.is_test() {
                waiting.push(source.name());
            }
        }
    }
    assert_none("files that wait where they must not", waiting);
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    let mut bare = Vec::new();
    for source in sources(&["protocol/src", "server/src", "client/src", "cli/src"]) {
        for (at, line) in source.code.lines().enumerate() {
            if source.is_test() {
                break;
            }
            let is_unsafe = line.contains("unsafe ") && source.name() != UNSAFE_FILE;
            if line.contains(".unwrap()") || is_unsafe {
                bare.push(format!("{}:{}", source.name(), at + 1));
            }
        }
    }
    assert_none("bare unwraps, or unsafe", bare);
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for root in ["protocol/src", "server/src", "client/src", "cli/src"] {
        let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for source in sources(&[root]) {
            if source.room() != "lib" {
                let named = source.named();
                arrows.entry(source.room()).or_default().extend(named);
            }
        }
        for room in arrows.keys() {
            let below = reachable(&arrows, room);
            assert!(
                !below.contains(room),
                "{root}: {room} imports itself by way of {below:?}"
            );
        }
    }
}

#[test]
fn the_rust_of_the_readme_is_the_example() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let example = fs::read_to_string(root().join("examples/hello.rs")).expect("the example");
    let code = example.split_once("\n\n").expect("a header and code").1;
    assert!(
        readme.contains(&format!("```rust\n{code}```")),
        "README.md differs from {example}"
    );
}

/// Every room that can be reached from `room`.
fn reachable(arrows: &BTreeMap<String, BTreeSet<String>>, room: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut open = vec![room.to_owned()];
    while let Some(at) = open.pop() {
        for next in arrows.get(&at).into_iter().flatten() {
            if next != &at && seen.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    seen
}

/// The words that directly follow `lead` in `code`; every word for an empty one. Braces open a
/// list: `crate::{a, b::C}` names a and b.
fn named_after(code: &str, lead: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    if lead.is_empty() {
        return code
            .split(|letter| !is_part(letter))
            .map(str::to_owned)
            .collect();
    }
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(lead) {
        if code[..at].ends_with('$') {
            continue;
        }
        let rest = &code[at + lead.len()..];
        match rest.strip_prefix('{') {
            None => {
                names.insert(
                    rest.split(|letter| !is_part(letter))
                        .next()
                        .unwrap_or("")
                        .to_owned(),
                );
            }
            Some(list) => names.extend(heads_of(list)),
        }
    }
    names
}

/// The first words of a list in braces whose opening brace is gone.
fn heads_of(list: &str) -> Vec<String> {
    let (mut heads, mut depth, mut word) = (Vec::new(), 0, String::new());
    for letter in list.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(std::mem::take(&mut word)),
            letter if depth == 0 => word.push(letter),
            _ => {}
        }
    }
    heads.push(word);
    let head = |path: String| path.trim().split("::").next().unwrap_or("").to_owned();
    heads
        .into_iter()
        .map(head)
        .filter(|name| !name.is_empty())
        .collect()
}

/// The functions of `code` and how many lines each takes.
fn functions(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some((before, after)) = line.split_once("fn ") else {
            continue;
        };
        if !(before.is_empty() || before.ends_with(' ') || before.ends_with('(')) {
            continue;
        }
        let name: String = after
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect();
        if let Some(end) = end_of_body(&lines[start..]) {
            found.push((name, end + 1));
        }
    }
    found
}

/// The line, counted from the signature, in which the body closes; none without a body.
fn end_of_body(lines: &[&str]) -> Option<usize> {
    let mut depth = 0;
    for (at, line) in lines.iter().enumerate() {
        for letter in line.chars() {
            match letter {
                ';' if depth == 0 => return None,
                '{' => depth += 1,
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at);
                    }
                }
                _ => {}
            }
        }
    }
    None
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    folders
        .iter()
        .for_each(|folder| collect(&root().join(folder), &mut paths));
    assert!(!paths.is_empty(), "no sources in {folders:?}");
    paths.into_iter().map(read).collect()
}

fn read(path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).expect("a readable source");
    let own = text
        .split("\n#[cfg(test)]\nmod ")
        .next()
        .unwrap_or_default();
    let code = scrub::scrub(own);
    Source { path, text, code }
}

fn assert_none(what: &str, found: impl IntoIterator<Item = String>) {
    let found: Vec<String> = found.into_iter().collect();
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[path = "house/dependencies.rs"]
mod dependencies;

#[path = "house/scrub.rs"]
mod scrub;

#[path = "house/security.rs"]
mod security;

#[path = "house/tree.rs"]
mod tree;
