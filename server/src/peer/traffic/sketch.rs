//! The heaviest of many keys, in fixed memory: a space-saving sketch whose past fades.
//!
//! It knows at most so many keys. A new one takes the place of the lightest and inherits its weight,
//! which is remembered as doubt: what a key really weighs lies between its weight less the doubt and
//! its weight, and no key that weighs more than the sum of all over the number of places is missing
//! (Metwally and others, 2005). Weights halve every [`HALF_LIFE`]: not what is there is made
//! lighter, what comes is made heavier (forward decay), so that nothing has to be touched.

use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use foldhash::fast::SeedableRandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;

/// After how long a weight counts half: rates are those of some ten seconds.
pub(crate) const HALF_LIFE: Duration = Duration::from_secs(5);
/// How many keys are known.
const PLACES: usize = 256;
/// How much of a key is kept, in bytes; longer ones that begin alike are one.
pub(crate) const KEY_MAX: usize = 256;
/// After so many half lives all weights are written anew, long before they are infinite.
const RENEW_AFTER: f64 = 256.0;

/// A key, as far as it is kept.
pub(crate) type Key = SmallVec<[u8; 40]>;

/// The heaviest keys. Allocates its places as they are needed.
pub(super) struct Sketch {
    /// Places, found by their key.
    index: HashTable<u32>,
    hasher: SeedableRandomState,
    weights: Vec<f64>, // As long as `places`.
    places: Vec<Place>,
}

struct Place {
    key: Key,
    hash: u64,
    doubt: f64,
    beside: f64,
    total: u64,
}

/// One key with what is known of it. Weights are a second, as of the time asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heavy {
    pub(crate) key: Key,
    /// At least so much.
    pub(crate) rate: f64,
    /// And at most so much more.
    pub(crate) doubt: f64,
    /// The rate of the other measure, since the key has a place.
    pub(crate) beside: f64,
    /// The weight since the key has a place, nothing of it faded.
    pub(crate) total: u64,
}

impl Sketch {
    pub(super) fn new(hasher: SeedableRandomState) -> Self {
        Self {
            index: HashTable::new(),
            hasher,
            weights: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Adds `weight` to `key`, and `beside` to what is counted beside it; `scale` says how heavy
    /// the present is.
    pub(super) fn add(&mut self, key: &[u8], weight: u64, beside: u64, scale: f64) {
        let key = &key[..key.len().min(KEY_MAX)];
        let hash = self.hasher.hash_one(key);
        let places = &self.places;
        let known = self
            .index
            .find(hash, |at| *places[*at as usize].key == *key);
        let at = match known {
            Some(at) => *at as usize,
            None => self.make_place(key, hash),
        };
        self.weights[at] += weight as f64 * scale;
        let place = &mut self.places[at];
        place.beside += beside as f64 * scale;
        place.total += weight;
    }

    /// A place for a key that has none: an empty one, or that of the lightest.
    fn make_place(&mut self, key: &[u8], hash: u64) -> usize {
        let at = if self.places.len() < PLACES {
            self.weights.push(0.0);
            self.places.push(Place {
                key: Key::from_slice(key),
                hash,
                doubt: 0.0,
                beside: 0.0,
                total: 0,
            });
            self.places.len() - 1
        } else {
            let at = lightest(&self.weights);
            let place = &mut self.places[at];
            if let Ok(known) = self.index.find_entry(place.hash, |it| *it as usize == at) {
                known.remove();
            }
            place.key.clear();
            place.key.extend_from_slice(key);
            place.hash = hash;
            place.doubt = self.weights[at];
            place.beside = 0.0;
            place.total = 0;
            at
        };
        let places = &self.places;
        self.index
            .insert_unique(hash, at as u32, |at| places[*at as usize].hash);
        at
    }

    /// Makes all weights lighter by `factor`.
    pub(super) fn fade(&mut self, factor: f64) {
        self.weights.iter_mut().for_each(|weight| *weight *= factor);
        for place in &mut self.places {
            place.doubt *= factor;
            place.beside *= factor;
        }
    }

    /// Everything known, in no order; `unit` turns a weight into a rate.
    pub(super) fn heavy(&self, unit: f64) -> impl Iterator<Item = Heavy> + '_ {
        let both = self.places.iter().zip(&self.weights);
        both.map(move |(place, weight)| Heavy {
            key: place.key.clone(),
            rate: (weight - place.doubt) * unit,
            doubt: place.doubt * unit,
            beside: place.beside * unit,
            total: place.total,
        })
    }
}

fn lightest(weights: &[f64]) -> usize {
    let mut least = 0;
    for (at, weight) in weights.iter().enumerate() {
        if *weight < weights[least] {
            least = at;
        }
    }
    least
}

/// How heavy the present is, seen from a fixed moment in the past.
pub(super) struct Scale {
    since: Instant,
    last: (Instant, f64),
}

impl Scale {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            last: (now, 1.0),
        }
    }

    /// The weight of what comes at `now`; and by how much all that came before must fade first, if
    /// it is time for that.
    pub(super) fn at(&mut self, now: Instant) -> (f64, Option<f64>) {
        if now == self.last.0 {
            return (self.last.1, None);
        }
        let age = half_lives(now.saturating_duration_since(self.since));
        if age > RENEW_AFTER {
            *self = Self::new(now);
            return (1.0, Some((-age).exp2()));
        }
        self.last = (now, age.exp2());
        (self.last.1, None)
    }

    /// What turns a weight into a rate: of a steady stream of one a second, all that is left of it
    /// weighs the half life over ln 2.
    pub(super) fn unit(&self, now: Instant) -> f64 {
        let age = half_lives(now.saturating_duration_since(self.since));
        std::f64::consts::LN_2 / HALF_LIFE.as_secs_f64() / age.exp2()
    }
}

