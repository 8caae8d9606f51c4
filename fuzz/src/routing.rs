//! The server's core against its naive twin: random operations of four clients, one after another,
//! and after each of them what everybody must have been sent, to the letter.
//!
//! Where the server may choose (which member of a queue group, which of the own subscriptions hears
//! of no responders) the twin looks what was chosen, and whether it was there to choose.

use dunlin_server::sim::Core;

use crate::twin::{Subscription, Twin};

/// How many clients there are.
const CLIENTS: usize = 4;
const TOKENS: [&str; 6] = ["a", "b", "c", "*", ">", ""];

/// Operations, some bytes each.
pub fn routing(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let mut run = Run {
        core: Core::new(),
        twin: Twin::default(),
        count: 0,
    };
    for _ in 0..CLIENTS {
        run.open();
    }
    while let Some(kind) = bytes.next() {
        run.operate(kind, &mut bytes);
    }
}

struct Run {
    core: Core,
    twin: Twin,
    /// How many messages there were; each says its number.
    count: usize,
}

impl Run {
    fn open(&mut self) -> usize {
        let client = self.core.open();
        self.core.feed(
            client,
            b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\n",
        );
        self.core.heard(client); // INFO
        self.twin.open(client);
        client
    }

    fn operate(&mut self, kind: u8, bytes: &mut impl Iterator<Item = u8>) {
        let open = self.twin.open_clients();
        let client = open[usize::from(kind >> 4) % open.len()];
        match kind & 15 {
            0..4 => self.publish(client, bytes),
            4 | 5 => self.publish_run(client, bytes),
            6..10 => self.subscribe(client, bytes),
            10..13 => self.unsubscribe(client, bytes),
            13 => self.choose(client, bytes),
            14 => {
                self.core.feed(client, b"PING\r\n");
                self.expect(client, vec!["PONG\r\n".to_owned()]);
            }
            _ => {
                self.core.close(client);
                self.twin.close(client);
                // A core has room for so many in its life; who comes later finds nobody.
                if self.twin.count() < 60 {
                    self.open();
                }
                if self.twin.open_clients().is_empty() {
                    bytes.for_each(drop);
                }
            }
        }
        for client in self.twin.open_clients() {
            let rest = self.core.heard(client);
            assert_eq!(String::from_utf8_lossy(&rest), "", "client {client}");
        }
    }

    fn publish(&mut self, client: usize, bytes: &mut impl Iterator<Item = u8>) {
        let (shape, subject) = (bytes.next().unwrap_or(0), name(bytes, 6));
        if subject.is_empty() {
            return; // No word on the line: another operation.
        }
        let reply = (shape & 1 > 0).then(|| name(bytes, 3));
        let headers = match shape & 2 {
            0 => "",
            _ => "NATS/1.0\r\nA: b\r\n\r\n",
        };
        self.count += 1;
        let long = usize::from(shape >> 2) * if shape & 128 > 0 { 300 } else { 1 };
        let payload = format!("{} {}", self.count, "x".repeat(long));
        let has_headers = self.twin.has_headers(client) && !headers.is_empty();
        let headers = if has_headers { headers } else { "" };
        let sizes = match has_headers {
            true => format!("{} {}", headers.len(), headers.len() + payload.len()),
            false => payload.len().to_string(),
        };
        let verb = if has_headers { "HPUB" } else { "PUB" };
        let named = reply.as_ref().map(|reply| format!("{reply} "));
        let line = format!("{verb} {subject} {}{sizes}\r\n", named.unwrap_or_default());
        let text = format!("{line}{headers}{payload}\r\n");
        self.core.feed(client, text.as_bytes());
        self.check_deliveries(client, &subject, reply.as_deref(), headers, &payload);
    }

    /// Some messages to one subject in one piece of input: they may be delivered together.
    fn publish_run(&mut self, client: usize, bytes: &mut impl Iterator<Item = u8>) {
        let (length, subject) = (bytes.next().unwrap_or(0) % 12, name(bytes, 6));
        if subject.is_empty() {
            return;
        }
        let first = self.count + 1;
        self.count += usize::from(length);
        let payloads: Vec<String> = (first..=self.count).map(|n| format!("{n} run")).collect();
        let line = |payload: &String| format!("PUB {subject} {}\r\n{payload}\r\n", payload.len());
        self.core.feed(
            client,
            payloads.iter().map(line).collect::<String>().as_bytes(),
        );
        let heard = self.heard();
        for payload in &payloads {
            let is_of_it = |text: &&String| text.ends_with(&format!("\r\n{payload}\r\n"));
            let of_it = |texts: &Vec<String>| texts.iter().filter(is_of_it).cloned().collect();
            let of_it = heard.iter().map(|(reader, texts)| (*reader, of_it(texts)));
            self.check_messages(client, &subject, payload, of_it.collect());
        }
        for (reader, texts) in &heard {
            let numbers = texts.iter().filter_map(|text| number(text));
            assert!(numbers.is_sorted(), "out of order at {reader}: {texts:?}");
            let oks = texts.iter().filter(|text| *text == "+OK\r\n").count();
            let is_told = *reader == client && self.twin.is_verbose(client);
            assert_eq!(oks, payloads.len() * usize::from(is_told), "OK at {reader}");
        }
    }

