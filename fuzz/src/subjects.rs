//! Subjects and filters against their naive twins: lists of tokens, compared one by one.

use dunlin_protocol::subject;

/// A filter, a line feed, a subject.
pub fn subjects(data: &[u8]) {
    let mut lines = data.splitn(2, |&byte| byte == b'\n');
    let (filter, name) = (lines.next().unwrap_or(b""), lines.next().unwrap_or(b""));
    for text in [filter, name] {
        check_alone(text);
    }
    let covers = subject::covers(filter, name);
    if subject::is_valid_filter(filter) {
        assert_eq!(covers, naive_covers(&tokens(filter), &tokens(name)));
    }
    if subject::is_valid_literal(filter) {
        assert_eq!(covers, filter == name, "a literal covers itself alone");
    }
}

fn check_alone(text: &[u8]) {
    let tokens = tokens(text);
    assert!(subject::tokens(text).eq(tokens.iter().copied()));
    let is_wild = |token: &&[u8]| matches!(*token, b"*" | b">");
    let is_whole = tokens.iter().all(|token| !token.is_empty());
    let full_is_last = tokens[..tokens.len() - 1]
        .iter()
        .all(|token| *token != b">");
    assert_eq!(subject::is_deliverable(text), is_whole);
    assert_eq!(subject::has_wildcard(text), tokens.iter().any(is_wild));
    assert_eq!(subject::is_valid_filter(text), is_whole && full_is_last);
    assert_eq!(
        subject::is_valid_literal(text),
        is_whole && !tokens.iter().any(is_wild)
    );
}

fn tokens(text: &[u8]) -> Vec<&[u8]> {
    text.split(|&byte| byte == b'.').collect()
}

fn naive_covers(filter: &[&[u8]], name: &[&[u8]]) -> bool {
    match (filter, name) {
        ([], []) => true,
        ([b">"], [_, ..]) => true,
        ([b"*", filter @ ..], [_, name @ ..]) => naive_covers(filter, name),
        ([wanted, filter @ ..], [token, name @ ..]) => {
            wanted == token && naive_covers(filter, name)
        }
        _ => false,
    }
}
