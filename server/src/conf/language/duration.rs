//! Durations as Go writes them: `90s`, `1h30m`, `1.5s`, `-2m`, `0`.

use std::time::Duration;

/// Units and their nanoseconds; those that begin like another one stand before it.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Why a text is no duration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoDuration {
    /// Not of that form at all, or too long.
    Invalid,
    /// A number without a unit.
    MissingUnit,
    /// A unit that does not exist.
    UnknownUnit(String),
    /// Below zero.
    Negative,
}

/// Reads a duration that is not negative.
pub(crate) fn duration(text: &str) -> Result<Duration, NoDuration> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = unsigned;
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err(NoDuration::Invalid);
    }
    while !rest.is_empty() {
        let (part, behind) = part(rest)?;
        total = total.checked_add(part).ok_or(NoDuration::Invalid)?;
        rest = behind;
    }
    if total > i64::MAX as u64 {
        return Err(NoDuration::Invalid);
    }
    if text.starts_with('-') && total > 0 {
        return Err(NoDuration::Negative);
    }
    Ok(Duration::from_nanos(total))
}

/// `1.5h` and what is behind it.
fn part(text: &str) -> Result<(u64, &str), NoDuration> {
    let (whole, rest) = digits(text);
    let (decimals, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && decimals.is_empty() {
        return Err(NoDuration::Invalid);
    }
    let is_unit = |letter: char| letter != '.' && !letter.is_ascii_digit();
    let end = rest.find(|letter| !is_unit(letter)).unwrap_or(rest.len());
    let (unit, behind) = rest.split_at(end);
    if unit.is_empty() {
        return Err(NoDuration::MissingUnit);
    }
    let Some((_, nanos)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(NoDuration::UnknownUnit(unit.to_owned()));
    };
    let count: u64 = match whole {
        "" => 0,
        whole => whole.parse().map_err(|_| NoDuration::Invalid)?,
    };
    let whole_nanos = count.checked_mul(*nanos).ok_or(NoDuration::Invalid)?;
    let fraction: f64 = format!("0.{decimals}0").parse().unwrap_or(0.0);
    let nanos = whole_nanos.checked_add((fraction * *nanos as f64) as u64);
    Ok((nanos.ok_or(NoDuration::Invalid)?, behind))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<u64, NoDuration>) {
        assert_eq!(
            duration(text),
            expected.map(Duration::from_millis),
            "{text}"
        );
    }

    #[test]
    fn every_unit_counts() {
        check("10s", Ok(10_000));
        check("2m", Ok(120_000));
        check("1h30m10s500ms", Ok(5_410_500));
        check("1.5s", Ok(1_500));
        check(".5s", Ok(500));
        check("5.s", Ok(5_000));
        check("+5s", Ok(5_000));
        check("0", Ok(0));
        check("-0", Ok(0));
        check("1000us", Ok(1));
        check("1000µs", Ok(1));
        check("1000000ns", Ok(1));
        check("2s3m", Ok(182_000));
    }

    #[test]
    fn what_is_none_says_why() {
        check("", Err(NoDuration::Invalid));
        check("abc", Err(NoDuration::Invalid));
        check("-", Err(NoDuration::Invalid));
        check(".s", Err(NoDuration::Invalid));
        check("10", Err(NoDuration::MissingUnit));
        check("1h10", Err(NoDuration::MissingUnit));
        check("1d", Err(NoDuration::UnknownUnit("d".into())));
        check("1 s", Err(NoDuration::UnknownUnit(" s".into())));
        check("-5s", Err(NoDuration::Negative));
        check("9999999h", Err(NoDuration::Invalid));
        check("99999999999999999999s", Err(NoDuration::Invalid));
    }
}