    /// One message of a run: who took it.
    fn check_messages(
        &mut self,
        client: usize,
        subject: &str,
        payload: &str,
        heard: Vec<(usize, Vec<String>)>,
    ) {
        let (plain, groups) = (
            self.twin.plain(client, subject),
            self.twin.groups(client, subject),
        );
        let (mut expected, mut served) = (plain, Vec::new());
        for (reader, operation) in heard
            .iter()
            .flat_map(|(reader, texts)| texts.iter().map(move |text| (*reader, text)))
        {
            let found = expected
                .iter()
                .chain(groups.values().flatten())
                .find(|s| {
                    s.of == reader && s.line(subject, None, "", payload, &self.twin) == *operation
                })
                .unwrap_or_else(|| panic!("{reader} heard {operation:?}: nobody expects it"))
                .clone();
            self.twin.count_delivery(&found);
            expected.retain(|s| *s != found);
            served.extend(found.queue);
        }
        assert!(expected.is_empty(), "not heard of {payload}: {expected:?}");
        served.sort();
        assert!(
            served.iter().eq(groups.keys()),
            "groups {groups:?}, served {served:?}"
        );
    }

    /// What everybody has heard since the last look.
    fn heard(&mut self) -> Vec<(usize, Vec<String>)> {
        let open = self.twin.open_clients().into_iter();
        open.map(|client| (client, split(&self.core.heard(client))))
            .collect()
    }

    fn check_deliveries(
        &mut self,
        client: usize,
        subject: &str,
        reply: Option<&str>,
        headers: &str,
        payload: &str,
    ) {
        let mut taken = 0;
        let heard = self.heard();
        let mut expected = self.twin.plain(client, subject);
        let groups = self.twin.groups(client, subject);
        let mut served: Vec<String> = Vec::new();
        let mut status: Vec<String> = Vec::new();
        for (reader, operations) in &heard {
            for (at, operation) in operations.iter().enumerate() {
                if *reader == client && at == 0 && operation == "+OK\r\n" {
                    continue;
                }
                if operation.contains("NATS/1.0 503") {
                    assert_eq!(*reader, client, "told of no responders");
                    status.push(operation.clone());
                    continue;
                }
                let found = expected
                    .iter()
                    .chain(groups.iter().flat_map(|(_, members)| members))
                    .find(|s| {
                        s.of == *reader
                            && s.line(subject, reply, headers, payload, &self.twin) == *operation
                    })
                    .unwrap_or_else(|| panic!("{reader} heard {operation:?}: nobody expects it"))
                    .clone();
                taken += 1;
                self.twin.count_delivery(&found);
                match &found.queue {
                    None => expected.retain(|s| *s != found),
                    Some(queue) => {
                        assert!(!served.contains(queue), "{queue} was served twice");
                        served.push(queue.clone());
                    }
                }
            }
            let is_verbose = *reader == client && self.twin.is_verbose(client);
            let oks = operations.iter().filter(|text| *text == "+OK\r\n").count();
            assert_eq!(
                oks,
                usize::from(is_verbose),
                "how often {reader} was told OK"
            );
        }
        assert!(expected.is_empty(), "not heard: {expected:?}");
        assert_eq!(
            served.len(),
            groups.len(),
            "groups {groups:?}, served {served:?}"
        );
        self.check_status(client, subject, reply.filter(|_| taken == 0), &status);
    }

    fn check_status(&self, client: usize, subject: &str, reply: Option<&str>, status: &[String]) {
        let listening = reply.map_or(Vec::new(), |reply| self.twin.own_plain(client, reply));
        if listening.is_empty() || !self.twin.wants_status(client) {
            assert!(status.is_empty(), "told {status:?} without reason");
            return;
        }
        let reply = reply.unwrap_or_default();
        let headers = format!("NATS/1.0 503\r\nNats-Subject: {subject}\r\n\r\n");
        let len = headers.len();
        let is_one =
            |sid: &String| status == [format!("HMSG {reply} {sid} {len} {len}\r\n{headers}\r\n")];
        assert!(
            listening.iter().any(is_one),
            "told {status:?} at one of {listening:?}"
        );
    }

