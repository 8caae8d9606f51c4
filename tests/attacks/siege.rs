//! A siege: an attack on a server while two healthy clients talk over it.
//!
//! In: options and an attack. Out: nothing, or a panic. What must hold for every attack: the
//! healthy reader gets every message in order and is never kept waiting for long; the attack's
//! connections and descriptors are gone when it is over, and so is the memory that it took; a crowd
//! of connections that only hold subscriptions is there all the while. The server is the program
//! that people run, in a process of its own: what it holds is counted without what its clients do.
//! The healthy pair has a thread of its own, and those who attack get what nobody else wants of the
//! processors, as if they had machines of their own: what the pair waits for is the server.
//! How long healthy rounds took, beside how long they had taken before, and what the attack left
//! behind go to stderr: figures that a loaded machine may spoil.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dunlin_tests::{Client, Options, PATIENCE, Process, Running, descriptors, descriptors_max};

/// How much more memory than before may be held after an attack, as a part of what was held before,
/// or in bytes where that is more: what rule 10 of `protocol.md#delivery` promises after a flood.
const GROWN_PART: usize = 20;
const GROWN_MAX: usize = 5 * 1024 * 1024;
/// The longest that a healthy round of publish and read may take on a machine that is busy with an
/// attack: far above what it does take, far below what a stalled server would.
const ROUND_MAX: Duration = Duration::from_secs(5);
/// Between two rounds of the healthy pair, and between two looks at what is counted.
const PAUSE: Duration = Duration::from_millis(2);
/// How far those who attack give way to everybody else: the most that there is.
const NICENESS: i32 = 19;
/// Descriptors of this process that the crowd leaves to the attack, and those of the server.
const CROWD_ASIDE: usize = 2_000;
/// How often each attack is made, and how often at the most.
const ATTACKS_MIN: usize = 3;
const ATTACKS_MAX: usize = 200;

/// The size of an attack: `short` on every change, `long` where `DUNLIN_ATTACKS` is `long`.
pub(crate) fn size(short: usize, long: usize) -> usize {
    match std::env::var("DUNLIN_ATTACKS") {
        Ok(form) if form == "long" => long,
        _ => short,
    }
}

/// How many rounds the pair talks before the attack begins, and at least under it: an attack is made
/// again until it has, so that one round in a hundred is not the worst of a few.
fn rounds_min() -> usize {
    size(100, 1_000)
}

/// Whether nats-server is attacked in place of ours, for its figures: nobody judges its memory.
fn is_compared() -> bool {
    std::env::var("DUNLIN_ATTACKED").is_ok_and(|name| name == "nats-server")
}

/// Runs `attack` three times, or more often, against a server of its own.
pub(crate) async fn siege<A: Future<Output = ()>>(
    options: Options,
    attack: impl Fn(SocketAddr) -> A,
) {
    let server = start(&options);
    let address = server.address();
    // The crowd answers no PING: it has a server that asks rarely.
    let crowd = match options.ping_interval {
        Some(_) => Crowd::default(),
        None => Crowd::gather(address).await,
    };
    hold(address, server.process(), crowd, || attack(address)).await;
    server.stop().await;
}

/// The program, as people run it.
pub(crate) fn start(options: &Options) -> Running {
    if is_compared() {
        return Running::reference(options).expect("nats-server starts");
    }
    Running::program(options).expect("the server starts")
}

/// Runs `attack` three times, or more often, against the server at `address` in `process`, where
/// everybody may do everything.
pub(crate) async fn besiege<A: Future<Output = ()>>(
    address: SocketAddr,
    process: Process,
    attack: impl Fn() -> A,
) {
    hold(address, process, Crowd::gather(address).await, attack).await;
}

async fn hold<A: Future<Output = ()>>(
    address: SocketAddr,
    process: Process,
    mut crowd: Crowd,
    attack: impl Fn() -> A,
) {
    let stage = Arc::new(Stage::default());
    let talking = talk(address, Arc::clone(&stage));
    let healthy = tokio::task::spawn_blocking(|| alone(talking));
    while !stage.is_quiet_over.load(Ordering::Relaxed) {
        assert!(!healthy.is_finished(), "the healthy pair goes on");
        tokio::time::sleep(PAUSE).await;
    }
    // The test runs on this thread, and nothing else: the attack with all its tasks comes last.
    rustix::process::nice(NICENESS).expect("anybody may give way");
    let before = process.descriptors();
    let untouched = process.resident_bytes();
    let mut round = 0;
    while round < ATTACKS_MIN || !stage.is_loud_over() && round < ATTACKS_MAX {
        round += 1;
        stage.is_loud.store(true, Ordering::Relaxed);
        attack().await;
        until_gone(&process, before).await;
        stage.is_loud.store(false, Ordering::Relaxed);
        if round <= ATTACKS_MIN {
            until_given_back(&process, untouched, round).await;
        }
    }
    until_given_back(&process, untouched, round).await;
    stage.is_over.store(true, Ordering::Relaxed);
    let talked = healthy.await.expect("the healthy pair goes on");
    let now = process.resident_bytes();
    eprintln!(
        "{talked}; {} connections with {} subscriptions held; {} KiB before, {:+.1} % after",
        crowd.members.len(),
        crowd.members.len() * crowd.each,
        untouched / 1024,
        (now as f64 / untouched as f64 - 1.0) * 100.0
    );
    assert!(talked.count > 0, "the healthy pair said nothing");
    let worst = talked.worst();
    assert!(worst < ROUND_MAX, "a healthy round took {worst:?}");
    crowd.check().await;
}

