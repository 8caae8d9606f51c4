//! Other ways to a server than TCP: Unix-domain sockets and WebSocket.

use dunlin::ConnectOptions;

use super::server::{Server, next};

async fn works(url: String) {
    let client = ConnectOptions::new().connect(url).await.unwrap();
    let mut subscriber = client.subscribe("a").await.unwrap();
    let large = vec![b'x'; 300_000];
    client.publish("a", &large).await.unwrap();
    for number in 0..1000 {
        client.publish("a", number.to_string()).await.unwrap();
    }
    assert_eq!(next(&mut subscriber).await.payload, large);
    for number in 0..1000 {
        assert_eq!(next(&mut subscriber).await.payload, number.to_string());
    }
    client.drain().await.unwrap();
}

/// A Unix-domain socket in front of a server that has none of its own: bytes are passed on.
#[cfg(unix)]
#[tokio::test]
async fn a_unix_domain_socket_leads_to_a_server() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nats.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let addr = server.addr;
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = tokio::net::TcpStream::connect(addr).await.unwrap();
            tokio::spawn(async move {
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    works(format!("unix:{}", path.display())).await;
    let error = dunlin::connect("unix:/nowhere.sock").await.unwrap_err();
    assert_eq!(error.to_string(), "socket failed: unix:/nowhere.sock");
}

#[cfg(feature = "websocket")]
#[tokio::test]
async fn websocket_frames_carry_the_protocol() {
    let web = super::server::free_addr();
    let config = format!("websocket {{ listen: \"{web}\", no_tls: true }}");
    let Some(_server) = Server::configured(&config).await else {
        return;
    };
    for url in [format!("ws://{web}"), format!("ws://{web}/any/path?x")] {
        works(url).await;
    }
    // What speaks no HTTP is no WebSocket.
    let plain = Server::start().await;
    let error = dunlin::connect(format!("ws://{}", plain.addr))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), dunlin::ConnectErrorKind::Protocol);
}
