//! What a file asks for in `authorization` and `no_auth_user`, key by key, and the first line of what
//! is said to mistakes in them.
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

mod asked;

use std::time::Duration;

use asked::{complains, loaded, notices, settings};
use dunlin_server::conf::{
    Authorization, ConnectionType, Identity, Permissions, Responses, Subjects,
};

const NKEY: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

#[track_caller]
fn authorization(inside: &str) -> Authorization {
    let settings = settings(&format!("authorization {{ {inside} }}"));
    settings.authorization.expect("a block that was read")
}

#[track_caller]
fn permissions(inside: &str) -> Permissions {
    let block = authorization(&format!("users: [{{user: a, permissions {{ {inside} }}}}]"));
    block.users[0].permissions.clone().unwrap()
}

/// `+allowed -denied` of a list.
fn subjects(subjects: &Subjects) -> String {
    let allow = subjects
        .allow
        .iter()
        .flatten()
        .map(|it| format!("+{}", it.value));
    let deny = subjects.deny.iter().map(|it| format!("-{}", it.value));
    allow.chain(deny).collect::<Vec<_>>().join(" ")
}

#[test]
fn one_user_or_one_token() {
    let block = authorization("user: joe, pass: s3cret");
    assert_eq!(block.user.as_deref(), Some("joe"));
    assert_eq!(block.password.unwrap().0, "s3cret");
    let block = authorization("username: joe, password: x");
    assert_eq!(block.user.as_deref(), Some("joe"));
    assert_eq!(authorization("token: t").token.unwrap().0, "t");
    assert_eq!(authorization("token: \"\"").token, None);
    assert_eq!(authorization("user: a").password, None);
}

#[test]
fn a_password_is_never_in_a_debug_text() {
    let block = authorization("user: joe, password: s3cret");
    assert!(!format!("{block:?}").contains("s3cret"));
    let block = authorization("users: [{user: joe, password: s3cret}]");
    assert!(!format!("{block:?}").contains("s3cret"));
}

#[test]
fn how_long_a_client_may_take() {
    let timeout = |text: &str| authorization(text).timeout;
    assert_eq!(timeout("timeout: 2"), Some(Duration::from_secs(2)));
    assert_eq!(timeout("timeout: 0.5"), Some(Duration::from_millis(500)));
    assert_eq!(timeout("timeout: \"1m\""), Some(Duration::from_secs(60)));
    assert_eq!(timeout("timeout: 0"), None);
    complains(
        "authorization {timeout: -1}",
        "a.conf:1:25: timeout must not be negative",
    );
    complains(
        "authorization {timeout: x}",
        "a.conf:1:25: error parsing timeout: invalid duration \"x\"",
    );
    complains(
        "authorization {timeout: yes}",
        "a.conf:1:25: timeout must be a number of seconds or a duration, not the boolean true",
    );
    complains(
        "authorization {timeout: 1m}",
        "a.conf:1:25: warning: a timeout of 1000000s lets strangers hold connections for long",
    );
}

#[test]
fn several_users() {
    let block = authorization(&format!(
        "users: [{{user: a, pass: b}}, {{username: c}}, {{nkey: {NKEY}, clients: websocket}}]"
    ));
    let names: Vec<&str> = block
        .users
        .iter()
        .map(|user| user.identity.name())
        .collect();
    assert_eq!(names, ["a", "c", NKEY]);
    let password = |at: usize| match &block.users[at].identity.value {
        Identity::Name { password, .. } => Some(password.0.clone()),
        Identity::Nkey(_) => None,
    };
    assert_eq!(password(0).as_deref(), Some("b"));
    assert_eq!(password(1).as_deref(), Some(""));
    assert_eq!(password(2), None);
    assert_eq!(
        block.users[2].connection_types,
        Some(vec![ConnectionType::WebSocket])
    );
    assert!(authorization("users: []").users.is_empty());
}

