//! The link inside the process beside a socket: the same server, the same clients, the same work.

use std::time::{Duration, Instant};

use dunlin::{Client, ConnectOptions};

use crate::Failure;
use crate::latency::Percentiles;

/// Prints message rates and round trips over both, in turn; over one alone if it is `only` that,
/// for a profiler (of round
/// trips if the count is 0).
pub(crate) async fn compare(count: u64, only: &str) -> Result<(), Failure> {
    let server = dunlin_server::Server::builder().host("127.0.0.1").port(0);
    let server = server.start().await?;
    let addr = server.addr();
    let options = || ConnectOptions::new().subscription_capacity(10_000_000);
    let linked = [
        options().connect_with(server.connect()).await?,
        options().connect_with(server.connect()).await?,
    ];
    let remote = [
        options().connect(addr).await?,
        options().connect(addr).await?,
    ];
    let ways = [("link", &linked), ("tcp", &remote)];
    if let Some((_, [from, to])) = ways.iter().find(|(name, _)| *name == only) {
        let began = crate::cpu_micros()?;
        for _ in 0..ROUNDS {
            match count {
                0 => drop(round_trips(from, to).await?),
                _ => drop(flow(from, to, count).await?),
            }
        }
        let count = count.max(TRIPS as u64);
        let each = (crate::cpu_micros()? - began) as f64 / (count * ROUNDS as u64) as f64;
        println!("{only}: {each:.3} µs of CPU for each message");
        return Ok(());
    }
    let mut rates = [const { Vec::new() }; 2];
    let mut trips = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        for (way, (_, [from, to])) in ways.iter().enumerate() {
            rates[way].push(count as f64 / flow(from, to, count).await?.as_secs_f64());
            trips[way].extend(round_trips(from, to).await?);
        }
    }
    for (way, (name, _)) in ways.iter().enumerate() {
        rates[way].sort_unstable_by(f64::total_cmp);
        let rate = rates[way][ROUNDS / 2];
        let trip = Percentiles::of(&mut trips[way]);
        println!("{name}: {rate:.0} messages of 128 B a second, round trip {trip}");
    }
    let rate = rates[0][ROUNDS / 2] / rates[1][ROUNDS / 2];
    let trip = Percentiles::of(&mut trips[0]).p50 / Percentiles::of(&mut trips[1]).p50;
    println!("link / tcp: rate {rate:.1}, p50 {trip:.2}");
    server.shutdown().await;
    Ok(())
}

/// How long it takes until all messages of one client have come to the other.
async fn flow(from: &Client, to: &Client, count: u64) -> Result<Duration, Failure> {
    let mut messages = to.subscribe("cost.flow").await?;
    let publisher = from.clone();
    let began = Instant::now();
    let publishing = tokio::spawn(async move {
        for _ in 0..count {
            publisher.publish("cost.flow", [b'x'; 128]).await?;
        }
        Ok::<_, dunlin::PublishError>(())
    });
    for _ in 0..count {
        messages.next().await.ok_or("the stream has ended")?;
    }
    let took = began.elapsed();
    publishing.await??;
    Ok(took)
}

async fn round_trips(from: &Client, to: &Client) -> Result<Vec<Duration>, Failure> {
    let mut questions = to.subscribe("cost.trip").await?;
    let answerer = to.clone();
    let answering = tokio::spawn(async move {
        while let Some(question) = questions.next().await {
            if let Some(reply) = question.reply {
                let _ = answerer.publish(reply, question.payload).await;
            }
        }
    });
    let mut times = Vec::new();
    for _ in 0..TRIPS {
        let began = Instant::now();
        from.request("cost.trip", "0123456789abcdef").await?;
        times.push(began.elapsed());
    }
    answering.abort();
    Ok(times)
}

const ROUNDS: usize = 5;
const TRIPS: usize = 2000;
