//! The order of the connections on a page.

use std::cmp::Reverse;
use std::time::Instant;

use super::Row;
use super::options::Sort;

/// `rows` in the order asked for; those that are equal in it by their number.
pub(super) fn sorted(mut rows: Vec<Row>, by: Sort, now: Instant) -> Vec<Row> {
    // Looked at once each: what others count meanwhile must not change the order halfway.
    match by {
        Sort::Cid | Sort::Start => rows.sort_unstable_by_key(|row| row.party.id),
        Sort::Reason => {
            rows.sort_by_cached_key(|row| (row.reason().map(|why| why.to_string()), row.party.id))
        }
        Sort::Uptime => rows.sort_by_cached_key(|row| (value(row, by, now), row.party.id)),
        _ => rows.sort_by_cached_key(|row| (Reverse(value(row, by, now)), row.party.id)),
    }
    rows
}

/// What `row` is sorted by, as a number.
fn value(row: &Row, by: Sort, now: Instant) -> u128 {
    let party = &row.party;
    let nanoseconds = |from: Instant, to: Instant| to.saturating_duration_since(from).as_nanos();
    match by {
        Sort::Cid | Sort::Start | Sort::Reason => u128::from(party.id),
        Sort::Subs => row.subscription_count() as u128,
        Sort::Pending => row.pending_bytes(now) as u128,
        Sort::MessagesTo => party.counts().out_messages.into(),
        Sort::MessagesFrom => party.counts().in_messages.into(),
        Sort::BytesTo => party.counts().out_bytes.into(),
        Sort::BytesFrom => party.counts().in_bytes.into(),
        // Of two that were heard at different times the one heard later has the shorter silence.
        Sort::Last => u128::MAX - nanoseconds(party.active(), now),
        Sort::Idle => nanoseconds(party.active(), row.end(now)),
        Sort::Uptime => nanoseconds(party.opened, row.end(now)),
        Sort::Stop => u128::MAX - nanoseconds(row.end(now), now),
        Sort::RoundTrip => party.round_trip().unwrap_or_default().as_nanos(),
    }
}
