//! The grammar, in short cases: what a text means, or what is wrong with it and where.

use std::io;
use std::path::Path;

use super::shared::{Shared, Surroundings};
use super::value::{Map, Node, Value};
use crate::conf::report::Severity;

/// A few files and variables that stand nowhere but here.
struct Pretended<'t>(&'t str);

impl Surroundings for Pretended<'_> {
    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = match path.to_str().unwrap() {
            "dir/a.conf" => self.0,
            "dir/port.conf" => "port: 4555\n",
            "dir/own.conf" => "port: $above\n",
            "dir/var.conf" => "below: 7\n",
            "dir/bad.conf" => "port: 1\nhost:\n",
            "dir/sub/b.conf" => "include port.conf",
            "dir/sub/port.conf" => "port: 9",
            "dir/self.conf" => "include self.conf",
            _ => return Err(io::Error::new(io::ErrorKind::NotFound, "no such file")),
        };
        Ok(text.as_bytes().to_vec())
    }

    fn variable(&self, name: &str) -> Option<String> {
        let text = match name {
            "NUMBER" => "123",
            "QUOTED" => "\"123\"",
            "MAP" => "{a: 1}",
            "CYCLE" => "$CYCLE",
            "OTHER" => "$NUMBER",
            "TWO" => "a b",
            "EMPTY" => "",
            _ => return None,
        };
        Some(text.to_owned())
    }
}

/// The tree as one line: keys in order, texts in quotes.
fn tree(text: &str) -> String {
    let surroundings = Pretended(text);
    let mut shared = Shared::new(&surroundings);
    let map = shared.file(Path::new("dir/a.conf")).unwrap();
    let found = shared.diagnostics.iter();
    let errors: Vec<String> = found
        .filter(|found| found.severity == Severity::Error)
        .map(|found| {
            let place = found.span.map(|span| shared.sources.place(span));
            let place = place.map(|place| format!("{}:{}", place.line, place.column));
            format!("{} {}", place.unwrap_or_default(), found.text)
        })
        .collect();
    if errors.is_empty() {
        plain_map(&map)
    } else {
        errors.join("; ")
    }
}

fn plain_map(map: &Map) -> String {
    let entries: Vec<String> = map
        .entries()
        .iter()
        .map(|entry| format!("{}={}", entry.key, plain(&entry.node)))
        .collect();
    entries.join(" ")
}

