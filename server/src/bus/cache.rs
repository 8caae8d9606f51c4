//! What a publisher's last subjects matched.
//!
//! A publisher that repeats a subject takes no lock and walks nothing: it compares the generation
//! and the subject. The cache belongs to one connection. It starts with one place and doubles
//! while subjects push each other out, up to a bound; where hardly anything repeats it steps aside,
//! because the index answers faster than a cache can be kept.

use std::hash::BuildHasher;

use foldhash::fast::SeedableRandomState;
use smallvec::SmallVec;

use super::keys::Keys;
use super::list::Matched;

/// The most subjects remembered; some 30 KiB. A guess.
const PLACES_MAX: usize = 256;
/// After so many lookups it is judged whether remembering pays.
const TRIAL: u32 = 1024;
/// Fewer hits than this in a trial, and the next trials are skipped.
const HITS_MIN: u32 = TRIAL / 8;
/// How many lookups go straight to the index after a failed trial.
const REST: u32 = 16 * TRIAL;

pub(crate) struct Cache {
    places: Vec<Place>, // A power of two of them.
    hasher: SeedableRandomState,
    random: fastrand::Rng,
    lookups: u32,
    hits: u32,
    misses: u32,  // Since somebody took them.
    resting: u32, // Lookups left before the next trial.
}

#[derive(Default)]
struct Place {
    generation: u64, // Of the bus, plus one; 0 before the first use.
    subject: SmallVec<[u8; 32]>,
    matched: Matched,
}

impl Cache {
    pub(crate) fn new(keys: Keys) -> Self {
        Self {
            places: vec![Place::default()],
            hasher: keys.fast(),
            random: fastrand::Rng::new(),
            lookups: 0,
            hits: 0,
            misses: 0,
            resting: 0,
        }
    }

    /// What covers `subject` as of `generation`, asking `find` if that is not known; and a source
    /// of chance for who draws lots.
    pub(super) fn lookup(
        &mut self,
        subject: &[u8],
        generation: u64,
        find: impl FnOnce(&[u8]) -> Matched,
    ) -> (&Matched, &mut fastrand::Rng) {
        let generation = generation + 1; // 0 marks a place that was never used.
        self.judge();
        let at = self.place_of(subject);
        let place = &mut self.places[at];
        if place.generation == generation && *place.subject == *subject {
            self.hits += 1;
        } else {
            self.misses += 1;
            if self.resting > 0 {
                place.generation = 0; // Not worth remembering.
                place.matched = find(subject);
                return (&self.places[at].matched, &mut self.random);
            }
            let pushes_out = place.generation == generation;
            place.generation = generation;
            place.subject.clear();
            place.subject.extend_from_slice(subject);
            place.matched = find(subject);
            if pushes_out && self.places.len() < PLACES_MAX {
                self.grow(at);
            }
        }
        (&self.places[at].matched, &mut self.random)
    }

    /// How many lookups went to the index since the last call.
    pub(crate) fn take_misses(&mut self) -> u32 {
        std::mem::take(&mut self.misses)
    }

    /// Whether `subject` has been looked up lately, whatever it matched.
    pub(crate) fn knows(&self, subject: &[u8]) -> bool {
        let place = &self.places[self.place_of(subject)];
        place.generation > 0 && *place.subject == *subject
    }

    /// Lets go of what has been overtaken by `generation`: it keeps readers that are gone.
    pub(super) fn forget_before(&mut self, generation: u64) {
        for place in &mut self.places {
            if place.generation <= generation {
                place.matched = Matched::default();
            }
        }
    }

    fn place_of(&self, subject: &[u8]) -> usize {
        match self.places.len() {
            1 => 0,
            count => self.hasher.hash_one(subject) as usize & (count - 1),
        }
    }

    /// Doubles the places; what was remembered is forgotten but for the place just filled.
    #[cold]
    fn grow(&mut self, filled: usize) {
        let count = self.places.len() * 2;
        let kept = std::mem::take(&mut self.places[filled]);
        self.places.clear();
        self.places.resize_with(count, Place::default);
        self.places[filled] = kept;
    }

    fn judge(&mut self) {
        if self.resting > 0 {
            self.resting -= 1;
            return;
        }
        self.lookups += 1;
        if self.lookups == TRIAL {
            if self.hits < HITS_MIN {
                self.rest();
            }
            (self.lookups, self.hits) = (0, 0);
        }
    }

    #[cold]
    fn rest(&mut self) {
        self.resting = REST;
        self.places = vec![Place::default()];
    }
}
