//! Two workers share the requests of a queue group; a request that nobody serves fails at once.
//! Brings its own server.

use std::time::Duration;

use dunlin::{Client, ConnectOptions, RequestErrorKind};
use dunlin_server::Server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder().port(0).start().await?;
    for name in ["first", "second"] {
        let client = dunlin::connect(server.url()).await?;
        let mut requests = client.queue_subscribe("double", "workers").await?;
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                if let Some(answer) = double(name, &request.payload)
                    && let Some(reply) = request.reply
                {
                    // A requester that is gone is no concern of a worker.
                    let _ = client.publish(reply, answer).await;
                }
            }
        });
    }
    let client = ConnectOptions::new()
        .request_timeout(Duration::from_secs(2))
        .connect(server.url())
        .await?;
    for number in 1..=6 {
        let answer = client.request("double", number.to_string()).await?;
        println!("{number}: {}", String::from_utf8_lossy(&answer.payload));
    }
    nobody_is_there(&client).await;
    client.drain().await?;
    server.shutdown().await;
    Ok(())
}

fn double(name: &str, payload: &[u8]) -> Option<String> {
    let number: u64 = std::str::from_utf8(payload).ok()?.parse().ok()?;
    Some(format!("{} from the {name} worker", number * 2))
}

/// No timeout is waited for: the server says that nobody listens.
async fn nobody_is_there(client: &Client) {
    match client.request("triple", "1").await {
        Err(error) if error.kind() == RequestErrorKind::NoResponders => println!("{error}"),
        other => println!("unexpected: {other:?}"),
    }
}
