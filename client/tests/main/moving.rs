//! Going over to another server before the one in use goes.

use std::time::Duration;

use dunlin::{Client, ConnectOptions, Event, Events, PublishErrorKind, RequestErrorKind, State};
use tokio::time::timeout;

use super::scripted::{INFO, Peer, Scripted};
use super::server::{PATIENCE, Server, next};

const LAME: &str = "INFO {\"headers\":true,\"max_payload\":1024,\"ldm\":true}\r\n";

async fn event(events: &mut Events) -> Event {
    let event = timeout(PATIENCE, events.next()).await;
    event.expect("an event comes").expect("the client lives")
}

fn options() -> ConnectOptions {
    ConnectOptions::new()
        .retain_servers_order()
        .reconnect_delay_callback(|_| Duration::from_millis(2))
}

/// A client of the first of two servers.
async fn client_of(first: &Scripted, second: &Scripted) -> (Client, Peer) {
    let connecting = options().connect([first.addr, second.addr]);
    let (client, peer) = tokio::join!(connecting, first.admit());
    (client.unwrap(), peer)
}

#[tokio::test]
async fn a_client_leaves_a_lame_duck_in_order() {
    let (first, second) = (Scripted::start().await, Scripted::start().await);
    let (client, mut old) = client_of(&first, &second).await;
    let mut events = client.events();
    let mut subscriber = client.subscribe_at_once("a", Default::default()).unwrap();
    client.publish("b", "1").await.unwrap();
    for line in ["SUB a 1", "PUB b 1", "1"] {
        old.expect(line).await;
    }
    old.say(LAME).await;
    let mut new = second.accept().await;
    // As long as the new connection does not stand, the old one is used.
    client.publish("b", "2").await.unwrap();
    for line in ["PUB b 1", "2"] {
        old.expect(line).await;
    }
    new.shake_hands(INFO).await;
    old.expect("PING").await;
    client.publish("b", "3").await.unwrap();
    let asked = client.request("r", "x");
    let flushed = client.flush();
    let rest = async {
        old.say("MSG a 1 1\r\nx\r\nPONG\r\n").await;
        new.expect("SUB a 1").await;
        assert!(new.line().await.starts_with("SUB _INBOX."));
        for line in ["PUB b 1", "3"] {
            new.expect(line).await;
        }
        old.hung_up().await;
        // In the order in which the calls were made.
        let (mut inbox, mut is_flushed) = (String::new(), false);
        while inbox.is_empty() || !is_flushed {
            let line = new.line().await;
            is_flushed |= line == "PING";
            if let Some(request) = line.strip_prefix("PUB r ") {
                inbox = request.split(' ').next().unwrap().to_owned();
                new.expect("x").await;
            }
            if line == "PING" {
                new.say("PONG\r\n").await;
            }
        }
        let sid = 2;
        new.say(format!("MSG {inbox} {sid} 1\r\ny\r\n")).await;
    };
    let (answer, flushed, ()) = tokio::join!(asked, flushed, rest);
    assert!(answer.is_ok_and(|answer| answer.payload == "y") && flushed.is_ok());
    assert_eq!(next(&mut subscriber).await.payload, "x");
    assert_eq!(event(&mut events).await, Event::LameDuck);
    assert_eq!(event(&mut events).await, Event::Moved);
    let statistics = client.statistics();
    assert_eq!((statistics.connects, statistics.unconfirmed), (2, 0));
    assert_eq!(client.state(), State::Connected);
}

#[tokio::test]
async fn a_lame_duck_that_falls_silent_is_left_with_what_it_did_not_confirm() {
    let (first, second) = (Scripted::start().await, Scripted::start().await);
    let (client, mut old) = client_of(&first, &second).await;
    let mut events = client.events();
    client.publish("b", "1").await.unwrap();
    old.say(LAME).await;
    let mut new = second.admit().await;
    for line in ["PUB b 1", "1", "PING"] {
        old.expect(line).await;
    }
    client.publish("b", "2").await.unwrap();
    drop(old);
    for line in ["PUB b 1", "2"] {
        new.expect(line).await;
    }
    assert_eq!(event(&mut events).await, Event::LameDuck);
    assert!(matches!(event(&mut events).await, Event::Disconnected(_)));
    assert_eq!(event(&mut events).await, Event::Reconnected);
    assert_eq!(event(&mut events).await, Event::Unconfirmed(1));
    assert_eq!(client.statistics().unconfirmed, 1);
}

