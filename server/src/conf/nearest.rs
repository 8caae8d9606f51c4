//! The known name that somebody probably meant.

/// The candidate that takes the fewest changes of a letter, if they are few enough to be a slip.
pub(crate) fn nearest<'c>(
    written: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    let written: Vec<char> = written.to_lowercase().chars().take(64).collect();
    let allowed = (written.len() / 3).clamp(1, 3);
    candidates
        .map(|candidate| (distance(&written, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters inserted, dropped, replaced or swapped with their neighbour.
fn distance(left: &[char], right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before = vec![0; right.len() + 1];
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, &letter) in left.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, &other) in right.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != other);
            let mut least = replaced.min(last[column + 1] + 1).min(line[column] + 1);
            let is_swap =
                row > 0 && column > 0 && letter == right[column - 1] && left[row - 1] == other;
            if is_swap {
                least = least.min(before[column - 1] + 1);
            }
            line.push(least);
        }
        before = std::mem::replace(&mut last, line);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, expected: Option<&str>) {
        let known = [
            "port",
            "host",
            "max_payload",
            "max_pending",
            "ping_interval",
        ];
        assert_eq!(nearest(written, known.into_iter()), expected, "{written}");
    }

    #[test]
    fn a_slip_finds_its_name() {
        check("prot", Some("port"));
        check("Prt", Some("port"));
        check("max_payloads", Some("max_payload"));
        check("maxpayload", Some("max_payload"));
        check("ping_intervall", Some("ping_interval"));
    }

    #[test]
    fn another_word_finds_none() {
        check("cluster", None);
        check("x", None);
        check("", None);
    }
}
