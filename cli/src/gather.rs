//! One question, many answers.

use dunlin::{Client, Message, RequestMany};

use crate::failure::{Code, Failure};
use crate::text::counted;

/// Asks, and hands each answer to `take`; says how many came.
///
/// # Errors
///
/// Nobody takes the question or answers it in time, it is not allowed, answers were lost, or `take`
/// failed.
pub(crate) async fn gather(
    client: &Client,
    subject: &str,
    question: RequestMany,
    mut take: impl FnMut(Message) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let mut answers = client.request_many(subject, question).await?;
    let mut seen = 0;
    while let Some(answer) = answers.next().await {
        take(answer?)?;
        seen += 1;
    }
    match answers.dropped() {
        0 => Ok(seen),
        dropped => {
            let text = format!("dropped {}: read too slowly", counted(dropped, "answer"));
            Err(Failure::new(Code::Lost, text))
        }
    }
}
