//! Putting messages into the outgoing buffer, and waiting for room there.

use std::pin::pin;

use dunlin_protocol::encode::Publication;

use crate::error::{PublishError, PublishErrorKind};
use crate::handle::Handle;
use crate::message::is_publishable;
use crate::outgoing::Untaken;

/// The bytes of `subject`, if it can be published to.
pub(crate) fn checked(subject: &str) -> Result<&[u8], PublishError> {
    match is_publishable(subject.as_bytes()) {
        true => Ok(subject.as_bytes()),
        false => {
            let detail = format!("{subject:?}");
            Err(PublishError::with_detail(
                PublishErrorKind::InvalidSubject,
                detail,
            ))
        }
    }
}

/// Sends a message, as soon as there is room for it.
pub(crate) async fn send(
    publication: &Publication<'_>,
    handle: &Handle,
) -> Result<(), PublishError> {
    let outgoing = &handle.shared.outgoing;
    #[cfg(feature = "tracing")]
    let headers = carried(publication, handle);
    #[cfg(feature = "tracing")]
    let publication = &Publication {
        headers: headers.as_ref().or(publication.headers),
        ..*publication
    };
    when_there_is_room(handle, || outgoing.publish(publication)).await
}

/// Sends a request, as soon as there is room for it.
pub(crate) async fn send_request(
    publication: &Publication<'_>,
    handle: &Handle,
) -> Result<(), PublishError> {
    let outgoing = &handle.shared.outgoing;
    #[cfg(feature = "tracing")]
    let headers = carried(publication, handle);
    #[cfg(feature = "tracing")]
    let publication = &Publication {
        headers: headers.as_ref().or(publication.headers),
        ..*publication
    };
    when_there_is_room(handle, || outgoing.request(publication)).await
}

/// The headers with the trace that this is part of, as far as the server takes any.
#[cfg(feature = "tracing")]
fn carried(publication: &Publication<'_>, handle: &Handle) -> Option<dunlin_protocol::HeaderMap> {
    let headers = crate::trace::carried(publication.headers)?;
    handle.shared.info().headers.then_some(headers)
}

/// Does not wait in the usual case. A dropped future has sent nothing.
async fn when_there_is_room(
    handle: &Handle,
    put: impl Fn() -> Result<(), Untaken>,
) -> Result<(), PublishError> {
    let mut outcome = put();
    while outcome == Err(Untaken::NoRoom) {
        let mut room = pin!(handle.shared.outgoing.room().notified());
        // Registered before the second look, so that room made in between is not missed.
        room.as_mut().enable();
        outcome = put();
        if outcome == Err(Untaken::NoRoom) {
            room.await;
            outcome = put();
        }
    }
    match outcome {
        Err(Untaken::Refused(kind)) => Err(kind.into()),
        _ => Ok(()),
    }
}
