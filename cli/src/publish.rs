//! Publishing in whatever form the command line asks for, and hearing what the server refuses.

use std::time::Duration;

use dunlin::{Client, Event, Events, HeaderMap};
use tokio::time::timeout;

use crate::failure::{Code, Failure};
use crate::text::counted;

/// Publishes with whatever there is of reply and headers.
pub(crate) async fn send(
    client: &Client,
    subject: &str,
    reply: Option<&str>,
    headers: Option<&HeaderMap>,
    payload: &[u8],
) -> Result<(), Failure> {
    match (reply, headers.cloned()) {
        (None, None) => client.publish(subject, payload).await?,
        (Some(reply), None) => client.publish_with_reply(subject, reply, payload).await?,
        (None, Some(headers)) => {
            client
                .publish_with_headers(subject, headers, payload)
                .await?
        }
        (Some(reply), Some(headers)) => {
            let published = client.publish_with_reply_and_headers(subject, reply, headers, payload);
            published.await?;
        }
    }
    Ok(())
}

/// The largest message that the server takes, headers and payload in bytes.
pub(crate) fn payload_max(client: &Client) -> usize {
    usize::try_from(client.server_info().max_payload).unwrap_or(0)
}

/// What the server has refused up to the last flush: its first complaint. Else what it may never
/// have got.
///
/// Its complaints come in the order of what they are about, and before the answer to the flush.
pub(crate) async fn refused(events: &mut Events) -> Result<(), Failure> {
    let mut unconfirmed = 0;
    while let Ok(Some(event)) = timeout(Duration::ZERO, events.next()).await {
        match event {
            Event::ServerError(error) => return Err(error.into()),
            Event::Unconfirmed(messages) => unconfirmed += messages,
            _ => {}
        }
    }
    match unconfirmed {
        0 => Ok(()),
        unconfirmed => {
            let messages = counted(unconfirmed, "message");
            let text = format!("{messages} may be lost: sent when the connection broke");
            Err(Failure::new(Code::Lost, text))
        }
    }
}
