//! The monitoring pages: beside a nats-server under the same clients, every page has the same
//! fields of the same types, and what is counted is the same.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use dunlin_tests::{Arrival, Auth, Client, Options, Running, Target, fetch, fetch_json};
use serde_json::Value;

use crate::BETWEEN_LOOKS;

against_both! {
    what_clients_did_is_counted
    what_may_not_be_published_is_counted_as_it_comes
    what_a_request_asks_wrongly_is_told
    connections_come_in_the_order_asked_for
    who_has_left_is_remembered
}

against_ours! {
    pages_have_the_fields_of_the_reference
    hostile_names_are_harmless
    huge_numbers_are_harmless
}

/// Paths that a comparison leaves out: what nats-server has and we do not, each with its reason.
const ABSENT: [&str; 3] = [
    ".git_commit",             // Only of releases.
    ".feature_flags",          // Of JetStream.
    ".account_detail.imports", // Services of the system account, which answer where there are accounts.
];

/// Requests that make no sense, the status and the text that answer them.
const MISTAKES: [(&str, u16, &str); 17] = [
    (
        "/connz?limit=x",
        400,
        r#"Error decoding int for 'limit': strconv.Atoi: parsing "x": invalid syntax"#,
    ),
    (
        "/connz?offset=99999999999999999999",
        400,
        r#"Error decoding int for 'offset': strconv.Atoi: parsing "99999999999999999999": value out of range"#,
    ),
    (
        "/connz?subs=x",
        400,
        r#"Error decoding boolean for 'subs': strconv.ParseBool: parsing "x": invalid syntax"#,
    ),
    (
        "/connz?auth=x",
        400,
        r#"Error decoding boolean for 'auth': strconv.ParseBool: parsing "x": invalid syntax"#,
    ),
    (
        "/connz?cid=x",
        400,
        r#"Error decoding uint64 for 'cid': strconv.ParseUint: parsing "x": invalid syntax"#,
    ),
    ("/connz?state=zz", 400, "Error decoding state for zz"),
    ("/connz?sort=foo", 400, "invalid sorting option: foo"),
    (
        "/connz?sort=stop",
        400,
        "sort by stop only valid on closed connections",
    ),
    (
        "/connz?sort=reason&state=any",
        400,
        "sort by reason only valid on closed connections",
    ),
    (
        "/subsz?subs=1&test=a.%3E",
        400,
        "invalid test subject, must be valid publish subject: a.>",
    ),
    ("/accountz?acc=NOPE", 400, "Account NOPE does not exist"),
    (
        "/accstatz?unused=x",
        400,
        r#"Error decoding boolean for 'unused': strconv.ParseBool: parsing "x": invalid syntax"#,
    ),
    (
        "/routez?subs=x",
        400,
        r#"Error decoding boolean for 'subs': strconv.ParseBool: parsing "x": invalid syntax"#,
    ),
    (
        "/leafz?subs=x",
        400,
        r#"Error decoding boolean for 'subs': strconv.ParseBool: parsing "x": invalid syntax"#,
    ),
    ("/nope", 404, "404 page not found\n"),
    ("/varz/", 404, "404 page not found\n"),
    ("/raftz", 404, "No Raft nodes registered"),
];

async fn pages_have_the_fields_of_the_reference() {
    if !Target::Reference.is_here() {
        return;
    }
    let (ours, reference) = (start(Target::Ours).await, start(Target::Reference).await);
    let _busy = (busy(&ours).await, busy(&reference).await);
    for path in [
        "/varz",
        "/connz",
        "/connz?subs=1",
        "/connz?subs=detail&auth=1",
        "/connz?state=closed&subs=detail&auth=1",
        "/connz?acc=NOPE",
        "/subsz",
        "/subsz?subs=1&test=load.1",
        "/routez",
        "/gatewayz",
        "/leafz",
        "/accountz",
        "/accountz?acc=$G",
        "/accstatz",
        "/accstatz?unused=1",
        "/healthz",
        "/healthz?js-enabled-only=true",
        "/jsz",
        "/ipqueuesz",
    ] {
        let mut expected = shape(&fetch_json(reference.monitor(), path).await);
        expected.retain(|field, _| !ABSENT.iter().any(|absent| field.starts_with(absent)));
        let found = shape(&fetch_json(ours.monitor(), path).await);
        assert_eq!(found, expected, "{path}");
    }
}

