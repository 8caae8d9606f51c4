//! Two instances of a service that others can find, with their own tools too: with the official
//! command line `nats micro ls`, `info`, `stats` and `ping`. Runs until its input ends.
//!
//! ```sh
//! cargo run -p dunlin-examples --example service localhost:4222
//! ```

use dunlin::Client;
use dunlin::service::{Endpoint, Error};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1);
    let client = dunlin::connect(url.as_deref().unwrap_or("localhost:4222")).await?;
    for zone in ["north", "south"] {
        start(&client, zone).await?;
    }
    client.flush().await?;
    println!("ready");
    tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin())).await??;
    client.drain().await?;
    Ok(())
}

/// One instance; its task keeps it.
async fn start(client: &Client, zone: &str) -> Result<(), Box<dyn std::error::Error>> {
    let service = client
        .service_builder()
        .description("doubles numbers")
        .metadata([("zone".to_owned(), zone.to_owned())])
        .start("math", "1.2.3")
        .await?;
    let doubling = service
        .group("v1")
        .endpoint_builder()
        .name("double")
        .metadata([("unit".to_owned(), "none".to_owned())])
        .stats_data(|| r#"{"depth":3}"#.to_owned())
        .add("double")
        .await?;
    tokio::spawn(double(doubling));
    Ok(())
}

async fn double(mut requests: Endpoint) {
    while let Some(request) = requests.next().await {
        let text = String::from_utf8_lossy(&request.message.payload);
        let answer = match text.parse::<u32>() {
            Ok(number) => Ok((2 * u64::from(number)).to_string()),
            Err(error) => Err(Error::new(400, error)),
        };
        let _ = request.respond(answer).await; // Whoever asked may have gone.
    }
}