    fn subscribe(&mut self, client: usize, bytes: &mut impl Iterator<Item = u8>) {
        let (shape, filter) = (bytes.next().unwrap_or(0), name(bytes, 6));
        if filter.is_empty() {
            return;
        }
        let queue = match shape & 3 {
            1 => Some("q"),
            2 => Some("r"),
            _ => None,
        };
        let sid = format!("s{}", (shape >> 2) % 6);
        let named = queue.map(|queue| format!("{queue} ")).unwrap_or_default();
        let line = format!("SUB {filter} {named}{sid}\r\n");
        self.core.feed(client, line.as_bytes());
        let is_known = self.twin.is_known(client, &sid);
        if !is_known && !is_filter(&filter) {
            return self.expect(client, vec!["-ERR 'Invalid Subject'\r\n".to_owned()]);
        }
        if !is_known {
            self.twin.subscribe(Subscription {
                of: client,
                filter,
                queue: queue.map(str::to_owned),
                sid,
                delivered: 0,
                max: 0,
            });
        }
        self.expect_ok(client);
    }

    fn unsubscribe(&mut self, client: usize, bytes: &mut impl Iterator<Item = u8>) {
        let shape = bytes.next().unwrap_or(0);
        let sid = format!("s{}", shape % 6);
        let max = usize::from(shape / 6 % 5);
        let limit = if max == 0 {
            String::new()
        } else {
            format!(" {max}")
        };
        self.core
            .feed(client, format!("UNSUB {sid}{limit}\r\n").as_bytes());
        self.twin.unsubscribe(client, &sid, max);
        self.expect_ok(client);
    }

    /// Another CONNECT: what it does not name stays as it was.
    fn choose(&mut self, client: usize, bytes: &mut impl Iterator<Item = u8>) {
        let shape = bytes.next().unwrap_or(0);
        let (verbose, echo) = (shape & 1 > 0, shape & 2 > 0);
        let (headers, status) = (shape & 12 > 0, shape & 12 > 0 && shape & 16 > 0);
        let line = format!(
            "CONNECT {{\"verbose\":{verbose},\"echo\":{echo},\"headers\":{headers},\"no_responders\":{status},\"pedantic\":false}}\r\n"
        );
        self.core.feed(client, line.as_bytes());
        self.twin.choose(client, verbose, echo, headers, status);
        self.expect_ok(client);
    }

    fn expect_ok(&mut self, client: usize) {
        let is_verbose = self.twin.is_verbose(client);
        self.expect(client, vec!["+OK\r\n".to_owned(); usize::from(is_verbose)]);
    }

    fn expect(&mut self, client: usize, expected: Vec<String>) {
        let heard = split(&self.core.heard(client));
        assert_eq!(heard, expected, "client {client}");
    }
}

/// A name of up to three tokens, of the first `kinds` of them.
fn name(bytes: &mut impl Iterator<Item = u8>, kinds: u8) -> String {
    let mut byte = bytes.next().unwrap_or(0);
    let mut tokens = Vec::new();
    for _ in 0..=byte % 3 {
        byte = bytes.next().unwrap_or(0);
        tokens.push(TOKENS[usize::from(byte % kinds)]);
    }
    tokens.join(".")
}

fn is_filter(filter: &str) -> bool {
    let tokens: Vec<&str> = filter.split('.').collect();
    let (_, before) = tokens.split_last().expect("a text has a token");
    tokens.iter().all(|token| !token.is_empty()) && before.iter().all(|token| *token != ">")
}

/// The number in the payload of a message.
fn number(operation: &str) -> Option<usize> {
    let payload = operation.split("\r\n").nth(1)?;
    payload.split(' ').next()?.parse().ok()
}

/// What was heard, one operation each.
fn split(heard: &[u8]) -> Vec<String> {
    let mut rest = std::str::from_utf8(heard).expect("text was sent, text is heard");
    let mut operations = Vec::new();
    while let Some(end) = rest.find("\r\n") {
        let words: Vec<&str> = rest[..end].split(' ').collect();
        let body = match words[0] {
            "MSG" | "HMSG" => words[words.len() - 1].parse::<usize>().expect("a size") + 2,
            _ => 0,
        };
        let (operation, later) = rest.split_at(end + 2 + body);
        operations.push(operation.to_owned());
        rest = later;
    }
    assert_eq!(rest, "", "half an operation");
    operations
}
