//! Answering those who ask who is there.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use futures_core::Stream;

use super::record::Record;
use super::{ServiceError, State, refused};
use crate::client::Client;
use crate::message::{Message, Subject};
use crate::subscribe::SubscribeOptions;
use crate::subscriber::Subscriber;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verb {
    Ping,
    Info,
    Stats,
}

impl Verb {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ping => "PING",
            Self::Info => "INFO",
            Self::Stats => "STATS",
        }
    }
}

/// Subscribes to all subjects on which this instance may be asked, in one round trip.
pub(super) async fn subscribe(
    client: &Client,
    prefix: &Subject,
    state: &State,
) -> Result<Vec<(Verb, Subscriber)>, ServiceError> {
    let mut asked = Vec::with_capacity(9);
    for verb in [Verb::Ping, Verb::Info, Verb::Stats] {
        let all = format!("{prefix}.{}", verb.as_str());
        let named = format!("{all}.{}", state.name);
        let own = format!("{named}.{}", state.id);
        for subject in [all, named] {
            let subscriber = client.subscribe_at_once(subject, SubscribeOptions::new());
            asked.push((verb, subscriber.map_err(refused)?));
        }
        // Behind the PONG of this one the server has had the word on those before it.
        let subscriber = client.subscribe(own).await.map_err(refused)?;
        asked.push((verb, subscriber));
    }
    match asked
        .iter()
        .find_map(|(_, subscriber)| subscriber.refused())
    {
        None => Ok(asked),
        Some(kind) => Err(refused(kind.into())),
    }
}

/// Answers until the client ends or the task is aborted.
pub(super) async fn answer(client: Client, mut asked: Vec<(Verb, Subscriber)>, state: Arc<State>) {
    while let Some((verb, question)) = next(&mut asked).await {
        let Some(reply) = question.reply else {
            continue;
        };
        let answer = match verb {
            Verb::Ping => state.ping().to_json(),
            Verb::Info => state.info().to_json(),
            Verb::Stats => state.stats().to_json(),
        };
        // Whoever asked hears nothing where it cannot be sent, and of others the more.
        let _ = client.publish(reply, answer).await;
    }
}

/// The next question on any of them; none when all have ended.
async fn next(asked: &mut Vec<(Verb, Subscriber)>) -> Option<(Verb, Message)> {
    poll_fn(|cx| {
        let mut question = None;
        asked.retain_mut(|(verb, subscriber)| {
            if question.is_some() {
                return true;
            }
            match Pin::new(subscriber).poll_next(cx) {
                Poll::Ready(Some(message)) => question = Some((*verb, message)),
                Poll::Ready(None) => return false,
                Poll::Pending => {}
            }
            true
        });
        match question {
            Some(question) => Poll::Ready(Some(question)),
            None if asked.is_empty() => Poll::Ready(None),
            None => Poll::Pending,
        }
    })
    .await
}
