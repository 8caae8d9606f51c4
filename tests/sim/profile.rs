//! What kind of world a seed makes: its bounds, its traffic, and what may go wrong in it.

use std::time::Duration;

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
}

impl Profile {
    pub(crate) fn new(rng: &mut fastrand::Rng) -> Self {
        let is_exact = rng.u32(0..3) == 0;
        let is_large = rng.u32(0..3) == 0;
        let long = Duration::from_secs(1_000_000);
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
        }
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
