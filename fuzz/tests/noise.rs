//! Every target against seeds bent at random: what a fuzzer does, without one and without knowing
//! where it gets. The same inputs each time; `DUNLIN_NOISE_SECONDS` asks for others, for so long. A
//! failing input is printed.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many inputs of each target where nobody asks for more: some seconds without optimizations.
const INPUTS: u64 = 3_000;
/// The longest input, in bytes.
const LEN_MAX: usize = 400;

type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 11] = [
    ("client_parser", dunlin_fuzz::client_parser),
    ("server_parser", dunlin_fuzz::server_parser),
    ("headers", dunlin_fuzz::headers),
    ("subjects", dunlin_fuzz::subjects),
    ("info_connect", dunlin_fuzz::info_connect),
    ("conf", dunlin_fuzz::conf),
    ("door", dunlin_fuzz::door),
    ("routing", dunlin_fuzz::routing),
    ("hand_parser", dunlin_fuzz::hand_parser),
    ("upgrade", dunlin_fuzz::upgrade),
    ("websocket", dunlin_fuzz::websocket),
];

#[test]
fn every_target_holds_for_noise() {
    let seconds = std::env::var("DUNLIN_NOISE_SECONDS").ok();
    let seconds: Option<u64> = seconds.map(|text| text.parse().expect("a number of seconds"));
    for (name, target) in TARGETS {
        let mut chance = Chance(name.len() as u64 + seconds.unwrap_or(0));
        let seeds = seeds(name);
        let (start, mut count) = (Instant::now(), 0_u64);
        let goes_on = |count: u64| match seconds {
            Some(seconds) => start.elapsed() < Duration::from_secs(seconds) / TARGETS.len() as u32,
            None => count < INPUTS,
        };
        while goes_on(count) {
            let input = bend(&seeds, &mut chance);
            let shown = Shown(name, &input);
            target(&input);
            std::mem::forget(shown);
            count += 1;
        }
        println!("{name}: {count} inputs");
        assert!(count > 0, "{name} was never run");
    }
}

/// Prints the input of a target that panics.
struct Shown<'i>(&'static str, &'i [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        eprintln!("{} fails for {:?}", self.0, self.1);
    }
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(name);
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut seeds: Vec<Vec<u8>> = files
        .map(|file| fs::read(file.path()).expect("a readable seed"))
        .collect();
    seeds.sort();
    seeds.push(Vec::new());
    seeds
}

/// A seed, with some bytes replaced, repeated, taken out, or put in.
fn bend(seeds: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut input = seeds[chance.below(seeds.len())].clone();
    input.truncate(LEN_MAX);
    for _ in 0..1 + chance.below(8) {
        let at = chance.below(input.len() + 1);
        let len = chance.below(12).min(input.len() - at);
        match chance.below(5) {
            0 => drop(input.drain(at..at + len)),
            1 => drop(input.splice(at..at, input[at..at + len].to_vec())),
            2 => drop(input.splice(at..at + len, (0..len).map(|_| chance.next() as u8))),
            3 => input.insert(at, chance.next() as u8),
            _ => drop(input.splice(at..at, (0..40).map(|_| chance.next() as u8))),
        }
    }
    input
}

/// Numbers that look random and are the same again.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}
