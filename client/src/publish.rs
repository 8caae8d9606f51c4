//! Putting messages into the outgoing buffer, and waiting for room there.

use std::pin::pin;

use dunlin_protocol::encode::Publication;

use crate::error::{PublishError, PublishErrorKind};
use crate::handle::Handle;
use crate::message::is_publishable;
use crate::outgoing::{Loan, NoRoom, Outgoing, Untaken};

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
    let outcome = match attempt(publication, handle, &put) {
        Err(Untaken::NoRoom) => Box::pin(send_later(publication, handle, put)).await,
        outcome => outcome,
    };
    outcome.map_err(refusal)
}

/// The same; while the connection is idle the message is written here and now, as far as that needs
/// no waiting.
pub(crate) async fn say(
    publication: &Publication<'_>,
    handle: &Handle,
    put: impl Fn(&Outgoing, &Publication<'_>) -> Result<Option<Box<Loan>>, Untaken>,
) -> Result<(), PublishError> {
    let outcome = match attempt(publication, handle, &put) {
        Err(Untaken::NoRoom) => Box::pin(send_later(publication, handle, put)).await,
        outcome => outcome,
    };
    match outcome {
        Ok(None) => Ok(()),
        Ok(loan) => {
            write(loan, &handle.shared.outgoing);
            Ok(())
        }
        Err(untaken) => Err(refusal(untaken)),
    }
}

/// The usual case, which does not wait: its future is small for that.
fn attempt<T>(
    publication: &Publication<'_>,
    handle: &Handle,
    put: &impl Fn(&Outgoing, &Publication<'_>) -> Result<T, Untaken>,
) -> Result<T, Untaken> {
    #[cfg(feature = "tracing")]
    let headers = carried(publication, handle);
    #[cfg(feature = "tracing")]
    let publication = &Publication {
        headers: headers.as_ref().or(publication.headers),
        ..*publication
    };
    put(&handle.shared.outgoing, publication)
}

async fn send_later<T>(
    publication: &Publication<'_>,
    handle: &Handle,
    put: impl Fn(&Outgoing, &Publication<'_>) -> Result<T, Untaken>,
) -> Result<T, Untaken> {
    when_there_is_room(handle, || match attempt(publication, handle, &put) {
        Err(Untaken::NoRoom) => Err(NoRoom),
        outcome => Ok(outcome),
    })
    .await
}

fn refusal(untaken: Untaken) -> PublishError {
    match untaken {
        Untaken::Refused(kind) => kind.into(),
        // Where there is none, the buffer is made to have it or the message is refused.
        Untaken::NoRoom | Untaken::TooOld { .. } => PublishErrorKind::BufferFull.into(),
    }
}

fn write(loan: Option<Box<Loan>>, outgoing: &Outgoing) {
    let mut borrowed = Borrowed { loan, outgoing };
    if let Some(loan) = &mut borrowed.loan {
        loan.write();
    }
}

/// Gives the connection back, also where a given stream panics.
struct Borrowed<'a> {
    loan: Option<Box<Loan>>,
    outgoing: &'a Outgoing,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if let Some(loan) = self.loan.take() {
            self.outgoing.give_back(*loan);
        }
    }
}

/// The headers with the trace that this is part of, as far as the server takes any.
#[cfg(feature = "tracing")]
fn carried(publication: &Publication<'_>, handle: &Handle) -> Option<dunlin_protocol::HeaderMap> {
    let headers = crate::trace::carried(publication.headers)?;
    handle.shared.info().headers.then_some(headers)
}

/// Does not wait in the usual case. A dropped future has put nothing down.
pub(crate) async fn when_there_is_room<T>(
    handle: &Handle,
    put: impl Fn() -> Result<T, NoRoom>,
) -> T {
    loop {
        if let Ok(taken) = put() {
            return taken;
        }
        let mut room = pin!(handle.shared.outgoing.room().notified());
        // Registered before the second look, so that room made in between is not missed.
        room.as_mut().enable();
        if let Ok(taken) = put() {
            return taken;
        }
        room.await;
    }
}
