//! Who may connect, and what each may do.

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use dunlin_clients_rust::*;
use tokio::sync::mpsc::unbounded_channel;

const TOKEN: &str = include_str!("../../../access/token.conf");
const USERS: &str = include_str!("../../../access/users.conf");
const SEED: &str = "SUACEGYQCOLDWDBWJQ4CA3PLV3UUSSJJWKDCL7UPWOQGP4PVR6ETWCY5PQ";
const OTHER_SEED: &str = "SUAGDQCW4RHPFGLHJQTD2LZWRUUV6IPNKVFL3YIPEQNNTQEQAQYNBY3BBM";

async fn speaks(client: &Client) -> Result<()> {
    let mut subscription = client.subscribe("open.x").await?;
    client.publish("open.x", "hello".into()).await?;
    assert_eq!(&next(&mut subscription).await?.payload[..], b"hello");
    Ok(())
}

async fn refused(server: &Server, options: ConnectOptions) -> Result<()> {
    let error = server.connect(options).await.err().ok_or("it was let in")?;
    let error = error.downcast::<async_nats::ConnectError>()?;
    assert_eq!(error.kind(), ConnectErrorKind::AuthorizationViolation);
    Ok(())
}

#[tokio::test]
async fn a_token_lets_in_and_a_wrong_one_does_not() -> Result<()> {
    let server = Server::configured(TOKEN).await?;
    speaks(&server.connect(ConnectOptions::with_token("t0ken".into())).await?).await?;
    refused(&server, ConnectOptions::with_token("t0ke".into())).await?;
    refused(&server, ConnectOptions::new()).await
}

#[tokio::test]
async fn a_password_lets_in_and_a_wrong_one_does_not() -> Result<()> {
    let server = Server::configured(USERS).await?;
    for user in ["joe", "ann"] {
        let with = |pass: &str| ConnectOptions::with_user_and_password(user.into(), pass.into());
        speaks(&server.connect(with("secret")).await?).await?;
        refused(&server, with("Secret")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_key_lets_in_and_another_does_not() -> Result<()> {
    let server = Server::configured(USERS).await?;
    speaks(&server.connect(ConnectOptions::with_nkey(SEED.into())).await?).await?;
    refused(&server, ConnectOptions::with_nkey(OTHER_SEED.into())).await
}

#[tokio::test]
async fn what_is_not_allowed_is_an_error_and_no_message() -> Result<()> {
    let server = Server::configured(USERS).await?;
    let login = |user: &str| ConnectOptions::with_user_and_password(user.into(), "secret".into());
    let (refusals, mut refused) = unbounded_channel();
    let low = login("low").event_callback(move |event| {
        let refusals = refusals.clone();
        async move {
            if let Event::ServerError(error) = event {
                let _ = refusals.send(error.to_string().to_lowercase());
            }
        }
    });
    let (joe, low) = (server.connect(login("joe")).await?, server.connect(low).await?);
    let mut everything = joe.subscribe("open.>").await?;
    settle(&joe).await?;
    let _shut = low.subscribe("shut").await?;
    low.publish("open.not", "no".into()).await?;
    low.publish("open.yes", "yes".into()).await?;
    assert_eq!(next(&mut everything).await?.subject.as_str(), "open.yes");
    for expected in ["subscription to \"shut\"", "publish to \"open.not\""] {
        let refusal = within(refused.recv()).await?.ok_or("no more events")?;
        assert!(refusal.contains(expected), "{refusal}");
    }
    Ok(())
}
