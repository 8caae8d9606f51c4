//! A server inside the program, and a client of it without a socket: what a test of a service
//! looks like. Needs nothing else to run.

use dunlin::ConnectOptions;
use dunlin_server::Server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder().port(0).start().await?;
    let client = ConnectOptions::new().connect_with(server.connect()).await?;
    let mut orders = client.subscribe("orders.>").await?;
    client.publish("orders.eu.1", "two cups").await?;
    let order = orders.next().await.ok_or("the connection is closed")?;
    println!("{}: {:?}", order.subject, order.payload);
    let seen = server.statistics();
    println!("{} in, {} out", seen.in_messages, seen.out_messages);
    server.shutdown().await;
    Ok(())
}
