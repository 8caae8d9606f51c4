//! `limits { }`: what the connections of one user, or from one address, may have together. Ours:
//! nats-server has nothing of the kind.

use super::field::{Done, Field, set};
use super::table::{Known, Standing, known};
use crate::conf::report::Diagnostic;
use crate::conf::settings::{Limits, Quota, Settings};

use Standing::Obeyed;

const KEYS: &[Known<Limits>] = known! {
    "per_user" => Obeyed(|field, it| set(&mut it.per_user, quota(field)));
    "per_address" => Obeyed(|field, it| set(&mut it.per_address, quota(field)));
};

const QUOTA_KEYS: &[Known<Quota>] = known! {
    "connections" => Obeyed(|field, it| set(&mut it.connections, number(field)));
    "subscriptions" => Obeyed(|field, it| set(&mut it.subscriptions, number(field)));
    "pending_bytes" => Obeyed(|field, it| set(&mut it.pending_bytes, number(field)));
    "publish_messages_per_second" =>
        Obeyed(|field, it| set(&mut it.publish_messages_per_second, field.count()));
    "publish_bytes_per_second" =>
        Obeyed(|field, it| set(&mut it.publish_bytes_per_second, field.count()));
};

pub(crate) fn limits(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let map = field.map()?;
    field.read_map(&map, "limits", KEYS, &mut settings.limits);
    Ok(())
}

fn quota(field: &mut Field<'_>) -> Result<Quota, Diagnostic> {
    let map = field.map()?;
    let mut quota = Quota::default();
    field.read_map(&map, "a limit", QUOTA_KEYS, &mut quota);
    Ok(quota)
}

/// Zero is no limit.
fn number(field: &mut Field<'_>) -> Result<Option<usize>, Diagnostic> {
    Ok(field
        .count()?
        .map(|number| usize::try_from(number).unwrap_or(usize::MAX)))
}
