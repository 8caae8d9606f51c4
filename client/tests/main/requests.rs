//! Asking and answering.

use std::time::Duration;

use dunlin::{
    ConnectOptions, Event, HeaderMap, PublishErrorKind, Request, RequestErrorKind, StatusCode,
};

use super::scripted::Scripted;
use super::server::{PATIENCE, Server, next, text};

#[tokio::test]
async fn a_request_gets_its_answer() {
    let server = Server::start().await;
    let (asking, answering) = (server.connect().await, server.connect().await);
    let mut questions = answering.subscribe("ask").await.unwrap();
    let answers = tokio::spawn(async move {
        while let Some(question) = questions.next().await {
            let reply = question.reply.unwrap();
            answering
                .publish(reply, [b"re: ", &question.payload[..]].concat())
                .await
                .unwrap();
        }
    });
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let asking = asking.clone();
            tokio::spawn(async move {
                let answer = asking.request("ask", number.to_string()).await.unwrap();
                assert_eq!(text(&answer), format!("re: {number}"));
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    answers.abort();
}

#[tokio::test]
async fn a_request_carries_headers_and_a_timeout_of_its_own() {
    let server = Server::start().await;
    let client = server.connect().await;
    let mut questions = client.subscribe("ask").await.unwrap();
    let headers = HeaderMap::try_from([("A", "1")]).unwrap();
    let asked = client.request_with_headers("ask", headers.clone(), "x");
    let answered = async {
        let question = next(&mut questions).await;
        assert_eq!(question.headers, Some(headers.clone()));
        client.publish(question.reply.unwrap(), "y").await.unwrap();
    };
    let (answer, ()) = tokio::join!(asked, answered);
    assert_eq!(text(&answer.unwrap()), "y");

    let request = Request::new()
        .payload("x")
        .headers(headers)
        .timeout(Duration::from_millis(20));
    let error = client.send_request("ask", request).await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::TimedOut);
    assert_eq!(
        error.to_string(),
        "no answer within the timeout: \"ask\" after 20ms"
    );
    assert_eq!(text(&next(&mut questions).await), "x");
}

#[tokio::test]
async fn a_request_that_nobody_takes_fails_at_once() {
    let server = Server::start().await;
    let client = server
        .connect_as(ConnectOptions::new().request_timeout(None))
        .await;
    let error = client.request("nobody", "x").await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::NoResponders);
    assert_eq!(
        error.to_string(),
        "nobody takes requests on this subject: \"nobody\""
    );

    let inbox = client.new_inbox();
    let mut answers = client.subscribe(&inbox).await.unwrap();
    client
        .publish_with_reply("nobody", &inbox, "x")
        .await
        .unwrap();
    let answer = next(&mut answers).await;
    assert_eq!(answer.status, Some(StatusCode::NO_RESPONDERS));
    assert!(answer.payload.is_empty());
}

#[tokio::test]
async fn a_malformed_or_too_large_request_fails_as_a_publish_does() {
    let server = Server::start().await;
    let client = server.connect().await;
    let error = client.request("a b", "").await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::InvalidSubject);
    let too_large = vec![0; client.server_info().max_payload as usize + 1];
    let error = client.request("a", &too_large).await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::PayloadTooLarge);
    let error = client.publish("a", &too_large).await.unwrap_err();
    assert_eq!(error.kind(), PublishErrorKind::PayloadTooLarge);
    let headers = HeaderMap::try_from([("A", "1")]).unwrap();
    let error = client
        .publish_with_headers("a", headers, &too_large[2..])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), PublishErrorKind::PayloadTooLarge);
    client.flush().await.unwrap();
}

