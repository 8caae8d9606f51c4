//! Publishing in whatever form the command line asks for, and hearing what the server refuses.

use std::time::Duration;

use dunlin::{Client, Event, Events, HeaderMap};
use tokio::time::timeout;

use crate::failure::Failure;

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

/// What the server has refused up to the last flush: its first complaint.
///
/// Its complaints come in the order of what they are about, and before the answer to the flush.
pub(crate) async fn refused(events: &mut Events) -> Result<(), Failure> {
    while let Ok(Some(event)) = timeout(Duration::ZERO, events.next()).await {
        if let Event::ServerError(error) = event {
            return Err(error.into());
        }
    }
    Ok(())
}
