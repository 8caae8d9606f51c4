//! Asking many.

use std::time::Duration;

use dunlin::{AnswersEnd, Client, ConnectOptions, RequestErrorKind, RequestMany};
use tokio::time::timeout;

use super::scripted::Scripted;
use super::server::{PATIENCE, Server, text};

/// Answers each question on `ask` with the given texts, one after the other.
async fn answering(client: Client, texts: &'static [&'static str]) {
    let mut questions = client.subscribe("ask").await.unwrap();
    tokio::spawn(async move {
        while let Some(question) = questions.next().await {
            let reply = question.reply.unwrap();
            for text in texts {
                client.publish(&reply, text).await.unwrap();
            }
        }
    });
}

/// What came, and why no more.
async fn answers(client: &Client, request: RequestMany) -> (Vec<String>, AnswersEnd) {
    let mut answers = client.request_many("ask", request).await.unwrap();
    let mut all = Vec::new();
    while let Some(answer) = timeout(PATIENCE, answers.next()).await.unwrap() {
        match answer {
            Ok(answer) => all.push(text(&answer)),
            Err(error) => all.push(error.to_string()),
        }
    }
    assert!(answers.next().await.is_none() && answers.dropped() == 0);
    (all, answers.end().unwrap())
}

#[tokio::test]
async fn each_end_ends_the_answers() {
    let server = Server::start().await;
    let client = server.connect().await;
    answering(server.connect().await, &["1", "2", "", "3"]).await;
    let (all, end) = answers(&client, RequestMany::new().max(2)).await;
    assert_eq!((all, end), (vec!["1".into(), "2".into()], AnswersEnd::Max));
    let last = |answer: &dunlin::Message| answer.payload.is_empty();
    let (all, end) = answers(&client, RequestMany::new().sentinel(last)).await;
    let expected = (vec!["1".into(), "2".into()], AnswersEnd::Sentinel);
    assert_eq!((all, end), expected);
    let gap = Duration::from_millis(150);
    for (request, expected) in [
        (RequestMany::new().idle(gap), AnswersEnd::Idle),
        (RequestMany::new().idle(gap).timeout(None), AnswersEnd::Idle),
        (RequestMany::new().timeout(gap), AnswersEnd::TimedOut),
        (
            RequestMany::new().timeout(gap).idle(gap * 9),
            AnswersEnd::TimedOut,
        ),
    ] {
        let (all, end) = answers(&client, request.payload("x")).await;
        assert_eq!(
            (all, end),
            (["1", "2", "", "3"].map(Into::into).into(), expected)
        );
    }
}

#[tokio::test]
async fn nobody_there_and_silence_are_errors() {
    let server = Server::start().await;
    let client = server.connect().await;
    let (all, end) = answers(&client, RequestMany::new()).await;
    assert_eq!(all, ["nobody takes requests on this subject: \"ask\""]);
    assert_eq!(end, AnswersEnd::Failed(RequestErrorKind::NoResponders));
    answering(server.connect().await, &[]).await;
    let silent = RequestMany::new().timeout(Duration::from_millis(50));
    let (all, end) = answers(&client, silent).await;
    assert_eq!(all, ["no answer within the timeout: \"ask\""]);
    assert_eq!(end, AnswersEnd::Failed(RequestErrorKind::TimedOut));
}

#[tokio::test]
async fn a_lost_connection_ends_the_answers_with_an_error() {
    let server = Scripted::start().await;
    let (client, mut peer) = server.connect(ConnectOptions::new()).await;
    let mut answers = client
        .request_many("ask", RequestMany::new())
        .await
        .unwrap();
    let subscription = peer.line().await;
    let inbox = subscription
        .split(' ')
        .nth(1)
        .unwrap()
        .trim_end_matches('*');
    peer.expect(&format!("PUB ask {inbox}1 0")).await;
    peer.say(format!("MSG {inbox}1 1 1\r\nx\r\n")).await;
    assert_eq!(text(&answers.next().await.unwrap().unwrap()), "x");
    drop(peer);
    let error = timeout(PATIENCE, answers.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::Disconnected);
    assert!(answers.next().await.is_none());
}

#[cfg(feature = "serde")]
#[tokio::test]
async fn values_travel_as_json() {
    use std::collections::BTreeMap;
    let server = Server::start().await;
    let client = server.connect().await;
    let mut questions = client.subscribe("sum").await.unwrap();
    let answering = server.connect().await;
    tokio::spawn(async move {
        while let Some(question) = questions.next().await {
            let reply = question.reply.clone().unwrap();
            match question.json::<Vec<u32>>() {
                Ok(numbers) => {
                    answering
                        .publish_json(reply, &numbers.iter().sum::<u32>())
                        .await
                }
                Err(error) => answering.publish_json(reply, &error.to_string()).await,
            }
            .unwrap();
        }
    });
    let sum: u32 = client.request_json("sum", &[1, 2, 3]).await.unwrap();
    assert_eq!(sum, 6);
    let error = client.request_json::<_, u32>("sum", "x").await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::InvalidPayload);
    let no_text: BTreeMap<(u8, u8), u8> = [((1, 2), 3)].into();
    let error = client.publish_json("sum", &no_text).await.unwrap_err();
    assert_eq!(error.kind(), dunlin::PublishErrorKind::InvalidPayload);
}