fn half_lives(time: Duration) -> f64 {
    time.as_secs_f64() / HALF_LIFE.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use foldhash::SharedSeed;
    use proptest::prelude::*;

    use super::*;

    fn sketch() -> Sketch {
        Sketch::new(SeedableRandomState::with_seed(
            7,
            SharedSeed::global_random(),
        ))
    }

    proptest! {
        /// The twin remembers everything: each weight lies within its doubt, and nothing heavy is
        /// missing.
        #[test]
        fn what_is_told_is_true_within_its_doubt(
            stream in proptest::collection::vec((0_u32..2_000, 1_u64..50), 1..4_000),
            pull in 1_u32..400,
        ) {
            let (mut sketch, mut twin, mut sum) = (sketch(), HashMap::new(), 0_u64);
            for (key, weight) in stream {
                let key = key / (1 + key % pull); // Some come far more often than others.
                sketch.add(&key.to_be_bytes(), weight, 1, 1.0);
                *twin.entry(key).or_insert(0_u64) += weight;
                sum += weight;
            }
            let found: HashMap<Key, Heavy> =
                sketch.heavy(1.0).map(|it| (it.key.clone(), it)).collect();
            prop_assert!(found.len() <= PLACES);
            for (key, weight) in twin {
                match found.get(&key.to_be_bytes()[..]) {
                    Some(it) => {
                        prop_assert!(it.rate <= weight as f64 && weight as f64 <= it.rate + it.doubt);
                        prop_assert_eq!(it.total as f64, it.rate);
                    }
                    None => prop_assert!(weight <= sum / PLACES as u64),
                }
            }
        }
    }

    #[test]
    fn a_steady_stream_shows_its_rate_and_fades() {
        let start = Instant::now();
        let (mut sketch, mut scale) = (sketch(), Scale::new(start));
        let mut now = start;
        for _ in 0..6_000 {
            now += Duration::from_millis(10);
            sketch.add(b"a", 1, 128, scale.at(now).0);
        }
        let rate = |at: Instant, scale: &Scale| sketch.heavy(scale.unit(at)).next().unwrap().rate;
        assert!((rate(now, &scale) - 100.0).abs() < 1.0);
        assert!((rate(now + HALF_LIFE, &scale) - 50.0).abs() < 1.0);
    }

    #[test]
    fn weights_are_written_anew_before_they_are_infinite() {
        let start = Instant::now();
        let (mut sketch, mut scale) = (sketch(), Scale::new(start));
        sketch.add(b"a", 1, 0, scale.at(start).0);
        let late = start + HALF_LIFE * 300;
        let (weight, fade) = scale.at(late);
        assert_eq!(weight, 1.0);
        sketch.fade(fade.unwrap());
        sketch.add(b"a", 1, 0, weight);
        let told = sketch.heavy(1.0).next().unwrap();
        assert!((told.rate - 1.0).abs() < 1e-9 && told.total == 2);
    }

    #[test]
    fn a_key_of_any_length_takes_bounded_memory() {
        let mut sketch = sketch();
        for number in 0..3_000_u32 {
            let key = [&number.to_be_bytes()[..], &[b'x'; 4_000]].concat();
            sketch.add(&key, 1, 0, 1.0);
        }
        assert_eq!(sketch.places.len(), PLACES);
        assert!(
            sketch
                .places
                .iter()
                .all(|it| it.key.capacity() <= 2 * KEY_MAX)
        );
        assert_eq!(sketch.index.len(), PLACES);
    }
}