#[tokio::test]
async fn a_refused_request_is_an_error_of_that_request() {
    let server = Scripted::start().await;
    let (client, mut peer) = server
        .connect(ConnectOptions::new().request_timeout(None))
        .await;
    let mut events = client.events();
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.request("secret", "").await }
    });
    let subscribed = peer.line().await;
    assert!(
        subscribed.starts_with("SUB _INBOX.") && subscribed.ends_with(".* 1"),
        "{subscribed}"
    );
    assert!(peer.line().await.starts_with("PUB secret _INBOX."));
    peer.expect("").await;
    peer.say("-ERR 'Permissions Violation for Publish to \"secret\"'\r\n")
        .await;
    let error = asking.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::PermissionDenied);
    assert!(matches!(events.next().await, Some(Event::ServerError(_))));

    // A refused inbox fails what waits for it, and the next request asks for it again.
    let asking = tokio::spawn(async move {
        let first = client.request("a", "").await.unwrap_err().kind();
        (first, client.request("b", "").await.unwrap())
    });
    assert!(peer.line().await.starts_with("PUB a "));
    peer.expect("").await;
    let filter = subscribed.split(' ').nth(1).unwrap();
    let refusal = format!("-ERR 'Permissions Violation for Subscription to \"{filter}\"'\r\n");
    peer.say(refusal).await;
    assert_eq!(peer.line().await, format!("SUB {filter} 2"));
    let asked = peer.line().await;
    let reply = asked.split(' ').nth(2).unwrap();
    peer.say(format!("MSG {reply} 2 3\r\nyes\r\n")).await;
    let (first, second) = tokio::time::timeout(PATIENCE, asking)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (first, text(&second)),
        (RequestErrorKind::PermissionDenied, "yes".to_owned())
    );
}

#[tokio::test]
async fn a_confirmed_publish_knows_what_became_of_it() {
    let config = "authorization: { users: [{ user: a, password: b, \
        permissions: { publish: { deny: [\"secret.>\"] } } }] }";
    let Some(server) = Server::configured(config).await else {
        return;
    };
    let options = ConnectOptions::new().user_and_password("a", "b");
    let client = server.connect_as(options).await;
    let mut open = client.subscribe("open").await.unwrap();
    let (taken, refused, other) = tokio::join!(
        client.publish_confirmed("open", "x"),
        client.publish_confirmed("secret.a", "x"),
        client.publish_confirmed("secret.b", "x"),
    );
    taken.unwrap();
    assert_eq!(text(&next(&mut open).await), "x");
    for error in [refused.unwrap_err(), other.unwrap_err()] {
        assert_eq!(error.kind(), PublishErrorKind::PermissionDenied);
        assert!(error.to_string().contains("secret."), "{error}");
    }
    client.publish_confirmed("open", "y").await.unwrap();
    client.drain().await.unwrap();
    let closed = client.publish_confirmed("open", "z").await.unwrap_err();
    assert_eq!(closed.kind(), PublishErrorKind::Closed);
}

#[tokio::test]
async fn a_publish_that_was_not_confirmed_says_so() {
    let server = Scripted::start().await;
    let (client, mut peer) = server.connect(ConnectOptions::new()).await;
    let publishing = tokio::spawn({
        let client = client.clone();
        async move { client.publish_confirmed("a", "x").await }
    });
    peer.expect("PUB a 1").await;
    peer.expect("x").await;
    peer.expect("PING").await;
    // Of another one, which nobody waits for.
    peer.say("-ERR 'Permissions Violation for Publish to \"b\"'\r\n")
        .await;
    drop((peer, server));
    let lost = publishing.await.unwrap().unwrap_err();
    assert_eq!(lost.kind(), PublishErrorKind::Disconnected);
    let unsent = client.publish_confirmed("a", "x").await.unwrap_err();
    assert_eq!(unsent.kind(), PublishErrorKind::Disconnected);
}

#[tokio::test]
async fn an_answer_to_nobody_is_counted() {
    let server = Scripted::start().await;
    let (client, mut peer) = server.connect(ConnectOptions::new()).await;
    let request = Request::new().timeout(Duration::ZERO);
    let error = client.send_request("a", request).await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::TimedOut);
    peer.line().await;
    let asked = peer.line().await;
    let reply = asked.split(' ').nth(2).unwrap();
    peer.expect("").await;
    peer.say(format!(
        "MSG {reply} 1 0\r\n\r\nMSG {reply} 1 0\r\n\r\nMSG x 99 0\r\n\r\n"
    ))
    .await;
    let flushing = tokio::spawn({
        let client = client.clone();
        async move { client.flush().await }
    });
    peer.expect("PING").await;
    peer.say("PONG\r\n").await;
    flushing.await.unwrap().unwrap();
    assert_eq!(client.statistics().unclaimed, 3);
}
