//! A test that waits for an hour in no time: server, client and service follow the clock of tokio,
//! and with that clock paused, time passes as soon as nobody has anything to do. Needs nothing else.

use std::time::Duration;

use dunlin::{ConnectOptions, Request, RequestErrorKind};
use dunlin_server::Server;
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder().port(0).start().await?;
    let client = ConnectOptions::new().connect_with(server.connect()).await?;
    let began = (Instant::now(), std::time::Instant::now());

    // A worker that takes an hour, and a caller who waits for two.
    let mut jobs = client.subscribe("jobs").await?;
    let worker = client.clone();
    tokio::spawn(async move {
        while let Some(job) = jobs.next().await {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            if let Some(reply) = job.reply {
                let _ = worker.publish(reply, "at last").await; // The caller may have given up.
            }
        }
    });
    let patient = Request::new().timeout(Duration::from_secs(7200));
    let answer = client.send_request("jobs", patient).await?;
    assert_eq!(answer.payload, "at last");

    // And one who waits for a minute only.
    let hasty = Request::new().timeout(Duration::from_secs(60));
    let error = client.send_request("jobs", hasty).await;
    let kind = error.map_err(|error| error.kind());
    assert_eq!(kind, Err(RequestErrorKind::TimedOut));

    println!(
        "{} s on the clock, {:?} on the wall",
        began.0.elapsed().as_secs(),
        began.1.elapsed()
    );
    Ok(())
}
