//! Services: made, found, counted, stopped.

use std::time::Duration;

use dunlin::service::{Discovery, Error, Metadata, ServiceErrorKind};
use dunlin::{Client, RequestErrorKind, RequestMany};
use tokio::time::timeout;

use super::server::{PATIENCE, Server, text};

/// A service that doubles numbers, and fails where it is given none.
async fn doubling(client: &Client, description: &str) -> dunlin::service::Service {
    let metadata = [("zone".to_owned(), "north".to_owned())];
    let builder = client.service_builder().description(description);
    let service = builder
        .metadata(metadata)
        .start("math", "1.2.3")
        .await
        .unwrap();
    let mut requests = service.group("v1").endpoint("double").await.unwrap();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let answer = match text(&request.message).parse::<u64>() {
                Ok(number) => Ok((number * 2).to_string()),
                Err(_) => Err(Error::new(400, "not a\nnumber")),
            };
            request.respond(answer).await.unwrap();
        }
    });
    service
}

#[tokio::test]
async fn instances_share_the_requests_and_count_them() {
    let server = Server::start().await;
    let (here, there, asking) = (
        server.connect().await,
        server.connect().await,
        server.connect().await,
    );
    let services = [doubling(&here, "").await, doubling(&there, "").await];
    for number in 0..100_u64 {
        let answer = asking
            .request("v1.double", number.to_string())
            .await
            .unwrap();
        assert_eq!(text(&answer), (number * 2).to_string());
        assert_eq!(answer.service_error(), None);
    }
    let answer = asking.request("v1.double", "x").await.unwrap();
    assert_eq!(
        answer.service_error(),
        Some(Error::new(400, "not a number"))
    );
    let counted = async {
        loop {
            let stats = services
                .each_ref()
                .map(|service| service.stats().endpoints[0].clone());
            if stats[0].requests + stats[1].requests == 101 {
                return stats;
            }
            tokio::task::yield_now().await;
        }
    };
    let stats = timeout(PATIENCE, counted).await.unwrap();
    assert!(stats[0].requests > 0 && stats[1].requests > 0, "{stats:?}");
    assert_eq!(stats[0].errors + stats[1].errors, 1);
    let last = stats.iter().find(|one| one.errors == 1).unwrap();
    assert_eq!(last.last_error, "400:not a\nnumber");
    assert!(last.processing_time >= last.average_processing_time * last.requests as u32);
    services[0].reset();
    assert_eq!(services[0].stats().endpoints[0].requests, 0);
}

