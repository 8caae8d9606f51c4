//! Being let in, or not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dunlin::{Auth, AuthError, ConnectErrorKind, ConnectOptions, Event, UserKey};
use tokio::time::timeout;

use super::jwt::operator;
use super::server::{PATIENCE, Server, next};

/// Connects, and sees that the connection is good for something.
async fn is_let_in(server: &Server, options: ConnectOptions) {
    let client = server.connect_as(options).await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    client.publish("a", "x").await.unwrap();
    next(&mut subscriber).await;
}

async fn kind_of(server: &Server, options: ConnectOptions) -> ConnectErrorKind {
    options.connect(server.addr).await.unwrap_err().kind()
}

#[tokio::test]
async fn a_password_or_a_token_lets_in() {
    let users = "authorization { user: ada, password: \"pa ss\" }";
    let Some(server) = Server::configured(users).await else {
        return;
    };
    is_let_in(
        &server,
        ConnectOptions::new().user_and_password("ada", "pa ss"),
    )
    .await;
    let url = format!("nats://ada:pa%20ss@{}", server.addr);
    assert!(dunlin::connect(url).await.is_ok());
    let wrong = ConnectOptions::new().user_and_password("ada", "x");
    assert_eq!(
        kind_of(&server, wrong).await,
        ConnectErrorKind::Authentication
    );
    let none = ConnectOptions::new();
    assert_eq!(
        kind_of(&server, none).await,
        ConnectErrorKind::Authentication
    );
    let Some(server) = Server::configured("authorization { token: s3cret }").await else {
        return;
    };
    is_let_in(&server, ConnectOptions::new().token("s3cret")).await;
    let url = format!("nats://s3cret@{}", server.addr);
    assert!(dunlin::connect(url).await.is_ok());
}

#[tokio::test]
async fn the_seed_of_an_nkey_signs() {
    let pair = nkeys::KeyPair::new_user();
    let config = format!(
        "authorization {{ users: [ {{ nkey: {} }} ] }}",
        pair.public_key()
    );
    let Some(server) = Server::configured(&config).await else {
        return;
    };
    let seed = pair.seed().unwrap();
    is_let_in(&server, ConnectOptions::new().nkey(&seed)).await;
    let stranger = nkeys::KeyPair::new_user().seed().unwrap();
    let stranger = ConnectOptions::new().nkey(stranger);
    assert_eq!(
        kind_of(&server, stranger).await,
        ConnectErrorKind::Authentication
    );
}

#[tokio::test]
async fn a_server_that_asks_for_no_signature_gets_none() {
    let server = Server::start().await;
    let seed = nkeys::KeyPair::new_user().seed().unwrap();
    is_let_in(&server, ConnectOptions::new().nkey(seed)).await;
}

#[tokio::test]
async fn a_jwt_is_signed_for_by_a_callback_or_by_credentials() {
    let operator = operator();
    let Some(server) = Server::only_reference(&operator.config).await else {
        return;
    };
    let key = UserKey::from_seed(&operator.user.seed().unwrap()).unwrap();
    let signing = ConnectOptions::new().jwt(&operator.jwt, move |nonce| {
        let signature = key.sign(&nonce);
        async move { Ok(signature) }
    });
    is_let_in(&server, signing).await;
    let wrong = ConnectOptions::new().jwt(&operator.jwt, |_| async { Ok(vec![0; 64]) });
    assert_eq!(
        kind_of(&server, wrong).await,
        ConnectErrorKind::Authentication
    );
    let failing = ConnectOptions::new().jwt(&operator.jwt, |_| async {
        Err(AuthError::new("the vault is shut"))
    });
    let error = failing.connect(server.addr).await.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::Credentials);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "the vault is shut");

    let text = operator.credentials();
    is_let_in(&server, ConnectOptions::new().credentials(&text).unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("user.creds");
    std::fs::write(&path, &text).unwrap();
    let from_file = ConnectOptions::new().credentials_file(&path).await.unwrap();
    is_let_in(&server, from_file).await;
}

#[tokio::test]
async fn a_credentials_file_is_read_again_for_each_connection() {
    let operator = operator();
    let Some(server) = Server::only_reference(&operator.config).await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("user.creds");
    std::fs::write(&path, operator.credentials().replace(".e", ".f")).unwrap();
    let options = ConnectOptions::new().credentials_file(&path).await.unwrap();
    let options = options
        .retry_on_initial_connect()
        .reconnect_delay_callback(|_| Duration::from_millis(20));
    let broken = std::fs::read_to_string(&path).unwrap();
    let client = server.connect_as(options).await;
    let mut events = client.events();
    // A file that is gone is no reason to give up either: it may be in the middle of being renewed.
    std::fs::remove_file(&path).unwrap();
    let renewed = async {
        while let Some(event) = events.next().await {
            match event {
                Event::ConnectFailed(why) if why.starts_with("no credentials to show") => {
                    std::fs::write(&path, operator.credentials()).unwrap();
                }
                Event::Connected => return,
                _ => {}
            }
        }
        panic!("the client has given up");
    };
    timeout(PATIENCE, renewed).await.expect("it comes back");
    assert_ne!(broken, operator.credentials());
}

#[tokio::test]
async fn a_callback_is_asked_for_each_connection() {
    let config = "authorization { user: ada, password: second }";
    let Some(server) = Server::configured(config).await else {
        return;
    };
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let options = ConnectOptions::new().auth_callback(move |nonce| {
        assert!(nonce.is_empty());
        let number = count.fetch_add(1, Ordering::Relaxed);
        async move {
            let mut auth = Auth::new();
            auth.username = Some("ada".to_owned());
            match number {
                0 => return Err(AuthError::new("not now")),
                1 => auth.password = Some("first".to_owned()),
                _ => auth.password = Some("second".to_owned()),
            }
            Ok(auth)
        }
    });
    let client = options
        .retry_on_initial_connect()
        .reconnect_delay_callback(|_| Duration::from_millis(2))
        .connect(server.addr)
        .await
        .unwrap();
    timeout(PATIENCE, client.flush()).await.unwrap().unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn what_is_no_seed_is_told_before_anything_is_dialled() {
    let error = ConnectOptions::new()
        .nkey("SUA")
        .connect("nowhere.invalid")
        .await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::Credentials);
    assert_eq!(
        error.to_string(),
        "no credentials to show: seed is not 58 letters of base32"
    );
    assert!(ConnectOptions::new().credentials("x").is_err());
    let error = ConnectOptions::new()
        .credentials_file("/nowhere.creds")
        .await;
    assert!(error.unwrap_err().to_string().contains("/nowhere.creds"));
}