async fn what_clients_did_is_counted(target: Target) {
    let server = start(target).await;
    let _busy = busy(&server).await;
    let at = server.monitor();
    let varz = fetch_json(at, "/varz").await;
    for (field, expected) in [
        ("connections", 2),
        ("total_connections", 3),
        ("in_msgs", 3),
        ("in_bytes", 15),
        ("in_client_msgs", 3),
        ("out_msgs", 6),
        ("out_bytes", 30),
        ("out_client_bytes", 30),
        ("slow_consumers", 0),
        ("ping_max", 2),
        ("ping_interval", 120_000_000_000_u64),
        ("write_deadline", 10_000_000_000),
    ] {
        assert_eq!(varz[field], expected, "{field}");
    }
    assert_eq!(varz["http_req_stats"]["/varz"], 1);
    let connz = fetch_json(at, "/connz?subs=detail&auth=1").await;
    let (one, two) = (&connz["connections"][0], &connz["connections"][1]);
    assert_eq!(one["name"], "one");
    assert_eq!(one["lang"], "wire");
    assert_eq!(one["version"], "1.2");
    assert_eq!(one["authorized_user"], "joe");
    assert_eq!(one["subscriptions"], 2);
    assert_eq!(one["in_msgs"], 3);
    assert_eq!(two["out_msgs"], 3);
    assert_eq!(two["out_bytes"], 15);
    let detail = &two["subscriptions_list_detail"][0];
    assert_eq!(detail["subject"], "load.*");
    assert_eq!(detail["qgroup"], "workers");
    assert_eq!(detail["msgs"], 3);
    assert_eq!(detail["cid"], two["cid"]);
    let accstatz = fetch_json(at, "/accstatz").await;
    assert_eq!(accstatz["account_statz"][0]["received"]["msgs"], 3);
    assert_eq!(accstatz["account_statz"][0]["sent"]["bytes"], 30);
}

async fn what_may_not_be_published_is_counted_as_it_comes(target: Target) {
    let options = Options {
        is_monitored: true,
        auth: Some(Auth::Guest),
        ..Options::default()
    };
    let server = target.start(&options).await.expect("the server starts");
    let mut guest = Client::open(server.address()).await;
    guest
        .send("CONNECT {\"verbose\":false,\"headers\":true}\r\n")
        .await;
    let refused = "PUB c 5\r\nhello\r\n".repeat(3);
    let with_headers = "HPUB c 12 14\r\nNATS/1.0\r\n\r\nhi\r\n";
    let text = format!("PUB b 5\r\nhello\r\n{refused}{with_headers}PING\r\n");
    guest.send(text).await;
    let mut errors = 0;
    loop {
        match guest.next().await {
            Arrival::Line(line) if line.starts_with("-ERR 'Permissions") => errors += 1,
            Arrival::Pong => break,
            other => panic!("neither refused nor answered: {other:?}"),
        }
    }
    assert_eq!(errors, 4);
    let at = server.monitor();
    let connz = fetch_json(at, "/connz").await;
    let accstatz = fetch_json(at, "/accstatz").await;
    let account = &accstatz["account_statz"][0]["received"];
    for page in [&fetch_json(at, "/varz").await, &connz["connections"][0]] {
        assert_eq!(
            (&page["in_msgs"], &page["in_bytes"]),
            (&5.into(), &34.into())
        );
    }
    assert_eq!(
        (&account["msgs"], &account["bytes"]),
        (&5.into(), &34.into())
    );
}