#[tokio::test]
async fn whoever_asks_finds_who_is_there() {
    let server = Server::start().await;
    let (client, asking) = (server.connect().await, server.connect().await);
    assert_eq!(Discovery::new().ping(&asking).await.unwrap(), []);
    let first = doubling(&client, "doubles").await;
    let second = doubling(&client, "doubles").await;
    let other = client
        .service_builder()
        .start("other", "0.0.1-pre")
        .await
        .unwrap();
    let one = other
        .endpoint_builder()
        .name("plain")
        .without_queue_group()
        .metadata([("k".to_owned(), "v".to_owned())])
        .stats_data(|| r#"{"depth":3}"#.to_owned())
        .add("some.where.*");
    let _one = one.await.unwrap();

    let all = Discovery::new().ping(&asking).await.unwrap();
    let names: Vec<_> = all.iter().map(|ping| ping.name.as_str()).collect();
    assert_eq!(names, ["math", "math", "other"]);
    assert_eq!(all[0].metadata["zone"], "north");
    let infos = Discovery::new().name("math").info(&asking).await.unwrap();
    let mut ids = [first.id(), second.id()];
    ids.sort_unstable();
    assert_eq!([&*infos[0].id, &*infos[1].id], ids);
    let found = infos.iter().find(|info| info.id == first.id()).unwrap();
    assert_eq!(
        (found, found.description.as_str()),
        (&first.info(), "doubles")
    );
    assert_eq!(found.endpoints[0].subject, "v1.double");
    assert_eq!(found.endpoints[0].queue_group, "q");
    let stats = Discovery::new().name("other").id(other.id());
    let stats = stats.stats(&asking).await.unwrap();
    assert_eq!(stats, [other.stats()]);
    let endpoint = &stats[0].endpoints[0];
    assert_eq!((&*endpoint.name, &*endpoint.queue_group), ("plain", ""));
    assert_eq!(endpoint.data.as_deref(), Some(r#"{"depth":3}"#));
    let info = Discovery::new().name("other").info(&asking).await.unwrap();
    assert_eq!(
        info[0].endpoints[0].metadata,
        Metadata::from([("k".into(), "v".into())])
    );
}

#[tokio::test]
async fn the_answers_are_those_of_the_convention() {
    let server = Server::start().await;
    let client = server.connect().await;
    let service = client
        .service_builder()
        .start("bare", "1.0.0")
        .await
        .unwrap();
    let _endpoint = service.endpoint("a.b").await.unwrap();
    let id = service.id();
    let own = format!("$SRV.PING.bare.{id}");
    for subject in ["$SRV.PING", "$SRV.PING.bare", &own] {
        let answer = client.request(subject, "").await.unwrap();
        assert_eq!(
            text(&answer),
            format!(
                "{{\"id\":\"{id}\",\"metadata\":{{}},\"name\":\"bare\",\
                 \"type\":\"io.nats.micro.v1.ping_response\",\"version\":\"1.0.0\"}}"
            )
        );
    }
    let answer = client.request("$SRV.INFO.bare", "").await.unwrap();
    assert_eq!(
        text(&answer),
        format!(
            "{{\"description\":\"\",\"endpoints\":[{{\"metadata\":{{}},\"name\":\"a-b\",\
             \"queue_group\":\"q\",\"subject\":\"a.b\"}}],\"id\":\"{id}\",\"metadata\":{{}},\
             \"name\":\"bare\",\"type\":\"io.nats.micro.v1.info_response\",\"version\":\"1.0.0\"}}"
        )
    );
    let answer = client.request("$SRV.STATS.bare", "").await.unwrap();
    let started = service.stats().started;
    assert_eq!(
        text(&answer),
        format!(
            "{{\"endpoints\":[{{\"average_processing_time\":0,\"last_error\":\"\",\
             \"name\":\"a-b\",\"num_errors\":0,\"num_requests\":0,\"processing_time\":0,\
             \"queue_group\":\"q\",\"subject\":\"a.b\"}}],\"id\":\"{id}\",\"metadata\":{{}},\
             \"name\":\"bare\",\"started\":\"{started}\",\
             \"type\":\"io.nats.micro.v1.stats_response\",\"version\":\"1.0.0\"}}"
        )
    );
}

#[tokio::test]
async fn a_service_that_stops_answers_what_it_has_and_is_found_no_more() {
    let server = Server::start().await;
    let (client, asking) = (server.connect().await, server.connect().await);
    let service = client
        .service_builder()
        .start("brief", "1.0.0")
        .await
        .unwrap();
    let mut requests = service.endpoint("brief").await.unwrap();
    let request = RequestMany::new().max(1);
    let mut answers = asking.request_many("brief", request).await.unwrap();
    asking.flush().await.unwrap();
    service.stop().await.unwrap();
    let last = requests.next().await.unwrap();
    last.respond(Ok("done")).await.unwrap();
    assert!(requests.next().await.is_none());
    assert_eq!(text(&answers.next().await.unwrap().unwrap()), "done");
    let error = asking.request("brief", "").await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::NoResponders);
    let quick = Discovery::new().wait(Duration::from_millis(500), Duration::from_millis(50));
    assert_eq!(quick.ping(&asking).await.unwrap(), []);
}

#[tokio::test]
async fn a_service_lives_as_long_as_one_of_its_endpoints() {
    let server = Server::start().await;
    let (client, asking) = (server.connect().await, server.connect().await);
    let service = client
        .service_builder()
        .start("life", "1.0.0")
        .await
        .unwrap();
    let endpoint = service.endpoint("life").await.unwrap();
    drop(service);
    assert!(asking.request("$SRV.PING.life", "").await.is_ok());
    drop(endpoint);
    let gone = async {
        while asking.request("$SRV.PING.life", "").await.is_ok() {
            client.flush().await.unwrap();
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
}

#[tokio::test]
async fn what_no_service_can_be_called_is_refused() {
    let server = Server::start().await;
    let client = server.connect().await;
    let error = client
        .service_builder()
        .start("a.b", "1.0.0")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ServiceErrorKind::InvalidName);
    let error = client.service_builder().start("a", "1").await.unwrap_err();
    assert_eq!(error.kind(), ServiceErrorKind::InvalidVersion);
    let service = client.service_builder().start("a", "1.0.0").await.unwrap();
    let error = service.endpoint("a..b").await.unwrap_err();
    assert_eq!(error.kind(), ServiceErrorKind::Subscribe);
    let error = service
        .endpoint_builder()
        .name("")
        .add("a")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ServiceErrorKind::InvalidName);
}
