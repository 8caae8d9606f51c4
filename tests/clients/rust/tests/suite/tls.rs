//! Encrypted connections, and certificates that say who somebody is.

use std::path::PathBuf;

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use dunlin_clients_rust::*;

/// A file that `tests/clients/certificates` makes.
fn certificate(name: &str) -> PathBuf {
    let folder = std::env::var_os("DUNLIN_CERTIFICATES").unwrap_or_default();
    PathBuf::from(folder).join(format!("{name}.pem"))
}

/// A server with these keys in its tls block, and this beside it.
async fn encrypted(keys: &str, beside: &str) -> Result<Server> {
    let (cert, key) = (certificate("server"), certificate("server-key"));
    let files = format!("cert_file: {cert:?}, key_file: {key:?}");
    Server::configured(&format!("tls {{ {files}, {keys} }}\n{beside}")).await
}

fn verifying(key: &str) -> String {
    format!("ca_file: {:?}, {key}: true", certificate("ca"))
}

const USERS: &str = "authorization { users: [{user: known.example, permissions: {publish: mine}}] }";

fn trusting() -> ConnectOptions {
    options().add_root_certificates(certificate("ca"))
}

fn showing(name: &str) -> ConnectOptions {
    trusting().add_client_certificate(certificate(name), certificate(&format!("{name}-key")))
}

/// Sends a message to itself.
async fn exchange(client: &Client) -> Result<()> {
    let mut inbox = client.subscribe("mine").await?;
    for payload in [vec![b'a'], vec![b'b'; 1_000_000]] {
        client.publish("mine", payload.clone().into()).await?;
        assert_eq!(next(&mut inbox).await?.payload, payload);
    }
    Ok(())
}

#[tokio::test]
async fn messages_arrive_encrypted() -> Result<()> {
    let server = encrypted("", "").await?;
    exchange(&server.connect(trusting()).await?).await
}

#[tokio::test]
async fn the_handshake_may_come_first() -> Result<()> {
    let server = encrypted("handshake_first: true", "").await?;
    exchange(&server.connect(trusting().tls_first()).await?).await
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_refused() -> Result<()> {
    let server = encrypted("", "").await?;
    assert!(server.connect(options()).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_demanded_certificate_lets_in() -> Result<()> {
    let server = encrypted(&verifying("verify"), "").await?;
    exchange(&server.connect(showing("unknown")).await?).await
}

#[tokio::test]
async fn without_a_demanded_certificate_nobody_is_let_in() -> Result<()> {
    let server = encrypted(&verifying("verify"), "").await?;
    assert!(server.connect(trusting()).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_certificate_says_who_somebody_is() -> Result<()> {
    let server = encrypted(&verifying("verify_and_map"), USERS).await?;
    let (send, mut errors) = tokio::sync::mpsc::unbounded_channel();
    let note = move |event| {
        let send = send.clone();
        async move {
            if let Event::ServerError(error) = event {
                let _ = send.send(error.to_string());
            }
        }
    };
    let client = server.connect(showing("known").event_callback(note)).await?;
    exchange(&client).await?;
    client.publish("not.mine", "a".into()).await?;
    let error = within(errors.recv()).await?.ok_or("no error came")?;
    assert!(error.to_lowercase().contains("permissions violation"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_certificate_of_nobody_is_refused() -> Result<()> {
    let server = encrypted(&verifying("verify_and_map"), USERS).await?;
    let error = server.connect(showing("unknown")).await.err().ok_or("it was let in")?;
    let error = error.downcast::<async_nats::ConnectError>()?;
    assert_eq!(error.kind(), ConnectErrorKind::AuthorizationViolation);
    Ok(())
}
