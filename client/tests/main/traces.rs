//! One trace from message to message.

use dunlin::HeaderMap;
use dunlin::trace::TraceContext;

use super::server::{Server, next};

#[tokio::test]
async fn a_trace_goes_on_through_everything_that_is_published_in_it() {
    let server = Server::start().await;
    let client = server.connect().await;
    let mut first = client.subscribe("first").await.unwrap();
    let mut second = client.subscribe("second").await.unwrap();
    let mut third = client.subscribe("third").await.unwrap();
    client.publish("first", "outside").await.unwrap();
    assert_eq!(next(&mut first).await.trace_context(), None);

    let root = TraceContext::root();
    root.scope(tracing::Span::none(), client.publish("first", "x"))
        .await
        .unwrap();
    let message = next(&mut first).await;
    assert_eq!(message.trace_context(), Some(root));
    let answering = tokio::spawn({
        let client = client.clone();
        async move {
            let request = next(&mut second).await;
            let reply = request.reply.clone().unwrap();
            request.traced(client.publish(reply, "y")).await.unwrap();
            request
        }
    });
    let answer = message.traced(async {
        let step = TraceContext::current().unwrap();
        assert_eq!(step.trace_id(), root.trace_id());
        assert_ne!(step.span_id(), root.span_id());
        let headers = HeaderMap::try_from([("A", "1")]).unwrap();
        client
            .publish_with_headers("third", headers, "")
            .await
            .unwrap();
        client.request("second", "x").await.unwrap()
    });
    let answer = answer.await;
    let request = answering.await.unwrap();
    let asked = request.trace_context().unwrap();
    let answered = answer.trace_context().unwrap();
    assert_eq!(asked.trace_id(), root.trace_id());
    assert_eq!(answered.trace_id(), root.trace_id());
    assert_ne!(asked.span_id(), answered.span_id());
    let besides = next(&mut third).await;
    assert_eq!(besides.trace_context(), Some(asked));
    assert_eq!(besides.headers.unwrap().get("A"), Some("1"));
    assert_eq!(TraceContext::current(), None);
}

#[tokio::test]
async fn who_sets_the_header_keeps_it() {
    let server = Server::start().await;
    let client = server.connect().await;
    let mut messages = client.subscribe("a").await.unwrap();
    let own = TraceContext::root();
    let headers = HeaderMap::try_from([("Traceparent", own.to_string())]).unwrap();
    let publishing = client.publish_with_headers("a", headers, "");
    let other = TraceContext::root();
    other
        .scope(tracing::Span::none(), publishing)
        .await
        .unwrap();
    let message = next(&mut messages).await;
    assert_eq!(message.trace_context(), Some(own));
    assert_eq!(message.headers.unwrap().len(), 1);
}
