//! Settings that contradict each other, or mean less than they seem to.

use std::time::Duration;

use crate::conf::nearest::nearest;
use crate::conf::report::Diagnostic;
use crate::conf::settings::{Placed, Settings};

/// The largest message when a file leaves it open, in bytes, as the server has it.
const PAYLOAD_DEFAULT: usize = 1024 * 1024;
/// The most that may wait for a reader when a file leaves it open, in bytes.
const PENDING_DEFAULT: usize = 64 * 1024 * 1024;
/// How long a lame duck takes when a file leaves it open.
const LAME_DUCK_DEFAULT: Duration = Duration::from_secs(120);
/// How long it waits first when a file leaves it open.
const GRACE_DEFAULT: Duration = Duration::from_secs(10);

/// Says what does not go together.
pub(crate) fn check(settings: &Settings, diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.extend(payload_over_pending(settings));
    diagnostics.extend(payload_over_pending_total(settings));
    diagnostics.extend(grace_over_duration(settings));
    diagnostics.extend(two_monitors(settings));
    let own = settings.no_auth_user.as_ref();
    let beside = settings
        .websocket
        .as_ref()
        .and_then(|it| it.no_auth_user.as_ref());
    for user in [own, beside].into_iter().flatten() {
        diagnostics.extend(nobody(user, settings));
    }
    diagnostics.extend(two_authorizations(settings));
}

/// A user that clients become who give none, and who is not there.
fn nobody(user: &Placed<String>, settings: &Settings) -> Option<Diagnostic> {
    let users = settings
        .authorization
        .as_ref()
        .map_or(&[][..], |it| &it.users);
    if users.iter().any(|it| it.identity.name() == user.value) {
        return None;
    }
    let (name, names) = (&user.value, users.iter().map(|it| it.identity.name()));
    if users.is_empty() {
        let text = format!("no_auth_user {name:?} is not there: there are no users");
        return Some(Diagnostic::error(user.span, text).help(
            "it must be one of authorization { users: [ … ] }; a single user does not count",
        ));
    }
    let text = format!("no_auth_user {name:?} is none of the users");
    let error = Diagnostic::error(user.span, text);
    Some(match nearest(name, names) {
        Some(near) => error.help(format!("did you mean {near:?}?")),
        None => error,
    })
}

fn two_authorizations(settings: &Settings) -> Option<Diagnostic> {
    let beside = settings.websocket.as_ref()?.authorization.as_ref()?;
    let has_users = settings
        .authorization
        .as_ref()
        .is_some_and(|it| !it.users.is_empty());
    if !has_users || (beside.user.is_none() && beside.token.is_none()) {
        return None;
    }
    let span = settings.places.get("websocket").copied();
    let text = "a user or token of websocket cannot be combined with a users array";
    let help = "add an entry to users, with connection_types: [WEBSOCKET]";
    Some(Diagnostic::error(span, text).help(help))
}

fn two_monitors(settings: &Settings) -> Option<Diagnostic> {
    let (Some(_), Some(_)) = (&settings.http, &settings.https) else {
        return None;
    };
    let places = &settings.places;
    let span = places.get("https").or(places.get("https_port"));
    let text = "monitoring is served over HTTP or over HTTPS, not both";
    Some(Diagnostic::error(span.copied(), text))
}

fn grace_over_duration(settings: &Settings) -> Option<Diagnostic> {
    let duration = settings.lame_duck_duration.unwrap_or(LAME_DUCK_DEFAULT);
    let grace = settings.lame_duck_grace_period.unwrap_or(GRACE_DEFAULT);
    if grace < duration {
        return None;
    }
    let places = &settings.places;
    let span = places
        .get("lame_duck_grace_period")
        .or(places.get("lame_duck_duration"));
    let text = format!(
        "lame_duck_grace_period ({grace:?}) must be shorter than lame_duck_duration ({duration:?})"
    );
    Some(Diagnostic::error(span.copied(), text))
}

fn payload_over_pending_total(settings: &Settings) -> Option<Diagnostic> {
    let payload = settings.max_payload.unwrap_or(PAYLOAD_DEFAULT);
    let total = settings.max_pending_total?;
    if payload <= total {
        return None;
    }
    let span = settings.places.get("max_pending_total");
    let text = format!("max_payload ({payload}) cannot be higher than max_pending_total ({total})");
    Some(Diagnostic::error(span.copied(), text).help("a message that size would have no room"))
}

fn payload_over_pending(settings: &Settings) -> Option<Diagnostic> {
    let payload = settings.max_payload.unwrap_or(PAYLOAD_DEFAULT);
    let pending = settings.max_pending.unwrap_or(PENDING_DEFAULT);
    if payload <= pending {
        return None;
    }
    let places = &settings.places;
    let span = places.get("max_payload").or(places.get("max_pending"));
    let text = format!("max_payload ({payload}) cannot be higher than max_pending ({pending})");
    Some(
        Diagnostic::error(span.copied(), text)
            .help("a message larger than what may wait for a reader could never be delivered"),
    )
}