fn plain(node: &Node) -> String {
    match &node.value {
        Value::Bool(is_on) => is_on.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Text(text) => format!("{text:?}"),
        Value::Time(time) => format!("@{time}"),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Map(map) => format!("{{{}}}", plain_map(map)),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(tree(text), expected, "{text:?}");
}

#[test]
fn a_key_and_its_value_are_divided_by_a_colon_an_equals_sign_or_a_blank() {
    for text in [
        "a: 1", "a : 1", "a = 1", "a=1", "a 1", "a\t1", "a\n1", "a:1", "\"a\": 1", "'a' 1",
        "a\n\n1",
    ] {
        check(text, "a=1");
    }
    check("a:=1", "a=\"=1\"");
    check("a::1", "a=\":1\"");
    check("a\u{a0}1", "a=1");
}

#[test]
fn statements_end_with_the_line_a_comma_or_a_semicolon() {
    check("a 1\nb 2", "a=1 b=2");
    check("a 1; b 2, c 3;", "a=1 b=2 c=3");
    check("a 1\r\nb 2\r\n", "a=1 b=2");
    check("a 1\rb 2", "a=1 b=2");
    check("", "");
    check("\n\n# nothing", "");
    check("a 1 b 2", "1:5 expected the end of the line, found 'b'");
    check("a 1,,b 2", "1:5 expected a key, found ','");
}

#[test]
fn comments_stand_where_a_key_or_the_end_of_a_value_is_expected() {
    check("# a\n// b\na 1 # c\nb 2 // d\n", "a=1 b=2");
    check("a x#y", "a=\"x#y\"");
    check("a x//y", "a=\"x//y\"");
    check("a #x", "a=\"#x\"");
    check("a //x", "a=\"//x\"");
    check("a \"x\"#y", "a=\"x\"");
    check("a [1 # x\n// y\n2]", "a=[1 2]");
    check("a { # x\n b 1 // y\n}", "a={b=1}");
    check("/* a */", "1:1 expected a key, found '/'");
    check("a# b", "a#=\"b\"");
}

#[test]
fn numbers_may_have_suffixes() {
    check("a 0", "a=0");
    check("a 010", "a=10");
    check("a -1", "a=-1");
    check("a 1k", "a=1000");
    check("a 1K", "a=1000");
    check("a 1kb", "a=1024");
    check("a 1Ki", "a=1024");
    check("a 1KiB", "a=1024");
    check("a 2m", "a=2000000");
    check("a 2mb", "a=2097152");
    check("a 1g", "a=1000000000");
    check("a 1gib", "a=1073741824");
    check("a 1t", "a=1000000000000");
    check("a 1p", "a=1000000000000000");
    check("a 8e", "a=8000000000000000000");
    check("a 1eb", "a=1152921504606846976");
    check("a -1k", "a=-1000");
    check("a 1k;b 2", "a=1000 b=2");
    check("a 1.5", "a=1.5");
    check("a -1.5", "a=-1.5");
    check("a 1kbb", "1:3 there is no suffix \"kbb\"");
    check("a 10e", "1:3 the number 10e is out of range");
    check(
        "a 99999999999999999999",
        "1:3 the number 99999999999999999999 is out of range",
    );
}

#[test]
fn what_only_begins_like_a_number_is_a_text() {
    for word in [
        "3xyz",
        "10s",
        "1h30m",
        "1kx",
        "1k2",
        "1b",
        "1e3",
        "1_000",
        "0x10",
        "1:2",
        "1/2",
        "1#2",
        "127.0.0.1",
        "127.0.0.1:4222",
        "1.5.6",
        "-1.5.2",
        "127.0.0.1:-1",
        "-1kx",
        "1(",
        "+1",
        "1\"2",
    ] {
        check(&format!("a {word}"), &format!("a={word:?}"));
    }
    check("a 1'2", "a=\"1'2\"");
    check("a 4222]", "a=\"4222]\"");
    check("a -x", "1:3 - must be followed by a digit");
    check("a .5", "1:3 a number must begin with a digit");
    check(
        "a 1.",
        "1:3 the point of a number must be followed by a digit",
    );
    check("a 1.5s", "1:6 expected the end of the line, found 's'");
    check("a -1x", "1:5 expected the end of the line, found 'x'");
    check(
        "a 127.0.0.1x",
        "1:12 expected the end of the line, found 'x'",
    );
}

#[test]
fn times_are_whole_and_in_utc() {
    check("a 2026-11-21T05:41:41Z", "a=@2026-11-21T05:41:41Z");
    check("a 2024-02-29T00:00:00Z", "a=@2024-02-29T00:00:00Z");
    for bad in [
        "1-2",
        "2026-11-21",
        "2026-11-21T05:41:41",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "12026-11-21T05:41:41Z",
        "2026-11-21T24:00:00Z",
    ] {
        check(
            &format!("a {bad}"),
            "1:3 a number followed by - must be a whole time in UTC",
        );
    }
}

#[test]
fn booleans_are_words_without_quotes() {
    check("a true;b YES;c oN", "a=true b=true c=true");
    check("a false;b No;c OFF", "a=false b=false c=false");
    check("a \"true\"", "a=\"true\"");
    check("a true'", "a=\"true\"");
    check("a t\\x72ue", "a=\"true\"");
    check("a truely", "a=\"truely\"");
}

#[test]
fn texts_in_double_quotes_have_escapes() {
    check("a \"b c\"", "a=\"b c\"");
    check("a \"b\nc\"", "a=\"b\\nc\"");
    check(r#"a "\t\n\r\"\\\x41""#, "a=\"\\t\\n\\r\\\"\\\\A\"");
    check(r#"a "\x4142""#, "a=\"A42\"");
    check(r#"a "\xc3\xa9""#, "a=\"é\"");
    check("a \"$b #c\"", "a=\"$b #c\"");
    check(r#"a "\q""#, "1:4 there is no such escape");
    check(
        r#"a "\xZZ""#,
        "1:4 \\x must be followed by two hexadecimal digits",
    );
    check(
        r#"a "\xff""#,
        "1:3 the escapes of this text do not make UTF-8",
    );
    check("a \"b", "1:3 this quote is never closed");
}

#[test]
fn texts_in_single_quotes_have_none() {
    check(r"a 'b\nc'", "a=\"b\\\\nc\"");
    check("a '\"'", "a=\"\\\"\"");
    check("a ''", "a=\"\"");
    check("a 'b", "1:3 this quote is never closed");
}

#[test]
fn bare_texts_end_at_a_blank_a_separator_or_a_bracket() {
    check("a b{c", "a=\"b{c\"");
    check("a b:c=d/e(f[g\"h", "a=\"b:c=d/e(f[g\\\"h\"");
    check("a b\\tc", "a=\"b\\tc\"");
    check("a b'", "a=\"b\"");
    check("a b;c d", "a=\"b\" c=\"d\"");
    check("a {b c}", "a={b=\"c\"}");
    check("a b]", "1:4 expected the end of the line, found ']'");
    check("a b'c", "1:5 expected the end of the line, found 'c'");
    check("a b\\ c", "1:4 there is no such escape");
}

#[test]
fn a_block_ends_with_a_bracket_alone_on_its_line() {
    check("a (\nb\n)", "a=\"\\nb\\n\"");
    check("a (\n)", "a=\"\\n\"");
    check("a (b)\n)\nc 1", "a=\"b)\\n\" c=1");
    check("a (\n) x\n)", "a=\"\\n) x\\n\"");
    check("a (b)", "1:3 this block is never closed");
    check("a (\nb\n )", "1:3 this block is never closed");
}

#[test]
fn maps_hold_maps() {
    check("a {}", "a={}");
    check("a { b 1, c: 2; d = 3 }", "a={b=1 c=2 d=3}");
    check("a\n{\n b 1\n c\n{ d 2 }\n}", "a={b=1 c={d=2}}");
    check("a { b = \n 1 }", "a={b=1}");
    check("a {b:1,}", "a={b=1}");
    check(
        "a { b {c 1} d 2 }",
        "1:13 expected the end of the line, found 'd'",
    );
    check("a { b: }", "1:5 expected a value for \"b\" on this line");
    check("a {b}", "1:4 expected a value for \"b}\" on this line");
    check("a {", "1:3 this { is never closed");
    check("a {:}", "1:4 expected a key, found ':'");
    check(
        "a {b 1 c 2}\nd :\ne 1",
        "1:8 expected the end of the line, found 'c'; 2:1 expected a value for \"d\" on this line",
    );
}

#[test]
fn arrays_are_divided_by_commas_or_lines() {
    check("a []", "a=[]");
    check("a [1, 2]", "a=[1 2]");
    check("a [1,2,]", "a=[1 2]");
    check("a [\n1\n2\n\n3\n]", "a=[1 2 3]");
    check(
        "a [b, \"c\", 'd', 1k, {e 1}, [f]]",
        "a=[\"b\" \"c\" \"d\" 1000 {e=1} [\"f\"]]",
    );
    check(
        "a [1 2]",
        "1:6 expected , or ] behind a value of the array, found '2'",
    );
    check(
        "a [{b 1} {c 2}]",
        "1:10 expected , or ] behind a value of the array, found '{'",
    );
    check("a [,1]", "1:4 expected a value of the array, found ','");
    check("a [1,,2]", "1:6 expected a value of the array, found ','");
    check(
        "a [1;2]",
        "1:5 expected , or ] behind a value of the array, found ';'",
    );
    check("a [1", "1:3 this [ is never closed");
}

#[test]
fn a_file_may_be_json() {
    check(
        "{\"a\": 1, \"b\": {\"c\": [true, \"d\"]},}",
        "a=1 b={c=[true \"d\"]}",
    );
    check("{a: 1}\nb: 2", "a=1 b=2");
    check("{a: 1", "1:1 this { is never closed");
}

#[test]
fn a_closing_brace_too_many_is_forgiven_at_the_end() {
    check("a 1 }", "a=1");
    check("a 1\n}\n}\n", "a=1");
    check("a 1 }\nb 2", "a=1 b=2");
    check("}\na 1", "1:1 this } closes nothing");
}

#[test]
fn the_last_of_two_equal_keys_wins() {
    check("a 1\nb 2\na 3", "a=3 b=2");
    check("a {b 1, b 2}", "a={b=2}");
}

#[test]
fn a_value_stands_on_the_line_of_its_separator() {
    check(
        "a =\n1",
        "1:1 expected a value for \"a\" on this line; 2:1 expected a value for \"1\" on this line",
    );
    check("a", "1:1 expected a value for \"a\" on this line");
    check("= 1", "1:1 expected a key, found '='");
    check("\"a", "1:1 this quote is never closed");
}

#[test]
fn a_variable_is_a_key_above_or_of_the_environment() {
    check("x 1; a $x", "x=1 a=1");
    check("x {y 1}; a [$x, $x]", "x={y=1} a=[{y=1} {y=1}]");
    check("x 1; a {x 2, b $x}", "x=1 a={x=2 b=2}");
    check("x 1; a {b {c $x}}", "x=1 a={b={c=1}}");
    check("x 1; x $x; a $x", "x=1 a=1");
    check("a $x; x 1", "1:3 variable \"x\" is not defined");
    check("X 1; a $x", "1:8 variable \"x\" is not defined");
    check("x {y 1}; a $y", "1:12 variable \"y\" is not defined");
    check("a $NUMBER", "a=123");
    check("a $QUOTED", "a=\"123\"");
    check("a $MAP", "a={a=1}");
    check("a $OTHER", "a=123");
    check("a $EMPTY", "a=\"\"");
    check("NUMBER 5; a $NUMBER", "NUMBER=5 a=5");
    check(
        "a $CYCLE",
        "1:3 environment variable \"CYCLE\": variable reference cycle for \"CYCLE\"",
    );
    check(
        "a $TWO",
        "1:3 environment variable \"TWO\": expected the end of the line, found 'b'",
    );
    check("a $", "1:3 variable \"\" is not defined");
    check("a x$y", "a=\"x$y\"");
}

#[test]
fn a_bcrypt_hash_needs_no_quotes_if_it_begins_with_2a() {
    check("a $2a$11$abc.def/", "a=\"$2a$11$abc.def/\"");
    check("a $2b$11$abc", "1:3 variable \"2b$11$abc\" is not defined");
}

#[test]
fn an_included_file_stands_where_it_is_named() {
    check("include port.conf\na 1", "port=4555 a=1");
    check("include \"port.conf\"; a 1", "port=4555 a=1");
    check("INCLUDE 'port.conf'", "port=4555");
    check("a { include port.conf }", "a={port=4555}");
    check("a {include port.conf}", "a={port=4555}");
    check("include sub/b.conf", "port=9");
    check("include /port.conf", "port=4555");
    check("include var.conf\na $below", "below=7 a=7");
    check("port 1\ninclude port.conf", "port=4555");
    check("include: port.conf", "include=\"port.conf\"");
    check("\"include\" port.conf", "include=\"port.conf\"");
    check(
        "include none.conf",
        "1:9 cannot read dir/none.conf: no such file",
    );
    check("include = port.conf", "1:9 cannot read dir/=: no such file");
    check("include a.conf", "1:9 this file includes itself");
    check("include self.conf", "1:9 this file includes itself");
    check(
        "include 1.conf",
        "1:9 expected the path of a file behind include, found '1'",
    );
    check(
        "include \n",
        "1:9 expected the path of a file behind include, found the end of the line",
    );
    check(
        "above 5\ninclude own.conf",
        "1:7 variable \"above\" is not defined",
    );
    check(
        "include bad.conf",
        "2:1 expected a value for \"host\" on this line",
    );
}
