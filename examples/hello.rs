//! Publish, and receive it: the ten lines of the README. Needs a server on port 4222.

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = dunlin::connect("nats://localhost:4222").await?;
    let mut greetings = client.subscribe("greet.*").await?;
    client.publish("greet.joe", "hello").await?;
    let message = greetings.next().await.ok_or("the connection is closed")?;
    println!("{}: {:?}", message.subject, message.payload);
    Ok(())
}
