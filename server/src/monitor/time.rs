//! Times and durations in the words of the reference server's pages.

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

/// What turns moments of a server's clock into times of day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    started_at: SystemTime,
}

impl Clock {
    /// Starts at `now`, wherever the runtime's clock stands.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            started: now,
            started_at: SystemTime::now(),
        }
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// `2026-11-21T04:02:50.285466695Z`.
    pub(crate) fn text(&self, at: Instant) -> String {
        stamp(self.time(at))
    }

    /// The time of day of `at`.
    pub(crate) fn time(&self, at: Instant) -> SystemTime {
        match at.checked_duration_since(self.started) {
            Some(since) => self.started_at + since,
            None => self.started_at - (self.started - at),
        }
    }
}

/// A time as RFC 3339 has it, in UTC, with as many digits behind the point as it needs.
pub(crate) fn stamp(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::new(), |time| time.to_string())
}

/// `1y2d3h4m5s`, from the first unit that is not zero down.
pub(crate) fn uptime(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let years = days / 365;
    let mut text = String::new();
    for (total, value, unit) in [
        (years, years, 'y'),
        (days, days % 365, 'd'),
        (hours, hours % 24, 'h'),
        (minutes, minutes % 60, 'm'),
    ] {
        if total > 0 {
            text.push_str(&format!("{value}{unit}"));
        }
    }
    format!("{text}{}s", seconds % 60)
}

/// `80.672248ms`, `415µs`, `1m2.5s`: a round trip, below a millisecond in whole microseconds.
pub(crate) fn round_trip(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos() as u64;
    match nanoseconds {
        0..1_000 => format!("{nanoseconds}ns"),
        1_000..1_000_000 => format!("{}µs", nanoseconds / 1_000),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(nanoseconds, 1_000_000)),
        _ => {
            let seconds = nanoseconds / 1_000_000_000;
            let rest = fraction(nanoseconds % 60_000_000_000, 1_000_000_000);
            match (seconds / 3600, seconds / 60 % 60) {
                (0, 0) => format!("{rest}s"),
                (0, minutes) => format!("{minutes}m{rest}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{rest}s"),
            }
        }
    }
}

/// `value` in units of `unit`, a power of ten, without zeros at the end.
fn fraction(value: u64, unit: u64) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{rest:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uptime_begins_with_its_first_unit() {
        for (seconds, expected) in [
            (0, "0s"),
            (3, "3s"),
            (65, "1m5s"),
            (7201, "2h0m1s"),
            (86_400, "1d0h0m0s"),
            (
                365 * 86_400 + 2 * 86_400 + 3 * 3600 + 4 * 60 + 5,
                "1y2d3h4m5s",
            ),
        ] {
            assert_eq!(uptime(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn a_round_trip_has_the_digits_it_needs() {
        for (nanoseconds, expected) in [
            (1, "1ns"),
            (415_678, "415µs"),
            (80_672_248, "80.672248ms"),
            (1_500_000_000, "1.5s"),
            (62_500_000_000, "1m2.5s"),
            (3_600_000_000_000, "1h0m0s"),
        ] {
            assert_eq!(round_trip(Duration::from_nanos(nanoseconds)), expected);
        }
    }

    #[test]
    fn a_time_is_rfc_3339_in_utc() {
        let time = SystemTime::UNIX_EPOCH + Duration::new(1_795_233_770, 285_466_690);
        assert_eq!(stamp(time), "2026-11-21T04:02:50.28546669Z");
    }
}