async fn what_a_request_asks_wrongly_is_told(target: Target) {
    let server = start(target).await;
    let at = server.monitor();
    for (path, status, expected) in MISTAKES {
        let page = fetch(at, path).await;
        assert_eq!(
            (page.status, page.body.as_str()),
            (status, expected),
            "{path}"
        );
        assert!(
            page.head
                .contains("content-type: text/plain; charset=utf-8"),
            "{path}: {}",
            page.head
        );
    }
    let page = fetch(at, "/varz?callback=f&nonsense=1").await;
    assert!(
        page.head.contains("content-type: application/json"),
        "{}",
        page.head
    );
    assert!(
        page.head.contains("access-control-allow-origin: *"),
        "{}",
        page.head
    );
    assert!(
        page.body.starts_with("{\n  \"server_id\": \"N"),
        "{}",
        page.body
    );
    assert_eq!(fetch(at, "/healthz").await.body, r#"{"status":"ok"}"#);
}

async fn connections_come_in_the_order_asked_for(target: Target) {
    let server = start(target).await;
    let (_one, _two) = busy(&server).await;
    let at = server.monitor();
    for (query, expected) in [
        ("", "one two"),
        ("sort=start", "one two"),
        ("sort=subs", "one two"),
        ("sort=msgs_from", "one two"),
        ("sort=bytes_from", "one two"),
        ("sort=uptime", "two one"),
        ("limit=1", "one"),
        ("offset=1", "two"),
        ("offset=7", ""),
        ("limit=-5&offset=-3", "one two"),
        ("state=OPEN", "one two"),
        ("state=closed", "three"),
        ("state=any&sort=cid", "one two three"),
        ("user=joe", "one"),
        ("user=nobody", ""),
        ("acc=$G", "one two"),
        ("mqtt_client=x", ""),
        ("cid=999999", ""),
    ] {
        let connz = fetch_json(at, &format!("/connz?{query}")).await;
        assert_eq!(names(&connz), expected, "{query}");
    }
    let connz = fetch_json(at, "/connz?offset=7").await;
    assert_eq!(
        (&connz["total"], &connz["offset"], &connz["limit"]),
        (&2.into(), &7.into(), &1024.into())
    );
    let cid = fetch_json(at, "/connz").await["connections"][1]["cid"].clone();
    let connz = fetch_json(at, &format!("/connz?cid={cid}")).await;
    assert_eq!(names(&connz), "two");
    assert_eq!((&connz["total"], &connz["limit"]), (&2.into(), &1.into()));
}

async fn who_has_left_is_remembered(target: Target) {
    let server = start(target).await;
    let _busy = busy(&server).await;
    let at = server.monitor();
    let connz = fetch_json(at, "/connz?state=closed&subs=detail").await;
    let three = &connz["connections"][0];
    assert_eq!(three["reason"], "Client Closed");
    assert_eq!(three["name"], "three");
    assert_eq!(three["subscriptions"], 1);
    assert_eq!(three["subscriptions_list_detail"][0]["subject"], "gone.>");
    assert!(three["stop"].as_str() > three["start"].as_str(), "{three}");
}

async fn hostile_names_are_harmless() {
    let server = start(Target::Ours).await;
    let mut client = Client::open(server.address()).await;
    let name = format!("<script>alert(1)</script>\\u0007\\\"{}", "x".repeat(3000));
    client
        .send(format!(
            "CONNECT {{\"verbose\":false,\"name\":\"{name}\"}}\r\nSUB <b>&\"' 1\r\n"
        ))
        .await;
    client.barrier().await;
    let page = fetch(server.monitor(), "/connz?subs=1").await;
    assert!(!page.body.contains('<'), "markup came back: {}", page.body);
    let connz: Value = serde_json::from_str(&page.body).expect("still JSON");
    let connection = &connz["connections"][0];
    assert_eq!(connection["name"].as_str().map(str::len), Some(3027));
    assert_eq!(connection["subscriptions_list"][0], "<b>&\"'");
}

async fn huge_numbers_are_harmless() {
    let server = start(Target::Ours).await;
    let _client = Client::connect(server.address()).await;
    let at = server.monitor();
    for query in [
        "limit=9223372036854775807&offset=9223372036854775807",
        "limit=9223372036854775807",
        "offset=9223372036854775807",
        "cid=18446744073709551615",
    ] {
        fetch_json(at, &format!("/connz?{query}")).await;
        fetch_json(at, &format!("/subsz?subs=1&{query}")).await;
    }
    let many = "a=1&".repeat(3_000);
    assert_eq!(fetch(at, &format!("/connz?{many}")).await.status, 200);
    let path = format!("/connz?{}", "y".repeat(64 * 1024));
    assert_eq!(fetch(at, &path).await.status, 431);
}

async fn start(target: Target) -> Running {
    let options = Options {
        is_monitored: true,
        ..Options::default()
    };
    target.start(&options).await.expect("the server starts")
}

/// Two clients that stay and one that has left; `one` has published three messages, which `one`
/// and `two` have received.
async fn busy(server: &Running) -> (Client, Client) {
    let mut one = named(server.address(), "one", "\"user\":\"joe\",\"pass\":\"x\",").await;
    one.subscribe("load.> 1").await;
    one.subscribe("bar 2").await;
    one.barrier().await;
    let mut two = named(server.address(), "two", "").await;
    two.subscribe("load.* workers 1").await;
    two.barrier().await;
    let mut three = named(server.address(), "three", "").await;
    three.subscribe("gone.> 1").await;
    three.barrier().await;
    three.half_close().await;
    drop(three);
    while fetch_json(server.monitor(), "/connz?state=closed").await["total"] != 1 {
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    for _ in 0..3 {
        one.publish("load.1", b"hello").await;
    }
    for _ in 0..3 {
        one.message().await;
        two.message().await;
    }
    (one, two)
}

async fn named(address: SocketAddr, name: &str, more: &str) -> Client {
    let mut client = Client::open(address).await;
    client
        .send(format!(
            "CONNECT {{\"verbose\":false,{more}\"name\":\"{name}\",\"lang\":\"wire\",\"version\":\"1.2\"}}\r\n"
        ))
        .await;
    client.barrier().await;
    client
}

fn names(connz: &Value) -> String {
    let connections = connz["connections"].as_array().expect("connections");
    let names: Vec<_> = connections
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    names.join(" ")
}

/// Every field in `value` with its type; of lists, what their items have together.
fn shape(value: &Value) -> BTreeMap<String, &'static str> {
    let mut found = BTreeMap::new();
    walk(value, String::new(), &mut found);
    found
}

fn walk(value: &Value, path: String, found: &mut BTreeMap<String, &'static str>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                // Paths that were asked for are data, not fields.
                let key = if path == ".http_req_stats" { "*" } else { key };
                walk(value, format!("{path}.{key}"), found);
            }
            found.insert(path, "object");
        }
        Value::Array(items) => {
            items
                .iter()
                .for_each(|item| walk(item, format!("{path}[]"), found));
            found.insert(path, "list");
        }
        Value::String(_) => _ = found.insert(path, "text"),
        Value::Bool(_) => _ = found.insert(path, "switch"),
        Value::Null => _ = found.insert(path, "null"),
        // Which of the two a number is depends on its value where fractions are allowed.
        Value::Number(_) => _ = found.insert(path, "number"),
    }
}
