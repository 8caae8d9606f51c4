//! A work queue: tasks go to whichever worker is free. At most once: a task that a worker takes
//! down with it is not given to another, and one that no worker waits for is refused at once.
//! Brings its own server.
//!
//! Each task is a request, so the producer knows when a worker has done it. Tasks wait with their
//! worker, in the bounded queue of its subscription.

use std::time::Duration;

use dunlin::{Client, RequestErrorKind};
use dunlin_server::Server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder().port(0).start().await?;
    let producer = dunlin::connect(server.url()).await?;
    if let Err(error) = producer.request("tasks", "too early").await
        && error.kind() == RequestErrorKind::NoResponders
    {
        println!("no worker yet: {error}");
    }
    for name in ["ada", "bob"] {
        tokio::spawn(work(dunlin::connect(server.url()).await?, name));
    }
    while producer.request("tasks", "").await.is_err() {
        tokio::task::yield_now().await; // Until the first worker is there.
    }
    let tasks = (1..=6).map(|number| {
        let producer = producer.clone();
        tokio::spawn(async move { producer.request("tasks", ".".repeat(number)).await })
    });
    let tasks: Vec<_> = tasks.collect();
    for (number, task) in tasks.into_iter().enumerate() {
        let done = task.await??;
        println!(
            "task {}: {}",
            number + 1,
            String::from_utf8_lossy(&done.payload)
        );
    }
    server.shutdown().await;
    Ok(())
}

/// A dot is a moment of work.
async fn work(client: Client, name: &str) -> Result<(), dunlin::SubscribeError> {
    let mut tasks = client.queue_subscribe("tasks", "workers").await?;
    while let Some(task) = tasks.next().await {
        tokio::time::sleep(Duration::from_millis(10) * task.payload.len() as u32).await;
        if let Some(reply) = task.reply {
            // A producer that is gone is no concern of a worker.
            let _ = client.publish(reply, format!("done by {name}")).await;
        }
    }
    Ok(())
}
