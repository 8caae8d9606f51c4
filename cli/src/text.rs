//! Amounts, sizes and times: read from arguments, shown to people.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// `10`, `10k`, `1.5M`, `2G`: a count in steps of a thousand.
pub(crate) fn amount(text: &str) -> Result<u64, String> {
    scaled(text, 1000.0)
}

/// Messages a second: `0.5`, `100`, `10k`.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let rate = match text.parse::<f64>() {
        Ok(rate) => rate,
        Err(_) => amount(text)? as f64,
    };
    match rate > 0.0 && rate.is_finite() {
        true => Ok(rate),
        false => Err("a rate is more than nothing".to_owned()),
    }
}

/// `128`, `4k`, `1M`: bytes in steps of 1,024; `B`, `KiB` and `KB` may be written too.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let plain = text.trim_end_matches(['b', 'B']).trim_end_matches('i');
    let bytes = scaled(plain, 1024.0)?;
    usize::try_from(bytes).map_err(|_| format!("{text} is too large"))
}

/// `250ms`, `2s`, `1m30s`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string());
    }
    let parsed = text.parse::<SignedDuration>();
    let duration = parsed
        .ok()
        .and_then(|signed| Duration::try_from(signed).ok());
    duration.ok_or_else(|| format!("{text:?} is no duration; 250ms, 2s and 1m30s are"))
}

fn scaled(text: &str, step: f64) -> Result<u64, String> {
    if let Ok(plain @ ..=VALUE_MAX) = text.parse() {
        return Ok(plain); // Exact, where a fraction would be rounded.
    }
    let (digits, power) = match text.to_ascii_lowercase().as_bytes().last() {
        Some(b'k') => (&text[..text.len() - 1], 1),
        Some(b'm') => (&text[..text.len() - 1], 2),
        Some(b'g') => (&text[..text.len() - 1], 3),
        _ => (text, 0),
    };
    let plain = digits.replace('_', "");
    let number: f64 = plain
        .parse()
        .map_err(|_| format!("{text:?} is no amount; 500, 10k and 1.5M are"))?;
    let value = number * f64::powi(step, power);
    match value.is_finite() && (0.0..=VALUE_MAX as f64).contains(&value) {
        true => Ok(value.round() as u64), // Within the bounds just looked at.
        false => Err(format!("{text:?} is out of range")),
    }
}

/// `950`, `12.3k`, `4.56M`: three digits that matter.
pub(crate) fn show_amount(value: f64) -> String {
    show_scaled(value, 1000.0, &["", "k", "M", "G", "T"])
}

/// `950 B`, `12.3 KiB`, `4.56 MiB`.
pub(crate) fn show_bytes(value: f64) -> String {
    show_scaled(value, 1024.0, &[" B", " KiB", " MiB", " GiB", " TiB"])
}

fn show_scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut unit = 0;
    // What would be shown as 1000 of a unit is 1.00 of the next.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let digits = match value {
        _ if unit == 0 && value.fract() == 0.0 => 0,
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$}{}", units[unit])
}

/// `850 ns`, `12.3 µs`, `4.56 ms`, `1.20 s`, `2m 5s`.
pub(crate) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match duration.as_secs() {
        60.. => format!("{}m {}s", duration.as_secs() / 60, duration.as_secs() % 60),
        1.. => format!("{} s", show_scaled(seconds, 1000.0, &[""])),
        0 => show_scaled(
            duration.as_nanos() as f64,
            1000.0,
            &[" ns", " µs", " ms", " s"],
        ),
    }
}

/// `1 message`, `2 messages`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// The name of a server, for people: one that nobody named is named by its key, which is longer than
/// anybody wants to see.
pub(crate) fn short_name(name: &str) -> String {
    match name.len() {
        56 if name.starts_with('N') && name.is_ascii() => format!("{}…", &name[..12]),
        _ => name.to_owned(),
    }
}

/// Now, as JSON and time stamps have it: UTC, microseconds.
pub(crate) fn now() -> String {
    format!("{:.6}", Timestamp::now())
}

/// More than anybody counts to.
const VALUE_MAX: u64 = 1_000_000_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: PartialEq + std::fmt::Debug>(found: Result<T, String>, expected: T) {
        assert_eq!(found, Ok(expected));
    }

    #[test]
    fn amounts_sizes_and_durations_are_read() {
        check(amount("10"), 10);
        check(amount("1.5k"), 1500);
        check(amount("2M"), 2_000_000);
        check(amount("1_000"), 1000);
        check(amount("9007199254740993"), (1 << 53) + 1);
        check(size("128"), 128);
        check(size("4k"), 4096);
        check(size("4KiB"), 4096);
        check(size("16B"), 16);
        check(duration("250ms"), Duration::from_millis(250));
        check(duration("1m30s"), Duration::from_secs(90));
        check(duration("2"), Duration::from_secs(2));
        check(duration("0.5"), Duration::from_millis(500));
        for text in ["", "k", "x", "-1", "1e99", "2000000000000000000", "é"] {
            assert!(amount(text).is_err(), "{text}");
        }
        for text in ["", "x", "-1s", "-1", "1e99"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn three_digits_are_shown() {
        let shown = [0.0, 1.0, 999.0, 1000.0, 12_345.0, 999_999.0, 1.0e6].map(show_amount);
        assert_eq!(shown, ["0", "1", "999", "1.00k", "12.3k", "1.00M", "1.00M"]);
        assert_eq!(show_bytes(4096.0), "4.00 KiB");
        let shown = [1, 1500, 1_500_000, 1_200_000_000, 125_000_000_000]
            .map(|nanos| show_duration(Duration::from_nanos(nanos)));
        assert_eq!(shown, ["1 ns", "1.50 µs", "1.50 ms", "1.20 s", "2m 5s"]);
        assert_eq!(counted(1, "message"), "1 message");
        assert_eq!(counted(2, "message"), "2 messages");
    }
}
