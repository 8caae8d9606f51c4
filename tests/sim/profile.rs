//! What kind of world a seed makes: its bounds, its traffic, and what may go wrong in it.

use std::time::Duration;

use dunlin_server::Lag;

#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) parties_max: usize,
    /// The most that may wait for one reader, in bytes.
    pub(crate) pending_max: usize,
    pub(crate) write_deadline: Duration,
    pub(crate) ping_interval: Duration,
    /// The longest payload, in bytes.
    payload_max: usize,
    /// How many payloads in ten are long.
    long: u32,
    /// The most that a lazy reader takes at once, in bytes.
    pub(crate) pull_max: usize,
    /// Connections may be torn off, and strangers may send garbage.
    pub(crate) is_rough: bool,
    /// Some links stop moving for long.
    pub(crate) has_lazy: bool,
    /// Nothing happens that hides a delivery from the account: every drop must be counted.
    pub(crate) is_exact: bool,
    pub(crate) is_verbose: bool,
    /// What becomes of messages for a lazy reader.
    pub(crate) lag: Lag,
    /// The same for messages to `a` and below.
    pub(crate) lag_of_a: Option<Lag>,
    /// The most that may wait for all readers together, in bytes.
    pub(crate) pending_total_max: usize,
    /// Time may pass in leaps, as for a machine that was asleep.
    pub(crate) has_jumps: bool,
}

impl Profile {
    pub(crate) fn new(rng: &mut fastrand::Rng) -> Self {
        let is_exact = rng.u32(0..3) == 0;
        let is_large = rng.u32(0..3) == 0;
        let long = Duration::from_secs(1_000_000_000); // Longer than all leaps together.
        Self {
            parties_max: rng.usize(2..9),
            pending_max: if is_large { 1 << 20 } else { 1 << 18 },
            write_deadline: match is_exact {
                true => long,
                false => Duration::from_secs(rng.u64(1..10)),
            },
            ping_interval: match is_exact {
                true => Duration::ZERO,
                false => Duration::from_secs(rng.u64(3..60)),
            },
            payload_max: if is_large { 40_000 } else { 4_000 },
            long: rng.u32(1..6),
            pull_max: if is_exact { 600 } else { 5_000 },
            is_rough: !is_exact && rng.bool(),
            has_lazy: rng.u32(0..4) > 0,
            is_exact,
            is_verbose: !is_exact && rng.u32(0..4) == 0,
            lag: lag(rng),
            lag_of_a: (rng.u32(0..3) == 0).then(|| lag(rng)),
            pending_total_max: match rng.u32(0..4) {
                0 => 1 << 21,
                1 => 1 << 20,
                _ => 1 << 30,
            },
            has_jumps: rng.bool(),
        }
    }

    /// Whether a lazy reader may lose messages and stay.
    pub(crate) fn is_lossy(&self) -> bool {
        let is_lossy = |lag: Lag| lag != Lag::Disconnect;
        is_lossy(self.lag) || self.lag_of_a.is_some_and(is_lossy)
    }

    /// How long a payload is: mostly short, as payloads are.
    pub(crate) fn padding(&self, rng: &mut fastrand::Rng) -> usize {
        match rng.u32(0..10) {
            lot if lot < self.long => rng.usize(0..self.payload_max),
            lot if lot < 7 => rng.usize(0..self.payload_max / 10),
            _ => rng.usize(0..40),
        }
    }
}

fn lag(rng: &mut fastrand::Rng) -> Lag {
    match rng.u32(0..6) {
        0 => Lag::DropNewest,
        1 => Lag::DropOldest,
        2 => Lag::Latest,
        _ => Lag::Disconnect,
    }
}