#[test]
fn users_that_cannot_be() {
    let users = |inside: &str, expected: &str| {
        complains(
            &format!("authorization {{\nusers: [\n{inside}\n]}}"),
            expected,
        );
    };
    users("{pass: a}", "a.conf:3:1: this entry names no user");
    users("{}", "a.conf:3:1: this entry names no user");
    users("a", "a.conf:3:1: a user must be a map, not the text \"a\"");
    users(
        "{user: 1}",
        "a.conf:3:8: user must be a text, not the number 1",
    );
    users(
        "{user: a, pass: 1}",
        "a.conf:3:17: pass must be a text, not the number 1",
    );
    users(
        "{user: a, pas: 1}",
        "a.conf:3:11: unknown field \"pas\" in a user",
    );
    users("{user: a}\n{user: a}", "a.conf:4:1: duplicate user \"a\"");
    users(
        &format!("{{nkey: {NKEY}}}\n{{nkey: {NKEY}}}"),
        &format!("a.conf:4:1: duplicate nkey {NKEY:?}"),
    );
    users(
        "{nkey: bogus}",
        "a.conf:3:8: this is no public key of a user",
    );
    users(
        &format!("{{nkey: {NKEY}, user: a}}"),
        "a.conf:3:1: a user with an nkey takes no user or password",
    );
    users(
        "{user: a, clients: tcp}",
        "a.conf:3:20: there is no connection type \"tcp\"",
    );
    complains(
        "authorization {users: {user: a}}",
        "a.conf:1:23: users must be an array of users, not a map",
    );
}

#[test]
fn who_may_connect_is_said_in_one_way() {
    for (inside, expected) in [
        (
            "user: a, pass: b, token: c",
            "cannot have a user/pass and a token",
        ),
        (
            "token: c, users: [{user: a}]",
            "cannot have a token and a users array",
        ),
        (
            "user: c, users: [{user: a}]",
            "cannot have a single user/pass and a users array",
        ),
    ] {
        complains(
            &format!("authorization {{{inside}}}"),
            &format!("a.conf:1:15: {expected}"),
        );
    }
    notices(
        "authorization {pass: b}",
        "a password without a user guards nothing",
    );
    notices(
        "authorization {user: a, permissions {publish: b}}",
        "these permissions bind nobody",
    );
    notices(
        "authorization {token: a, default_permissions {publish: b}}",
        "these permissions bind nobody",
    );
    complains(
        "authorization: joe",
        "a.conf:1:16: authorization must be a map, not the text \"joe\"",
    );
    complains(
        "authorization {usr: a}",
        "a.conf:1:16: unknown field \"usr\" in authorization",
    );
    complains(
        "authorization {auth_callout {}}",
        "a.conf:1:29: \"auth_callout\" cannot be obeyed: this version asks no service who somebody is",
    );
}

#[test]
fn what_users_may_do() {
    let both = permissions("publish: [a, \"b.>\"], subscribe: {allow: \"c q.*\", deny: [d, e]}");
    assert_eq!(subjects(&both.publish), "+a +b.>");
    assert_eq!(subjects(&both.subscribe), "+c q.* -d -e");
    for inside in [
        "pub: a, sub: b",
        "import: a, export: b",
        "Publish: a, SUBSCRIBE: {Allow: b}",
    ] {
        let it = permissions(inside);
        assert_eq!(subjects(&it.publish), "+a", "{inside}");
        assert_eq!(subjects(&it.subscribe), "+b", "{inside}");
    }
    assert_eq!(permissions(""), Permissions::default());
    let denied = permissions("publish: {deny: a}");
    assert_eq!((denied.publish.allow, denied.publish.deny.len()), (None, 1));
    let block = authorization("default_permissions {publish: a}, users: [{user: a}]");
    assert_eq!(subjects(&block.default_permissions.unwrap().publish), "+a");
    assert_eq!(block.users[0].permissions, None);
}

#[test]
fn an_empty_list_is_told_to_allow_everything() {
    for list in ["publish: []", "publish: {allow: []}"] {
        let text = format!("authorization {{users: [{{user: a, permissions {{{list}}}}}]}}");
        notices(&text, "an empty list allows every subject");
        let users = loaded(&text).settings.authorization.unwrap().users;
        assert_eq!(users[0].permissions.as_ref().unwrap().publish.allow, None);
    }
}

