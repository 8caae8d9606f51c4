//! `monitoring { }` and `events { }`: what is told of the server, and to whom. Ours: nats-server has
//! nothing of the kind.

use super::field::{Done, Field, set};
use super::table::{Known, Standing, known};
use crate::conf::report::Diagnostic;
use crate::conf::settings::{Events, Monitoring, Settings};

use Standing::Obeyed;

const MONITORING_KEYS: &[Known<Monitoring>] = known! {
    "demand_user" => Obeyed(|field, it| set(&mut it.demand_user, field.boolean().map(Some)));
    "traffic" => Obeyed(|field, it| set(&mut it.traffic, field.boolean().map(Some)));
};

const EVENTS_KEYS: &[Known<Events>] = known! {
    "prefix" => Obeyed(|field, it| set(&mut it.prefix, prefix(field).map(Some)));
    "of" => Obeyed(kinds);
};

/// The events there are.
const KINDS: [&str; 4] = ["connected", "left", "subscribed", "slow"];

pub(crate) fn monitoring(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let map = field.map()?;
    field.read_map(
        &map,
        "monitoring",
        MONITORING_KEYS,
        &mut settings.monitoring,
    );
    Ok(())
}

pub(crate) fn events(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let map = field.map()?;
    let events = settings.events.get_or_insert_default();
    field.read_map(&map, "events", EVENTS_KEYS, events);
    Ok(())
}

/// The beginning of a subject, without wildcards.
fn prefix(field: &mut Field<'_>) -> Result<String, Diagnostic> {
    let prefix = field.text()?;
    let is_token = |token: &str| {
        !token.is_empty() && !token.contains(['*', '>']) && !token.contains(char::is_whitespace)
    };
    match prefix.split('.').all(is_token) && !prefix.starts_with('$') {
        true => Ok(prefix),
        false => Err(field
            .error(format!("{prefix:?} is no beginning of a subject"))
            .help("whole tokens without wildcards, such as prefix: \"dunlin.event\"")),
    }
}

fn kinds(field: &mut Field<'_>, events: &mut Events) -> Done {
    for kind in field.texts("an event")? {
        if !KINDS.contains(&kind.value.as_str()) {
            let text = format!("there are no events of {:?}", kind.value);
            let help = "there are connected, left, subscribed and slow";
            return Err(Diagnostic::error(kind.span, text).help(help));
        }
        events.kinds.push(kind.value);
    }
    Ok(())
}