/// Runs `work` on this thread alone.
pub(crate) fn alone<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(work)
}

/// What the healthy pair and the attack tell each other.
#[derive(Default)]
struct Stage {
    is_quiet_over: AtomicBool,
    is_loud: AtomicBool,
    /// How many rounds were talked while it was.
    loud_rounds: AtomicUsize,
    is_over: AtomicBool,
}

impl Stage {
    fn is_loud_over(&self) -> bool {
        self.loud_rounds.load(Ordering::Relaxed) >= rounds_min()
    }
}

/// What the healthy pair did.
struct Talked {
    count: usize,
    /// How long rounds took before the attack, and during it.
    quiet: Vec<Duration>,
    loud: Vec<Duration>,
}

impl Talked {
    fn worst(&self) -> Duration {
        self.loud.iter().copied().max().unwrap_or_default()
    }
}

impl std::fmt::Display for Talked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let p99 = |rounds: &[Duration]| {
            let mut rounds = rounds.to_vec();
            rounds.sort_unstable();
            rounds
                .get(rounds.len() * 99 / 100)
                .copied()
                .unwrap_or_default()
        };
        let (quiet, loud) = (p99(&self.quiet), p99(&self.loud));
        let ratio = loud.as_secs_f64() / quiet.as_secs_f64().max(f64::MIN_POSITIVE);
        write!(
            f,
            "{} messages, none lost; p99 {loud:?} of {} rounds, quiet {quiet:?}: {ratio:.1}; worst {:?}",
            self.count,
            self.loud.len(),
            self.worst()
        )
    }
}

/// A publisher and a reader: every message arrives, in order.
async fn talk(address: SocketAddr, stage: Arc<Stage>) -> Talked {
    let mut publisher = Client::connect(address).await;
    let mut reader = Client::connect(address).await;
    reader.subscribe("healthy.* 1").await;
    reader.barrier().await;
    let mut talked = Talked {
        count: 0,
        quiet: Vec::new(),
        loud: Vec::new(),
    };
    while !stage.is_over.load(Ordering::Relaxed) {
        let is_loud = stage.is_loud.load(Ordering::Relaxed);
        let start = Instant::now();
        let numbers = talked.count..talked.count + 20;
        for number in numbers.clone() {
            let text = number.to_string();
            publisher.publish("healthy.x", text.as_bytes()).await;
        }
        publisher.barrier().await;
        let heard = reader.barrier().await;
        let heard = heard.iter().map(|message| message.number());
        assert!(
            heard.eq(numbers),
            "a healthy reader lost something, or the order"
        );
        talked.count += 20;
        if is_loud {
            talked.loud.push(start.elapsed());
            stage.loud_rounds.fetch_add(1, Ordering::Relaxed);
        } else if talked.quiet.len() < rounds_min() {
            talked.quiet.push(start.elapsed());
        } else {
            stage.is_quiet_over.store(true, Ordering::Relaxed);
        }
        tokio::time::sleep(PAUSE).await;
    }
    talked
}

/// Connections that do nothing but hold their subscriptions, all the while.
#[derive(Default)]
struct Crowd {
    members: Vec<Client>,
    /// How many subscriptions each of them holds.
    each: usize,
}

impl Crowd {
    /// In full ten thousand connections, as far as descriptors go, with a million subscriptions.
    async fn gather(address: SocketAddr) -> Self {
        let count = size(20, 10_000).min(descriptors_max().saturating_sub(CROWD_ASIDE));
        let each = size(200, 1_000_000).div_ceil(count);
        let mut members = Vec::new();
        for member in 0..count {
            let mut client = Client::connect(address).await;
            let lines = (0..each).map(|sid| format!("SUB crowd.{member}.{sid} {sid}\r\n"));
            client.send(lines.collect::<String>()).await;
            assert!(client.barrier().await.is_empty());
            members.push(client);
        }
        Self { members, each }
    }

    /// Everybody is still there, and so are the subscriptions.
    async fn check(&mut self) {
        for (member, client) in self.members.iter_mut().enumerate() {
            client.publish(&format!("crowd.{member}.0"), b"7").await;
            assert_eq!(client.barrier().await.len(), 1, "member {member}");
        }
    }
}

/// Waits until attack `round` has left hardly more memory than was held before: what lies about is
/// given back little by little.
pub(crate) async fn until_given_back(process: &Process, before: usize, round: usize) {
    let start = Instant::now();
    while !is_compared() {
        let grown = process.resident_bytes().saturating_sub(before);
        if grown <= GROWN_MAX.max(before / GROWN_PART) {
            return;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "attack {round} leaves {} KiB more than the {} before",
            grown / 1024,
            before / 1024
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// So many connections, or as many as this process and one that serves it have descriptors for.
pub(crate) fn affordable(count: usize) -> usize {
    let left = descriptors_max().saturating_sub(descriptors() + 200);
    count.min(left)
}

/// Waits until `process` holds no more descriptors than `before`.
async fn until_gone(process: &Process, before: usize) {
    let start = Instant::now();
    while process.descriptors() > before + 4 {
        let left = process.descriptors() - before;
        assert!(
            start.elapsed() < PATIENCE,
            "{left} descriptors are still held"
        );
        tokio::time::sleep(PAUSE).await;
    }
}