#[test]
fn subjects_that_cannot_be() {
    let list = |inside: &str, expected: &str| {
        let text = format!("authorization {{users: [{{user: a, permissions {{\n{inside}}}}}]}}");
        complains(&text, expected);
    };
    list(
        "publish: \"a..b\"",
        "a.conf:2:10: subject \"a..b\" is not a valid subject",
    );
    list(
        "publish: \"a b\"",
        "a.conf:2:10: subject \"a b\" is not a valid subject",
    );
    list(
        "subscribe: \"a b c\"",
        "a.conf:2:12: subject \"a b c\" is not a valid subject",
    );
    list(
        "subscribe: \"a b..c\"",
        "a.conf:2:12: subject \"a b..c\" is not a valid subject",
    );
    list(
        "subscribe: \" a\"",
        "a.conf:2:12: subject \" a\" is not a valid subject",
    );
    list(
        "publish: [ok, \"a.>.b\"]",
        "a.conf:2:15: subject \"a.>.b\" is not a valid subject",
    );
    list(
        "publish: \"\"",
        "a.conf:2:10: subject \"\" is not a valid subject",
    );
    list(
        "publish: 1",
        "a.conf:2:10: publish must be a subject, or an array of them, not the number 1",
    );
    list(
        "publish: {alow: a}",
        "a.conf:2:11: unknown field \"alow\" in a list of subjects",
    );
    list(
        "publsh: a",
        "a.conf:2:1: unknown field \"publsh\" in permissions",
    );
}

#[test]
fn answers_may_be_allowed() {
    let responses = |inside: &str| permissions(&format!("allow_responses: {inside}")).responses;
    let answers = |max: Option<u64>, seconds: Option<u64>| {
        Some(Responses {
            max,
            expires: seconds.map(Duration::from_secs),
        })
    };
    assert_eq!(responses("true"), answers(Some(1), Some(120)));
    assert_eq!(responses("false"), None);
    assert_eq!(responses("{}"), answers(Some(1), Some(120)));
    assert_eq!(
        responses("{max: 5, expires: \"1m\"}"),
        answers(Some(5), Some(60))
    );
    assert_eq!(
        responses("{max_msgs: 0, ttl: \"0\"}"),
        answers(Some(1), Some(120))
    );
    assert_eq!(
        responses("{max_responses: -1, expiration: \"-1s\"}"),
        answers(None, None)
    );
    let text = |inside: &str| {
        format!(
            "authorization {{users: [{{user: a, permissions {{\nallow_responses: {inside}}}}}]}}"
        )
    };
    complains(
        &text("1"),
        "a.conf:2:18: allow_responses must be true, false or a map {max, expires}, not the number 1",
    );
    complains(
        &text("{ttl: 60}"),
        "a.conf:2:24: ttl must be a duration in quotes, not the number 60",
    );
    complains(
        &text("{maxi: 60}"),
        "a.conf:2:19: unknown field \"maxi\" in allow_responses",
    );
}

#[test]
fn who_they_are_that_say_nothing() {
    let it = settings("authorization {users: [{user: a}]}\nno_auth_user: a");
    assert_eq!(it.no_auth_user.unwrap().value, "a");
    complains(
        "no_auth_user: a",
        "a.conf:1:15: no_auth_user \"a\" is not there: there are no users",
    );
    complains(
        "authorization {users: [{user: joe}]}\nno_auth_user: jo",
        "a.conf:2:15: no_auth_user \"jo\" is none of the users",
    );
    complains(
        "websocket {port: 1, no_tls: true, no_auth_user: a}",
        "a.conf:1:49: no_auth_user \"a\" is not there: there are no users",
    );
}

#[test]
fn permissions_that_mean_less_than_they_seem_are_told() {
    let text = |list: &str| {
        format!("authorization {{users: [{{user: a, permissions {{publish: {list}}}}}]}}")
    };
    notices(
        &text("{allow: a.b, deny: a.>}"),
        "\"a.b\" can never match: \"a.>\" denies it",
    );
    notices(
        &text("[a.b, a.>]"),
        "\"a.b\" says nothing new: \"a.>\" covers it",
    );
}

#[test]
fn a_hash_that_is_none_is_told() {
    notices(
        "authorization {users: [{user: a, pass: $2a$10$short}]}",
        "begins like a hash of bcrypt and is none",
    );
    notices(
        "authorization {token: \"$2b$10$short\"}",
        "nobody can log in with it",
    );
    let hash = "$2a$11$W2zko751KUvVy59mUTWmpOdWjpEm5qhcCZRd05GjI/sSOT.xtiHyG";
    authorization(&format!("users: [{{user: a, pass: {hash}}}]"));
}
