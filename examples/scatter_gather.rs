//! One question, many answers: whoever sells it offers a price, and the lowest within a fifth of a
//! second wins. Brings its own server.

use std::time::Duration;

use dunlin::{Client, RequestMany};
use dunlin_server::Server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder().port(0).start().await?;
    for (shop, price) in [("north", 31), ("south", 29), ("east", 40)] {
        let client = dunlin::connect(server.url()).await?;
        let offers = client.subscribe("offers.cup").await?;
        tokio::spawn(sell(client, offers, shop, price));
    }
    let client = dunlin::connect(server.url()).await?;
    // Behind the third answer, or when none follows for a while: whichever is first.
    let question = RequestMany::new()
        .max(3)
        .idle(Duration::from_millis(200))
        .timeout(Duration::from_secs(5));
    let mut answers = client.request_many("offers.cup", question).await?;
    let mut offers = Vec::new();
    while let Some(answer) = answers.next().await {
        let text = String::from_utf8(answer?.payload.to_vec())?;
        println!("offered: {text}");
        offers.push(text);
    }
    let best = offers.iter().min().ok_or("nobody sells it")?;
    println!("best: {best}, ended by {:?}", answers.end());
    client.drain().await?;
    server.shutdown().await;
    Ok(())
}

async fn sell(client: Client, mut questions: dunlin::Subscriber, shop: &str, price: u32) {
    while let Some(question) = questions.next().await {
        if let Some(reply) = question.reply {
            // Whoever asked may have enough answers already.
            let _ = client.publish(reply, format!("{price} at {shop}")).await;
        }
    }
}
