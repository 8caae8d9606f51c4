//! Putting messages into the outgoing buffer, and waiting for room there.

use std::pin::pin;

use dunlin_protocol::encode::Publication;

use crate::error::{PublishError, PublishErrorKind};
use crate::handle::Handle;
use crate::message::is_publishable;
use crate::outgoing::{Outgoing, Untaken};

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

/// Sends a message, as soon as there is room for it; `put` says as what.
pub(crate) async fn send<T>(
    publication: &Publication<'_>,
    handle: &Handle,
    put: impl Fn(&Outgoing, &Publication<'_>) -> Result<T, Untaken>,
) -> Result<T, PublishError> {
    #[cfg(feature = "tracing")]
    let headers = carried(publication, handle);
    #[cfg(feature = "tracing")]
    let publication = &Publication {
        headers: headers.as_ref().or(publication.headers),
        ..*publication
    };
    let outgoing = &handle.shared.outgoing;
    when_there_is_room(handle, || put(outgoing, publication)).await
}

/// The headers with the trace that this is part of, as far as the server takes any.
#[cfg(feature = "tracing")]
fn carried(publication: &Publication<'_>, handle: &Handle) -> Option<dunlin_protocol::HeaderMap> {
    let headers = crate::trace::carried(publication.headers)?;
    handle.shared.info().headers.then_some(headers)
}

/// Does not wait in the usual case. A dropped future has sent nothing.
async fn when_there_is_room<T>(
    handle: &Handle,
    put: impl Fn() -> Result<T, Untaken>,
) -> Result<T, PublishError> {
    let mut outcome = put();
    while matches!(outcome, Err(Untaken::NoRoom)) {
        let mut room = pin!(handle.shared.outgoing.room().notified());
        // Registered before the second look, so that room made in between is not missed.
        room.as_mut().enable();
        outcome = put();
        if matches!(outcome, Err(Untaken::NoRoom)) {
            room.await;
            outcome = put();
        }
    }
    match outcome {
        Ok(taken) => Ok(taken),
        Err(Untaken::Refused(kind)) => Err(kind.into()),
        // Where there is none, the buffer is made to have it or the message is refused.
        Err(Untaken::NoRoom | Untaken::TooOld { .. }) => Err(PublishErrorKind::BufferFull.into()),
    }
}
