//! A soak: random operations of many clients for long, and an oracle that knows what each must hear.
//!
//! In: a seed, fixed. Out: nothing, or a panic. Numbers are published, one after the other; whoever
//! reads hears exactly those that its subscriptions cover, once for each, in order.
//! In the end everybody is gone, and so are memory, descriptors and tasks.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use dunlin_server::Server;
use dunlin_tests::{Client, Message, Options, PATIENCE, Running, covers, fetch_json};

use crate::siege::{size, start, until_given_back};

/// How many clients there are at most.
const CLIENTS_MAX: usize = 40;
/// Between two looks at what is left.
const PAUSE: Duration = Duration::from_millis(5);

/// One client, and what it must hear.
struct Member {
    id: usize,
    client: Client,
    /// By sid: the filter.
    filters: HashMap<usize, String>,
    last_sid: usize,
    /// What has been published for it and not been read: number and sid.
    due: Vec<(usize, usize)>,
}

/// Rounds of the same operations on the program: the first takes what is kept, the others must
/// leave nothing.
pub(crate) async fn everything_is_given_back() {
    let options = Options {
        max_pending_total: Some(64 * 1024 * 1024),
        is_monitored: true,
        max_closed_clients: Some(0),
        ..Options::default()
    };
    let server = start(&options);
    let process = server.process();
    let descriptors = process.descriptors();
    let mut mark = None;
    let begun = Instant::now();
    for round in 0..size(3, 180) {
        let mut rng = fastrand::Rng::with_seed(5);
        run(server.address(), &mut rng, size(2_000, 20_000)).await;
        let start = Instant::now();
        // The page was asked for by a connection that may still be there.
        while process.descriptors() > descriptors + 1 || count(&server, "connections").await > 0 {
            let left = process.descriptors() - descriptors;
            assert!(start.elapsed() < PATIENCE, "descriptors left: {left}");
            tokio::time::sleep(PAUSE).await;
        }
        assert_eq!(count(&server, "subscriptions").await, 0);
        assert_eq!(
            count(&server, "slow_consumers").await,
            0,
            "all of them read"
        );
        let before = *mark.get_or_insert_with(|| process.resident_bytes());
        until_given_back(&process, before, round).await;
        eprintln!(
            "{:.0} s: round {round}, {} KiB",
            begun.elapsed().as_secs_f64(),
            process.resident_bytes() / 1024
        );
    }
    server.stop().await;
}

/// The same on a server in this process, whose tasks can be counted.
pub(crate) async fn every_task_ends() {
    let server = Server::builder().port(0).start().await;
    let server = server.expect("the server starts");
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = tasks();
    for seed in 0..size(2, 20) {
        let mut rng = fastrand::Rng::with_seed(seed as u64);
        run(server.addr(), &mut rng, size(1_000, 5_000)).await;
        let start = Instant::now();
        while tasks() > before {
            let left = tasks() - before;
            assert!(start.elapsed() < PATIENCE, "tasks left: {left}");
            tokio::time::sleep(PAUSE).await;
        }
    }
    server.shutdown().await;
}

/// What the server says of itself.
async fn count(server: &Running, name: &str) -> u64 {
    let varz = fetch_json(server.monitor(), "/varz").await;
    varz[name].as_u64().expect("a number")
}

async fn run(server: SocketAddr, rng: &mut fastrand::Rng, steps: usize) {
    let mut members: Vec<Member> = Vec::new();
    let mut next_id = 0;
    let mut number = 0;
    for _ in 0..steps {
        if members.is_empty() || members.len() < CLIENTS_MAX && rng.u32(0..20) == 0 {
            members.push(Member::connect(server, next_id).await);
            next_id += 1;
            continue;
        }
        let at = rng.usize(0..members.len());
        match rng.u32(0..100) {
            0..70 => {
                number += 1;
                publish(&mut members, at, number, rng).await;
            }
            70..82 => members[at].subscribe(rng).await,
            82..90 => members[at].unsubscribe(rng).await,
            90..97 => members[at].read().await,
            97 => {
                let mut leaver = members.swap_remove(at);
                leaver.read().await;
            }
            98 => {
                // Torn off, with what it has not read.
                let socket = members.swap_remove(at).client.into_socket();
                socket.set_zero_linger().expect("a socket can be told");
            }
            _ => flood(server, rng).await,
        }
    }
    for mut member in members {
        member.read().await;
    }
}

/// Publishes, and writes down who must hear it.
async fn publish(members: &mut [Member], at: usize, number: usize, rng: &mut fastrand::Rng) {
    let subject = subject(rng);
    let len = match rng.u32(0..20) {
        0 => rng.usize(20..40_000),
        _ => rng.usize(20..300),
    };
    let by = members[at].id;
    for member in members.iter_mut() {
        let hears = member.filters.iter();
        let hears = hears.filter(|(_, filter)| covers(filter, &subject));
        member.due.extend(hears.map(|(sid, _)| (number, *sid)));
    }
    let text = format!("{by} {number:>len$}");
    members[at].client.publish(&subject, text.as_bytes()).await;
    // Done before anybody else does anything: then everybody has it queued.
    members[at].read().await;
}

/// Somebody makes subscriptions by the hundred and leaves.
async fn flood(server: SocketAddr, rng: &mut fastrand::Rng) {
    let mut client = Client::connect(server).await;
    let lines = (0..rng.usize(1..1_000)).map(|sid| format!("SUB flood.{sid}.* {sid}\r\n"));
    client.send(lines.collect::<String>()).await;
    client.barrier().await;
}

impl Member {
    async fn connect(server: SocketAddr, id: usize) -> Self {
        Self {
            id,
            client: Client::connect(server).await,
            filters: HashMap::new(),
            last_sid: 0,
            due: Vec::new(),
        }
    }

    async fn subscribe(&mut self, rng: &mut fastrand::Rng) {
        if self.filters.len() < 8 {
            self.last_sid += 1;
            let filter = match rng.u32(0..3) {
                0 => "soak.>".to_owned(),
                1 => format!("soak.*.{}", rng.u32(0..3)),
                _ => subject(rng),
            };
            let (sid, line) = (self.last_sid, format!("{filter} {}", self.last_sid));
            self.client.subscribe(&line).await;
            self.read().await;
            self.filters.insert(sid, filter);
        }
    }

    async fn unsubscribe(&mut self, rng: &mut fastrand::Rng) {
        let mut sids: Vec<usize> = self.filters.keys().copied().collect();
        sids.sort_unstable(); // A map's own order would not repeat.
        if let Some(sid) = rng.choice(sids) {
            self.read().await;
            self.client.send(format!("UNSUB {sid}\r\n")).await;
            self.read().await;
            self.filters.remove(&sid);
        }
    }

    /// Reads all that is due, and nothing else.
    async fn read(&mut self) {
        let heard = self.client.barrier().await;
        let mut heard: Vec<(usize, usize)> = heard.iter().map(known).collect();
        assert!(heard.is_sorted_by_key(|(number, _)| *number), "in order");
        heard.sort_unstable();
        self.due.sort_unstable();
        assert_eq!(heard, self.due, "heard, and due, by {}", self.id);
        self.due.clear();
    }
}

/// The number of a message and the sid that it came for.
fn known(message: &Message) -> (usize, usize) {
    let sid = message.sid.parse().expect("sids are numbers here");
    (message.number(), sid)
}

fn subject(rng: &mut fastrand::Rng) -> String {
    format!("soak.{}.{}", rng.u32(0..3), rng.u32(0..3))
}
