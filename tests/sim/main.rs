//! Whole systems in one thread, from a seed: a server, its clients, and networks that delay, split,
//! stall and cut, against a model of what is promised.
//!
//! A world is 4,000 steps. `DUNLIN_SIM_WORLDS` says how many to run, best with `--profile checked`,
//! which is twenty times as fast as the plain one; `DUNLIN_SIM_SEED` runs the world that failed,
//! and it does the same thing again.

mod link;
mod model;
mod party;
mod profile;
mod reader;
mod world;

use dunlin_server::Statistics;

/// Steps of one world: enough for connections to come, stall and go.
const STEPS: usize = 4_000;
/// Worlds where nobody asks for more: what a build without optimizations does in some seconds.
const WORLDS: u64 = 50;

#[test]
fn every_world_keeps_its_promises() {
    let (first, count) = match (number("DUNLIN_SIM_SEED"), number("DUNLIN_SIM_WORLDS")) {
        (Some(seed), _) => (seed, 1),
        (None, Some(count)) => (0, count),
        (None, None) => (0, WORLDS),
    };
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get() as u64);
    let sums = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(count))
            .map(|worker| {
                let seeds = (first + worker..first + count).step_by(threads as usize);
                scope.spawn(move || seeds.map(run).collect::<Vec<_>>())
            })
            .collect();
        let results = workers.into_iter().map(|worker| worker.join());
        results
            .flat_map(|worlds| worlds.expect("every world keeps its promises"))
            .fold(Sums::default(), Sums::add)
    });
    eprintln!("{count} worlds of {STEPS} steps: {sums:?}");
    assert!(sums.heard > 0, "nothing was heard in any world");
    let has_all = sums.slow > 0 && sums.evicted > 0 && sums.dropped > 0 && sums.jumps > 0;
    assert!(
        count < WORLDS || has_all,
        "no reader was ever too slow, none made room, or time never leapt"
    );
}

#[test]
fn a_seed_repeats_its_world() {
    for seed in 1000..1003 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}

/// What happened in all worlds.
#[derive(Debug, Default)]
struct Sums {
    published: u64,
    heard: u64,
    slow: u64,
    dropped: u64,
    refused: u64,
    evicted: u64,
    connections: u64,
    jumps: u64,
}

impl Sums {
    fn add(self, (world, jumps): (Statistics, u64)) -> Self {
        Self {
            published: self.published + world.in_messages,
            heard: self.heard + world.out_messages,
            slow: self.slow + world.slow_consumers,
            dropped: self.dropped + world.dropped_messages,
            refused: self.refused + world.refused_messages,
            evicted: self.evicted + world.evicted_consumers,
            connections: self.connections + world.total_connections,
            jumps: self.jumps + jumps,
        }
    }
}

/// One world; a seed that fails is named.
fn run(seed: u64) -> (Statistics, u64) {
    struct Named(u64);
    impl Drop for Named {
        fn drop(&mut self) {
            if std::thread::panicking() {
                let seed = self.0;
                eprintln!(
                    "again with DUNLIN_SIM_SEED={seed} cargo test -p dunlin-tests --test sim"
                );
            }
        }
    }
    let _named = Named(seed);
    world::run(seed, STEPS)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text:?}")),
    )
}
