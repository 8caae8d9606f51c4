//! One question, many answers.
//!
//! In: a question. Out: each answer as it comes, until there are enough or none comes any more.

use std::time::Duration;

use dunlin::{Client, HeaderMap, Message, StatusCode, SubscribeOptions};
use tokio::time::{Instant, timeout_at};

use crate::failure::{Code, Failure};
use crate::publish::{refused, send};

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) subject: String,
    pub(crate) headers: Option<HeaderMap>,
    pub(crate) payload: Vec<u8>,
}

/// When to stop listening for answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Until {
    /// So many have come; 0 is never reached.
    pub(crate) answers: u64,
    /// So long has passed since the question.
    pub(crate) timeout: Duration,
    /// So long has passed since the last answer.
    pub(crate) gap: Option<Duration>,
}

/// Asks, and hands each answer to `take`; says how many came.
///
/// # Errors
///
/// Nobody takes the question, it is not allowed, or `take` failed.
pub(crate) async fn gather(
    client: &Client,
    question: &Question,
    until: Until,
    mut take: impl FnMut(Message) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let (mut events, inbox) = (client.events(), client.new_inbox());
    let mut answers = client.subscribe_at_once(&inbox, SubscribeOptions::new())?;
    let (headers, payload) = (question.headers.as_ref(), &question.payload);
    send(client, &question.subject, Some(&inbox), headers, payload).await?;
    client.flush().await?;
    refused(&mut events).await?;
    let (end, mut seen) = (Instant::now() + until.timeout, 0);
    while until.answers == 0 || seen < until.answers {
        let patience = match until.gap {
            Some(gap) if seen > 0 => end.min(Instant::now() + gap),
            _ => end,
        };
        let Ok(Some(answer)) = timeout_at(patience, answers.next()).await else {
            break;
        };
        if answer.status == Some(StatusCode::NO_RESPONDERS) {
            let text = "nobody takes requests on this subject";
            let subject = &question.subject;
            return Err(Failure::new(
                Code::NoResponders,
                format_args!("{text}: {subject:?}"),
            ));
        }
        seen += 1;
        take(answer)?;
    }
    Ok(seen)
}