#[tokio::test]
async fn what_is_too_large_for_the_new_server_is_told_to_whoever_waits_for_it() {
    let (first, second) = (Scripted::start().await, Scripted::start().await);
    let (client, mut old) = client_of(&first, &second).await;
    old.say(LAME).await;
    let mut new = second.accept().await;
    new.shake_hands("INFO {\"headers\":true,\"max_payload\":4}\r\n")
        .await;
    old.expect("PING").await;
    let (large, small) = ("12345", "1234");
    let told = async {
        tokio::join!(
            client.publish_confirmed("b", large),
            client.request("r", large),
            client.publish_confirmed("b", small),
            client.flush(),
        )
    };
    let rest = async {
        old.say("PONG\r\n").await;
        let mut pings = 0;
        while pings < 3 {
            match &*new.line().await {
                "PING" => {
                    new.say("PONG\r\n").await;
                    pings += 1;
                }
                "PUB b 4" => new.expect(small).await,
                line => assert!(line.starts_with("SUB _INBOX."), "{line}"),
            }
        }
    };
    let ((confirmed, answer, other, flushed), ()) = tokio::join!(told, rest);
    let kind = confirmed.unwrap_err().kind();
    assert_eq!(kind, PublishErrorKind::PayloadTooLarge);
    let kind = answer.unwrap_err().kind();
    assert_eq!(kind, RequestErrorKind::PayloadTooLarge);
    assert!(other.is_ok() && flushed.is_ok());
    assert_eq!(client.statistics().discarded, 2);
}

#[tokio::test]
async fn a_client_with_nowhere_to_go_stays() {
    let (first, second) = (Scripted::start().await, Scripted::start().await);
    let (client, mut old) = client_of(&first, &second).await;
    let mut events = client.events();
    drop(second);
    old.say(LAME).await;
    assert_eq!(event(&mut events).await, Event::LameDuck);
    assert!(matches!(event(&mut events).await, Event::ConnectFailed(_)));
    client.publish("b", "1").await.unwrap();
    old.expect("PUB b 1").await;
}

#[tokio::test]
async fn a_drain_in_the_middle_of_a_move_ends_on_the_old_server() {
    let (first, second) = (Scripted::start().await, Scripted::start().await);
    let (client, mut old) = client_of(&first, &second).await;
    old.say(LAME).await;
    let _new = second.admit().await;
    old.expect("PING").await;
    client.publish("b", "1").await.unwrap();
    let drained = client.drain();
    let rest = async {
        for line in ["PUB b 1", "1"] {
            old.expect(line).await;
        }
        old.say("PONG\r\n").await;
        old.expect("PING").await;
        old.say("PONG\r\n").await;
        old.hung_up().await;
    };
    let (report, ()) = tokio::join!(drained, rest);
    let report = report.unwrap();
    assert_eq!((report.discarded, report.unconfirmed), (0, 0));
}

#[tokio::test]
async fn nothing_is_lost_when_a_real_server_says_that_it_goes() {
    let Some(first) = Server::configured("").await else {
        return;
    };
    let second = Server::start().await;
    let client = options().connect([first.addr, second.addr]).await.unwrap();
    let mut events = client.events();
    let mut subscriber = client.subscribe("a").await.unwrap();
    let publishing = tokio::spawn({
        let client = client.clone();
        async move {
            let mut number = 0;
            while client.statistics().connects < 2 {
                client.publish("a", number.to_string()).await.unwrap();
                number += 1;
                tokio::task::yield_now().await;
            }
            client.flush().await.unwrap();
            number
        }
    });
    assert!(first.lame_duck());
    assert_eq!(event(&mut events).await, Event::LameDuck);
    assert_eq!(event(&mut events).await, Event::Moved);
    let published = timeout(PATIENCE, publishing).await.unwrap().unwrap();
    for number in 0..published {
        assert_eq!(next(&mut subscriber).await.payload, number.to_string());
    }
    assert_eq!(
        (subscriber.dropped(), client.statistics().unconfirmed),
        (0, 0)
    );
    assert_eq!(client.server_info().port, second.addr.port());
}
