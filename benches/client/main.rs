//! What a message costs a client: dunlin and async-nats, the same work against the same server.
//!
//! `client-cost CLIENT WORK COUNT URL` does the work and prints what CPU it took of this process;
//! `compare` beside this file runs it for both, by the CPU's time or by its instructions. What is
//! on the other side (a feeder, an answerer) is a process of its own and is not counted.

use std::process::Stdio;
use std::time::Instant;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

mod latency;
mod link;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [client, work, count, url] = arguments.as_slice() else {
        return Err("client-cost dunlin|async-nats|both WORK COUNT HOST:PORT".into());
    };
    let mut builder = match work.ends_with("threads") {
        true => tokio::runtime::Builder::new_multi_thread(),
        false => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder.enable_all().build()?;
    runtime.block_on(run(client, work, count.parse()?, url))
}

async fn run(client: &str, work: &str, count: u64, url: &str) -> Result<(), Failure> {
    let began = (cpu_micros()?, Instant::now());
    match (client, work) {
        ("feed", size) => return feed(url, count, size.parse()?).await,
        ("answer", _) => return answer(url).await,
        ("both", "latency" | "latency-threads") => {
            return latency::compare(url, count, work).await;
        }
        ("dunlin", "link" | "link-threads") => return link::compare(count, url).await,
        ("dunlin", "publish16") => dunlin_publish(url, count, 16).await?,
        ("dunlin", "publish128") => dunlin_publish(url, count, 128).await?,
        ("dunlin", "receive") => dunlin_receive(url, count).await?,
        ("dunlin", "request") => dunlin_request(url, count).await?,
        ("dunlin", "subscribe") => dunlin_subscribe(url, count).await?,
        ("async-nats", "publish16") => other_publish(url, count, 16).await?,
        ("async-nats", "publish128") => other_publish(url, count, 128).await?,
        ("async-nats", "receive") => other_receive(url, count).await?,
        ("async-nats", "request") => other_request(url, count).await?,
        ("async-nats", "subscribe") => other_subscribe(url, count).await?,
        _ => return Err("no such client or work".into()),
    }
    let micros = cpu_micros()? - began.0;
    let each = micros as f64 / count as f64;
    let wall = began.1.elapsed();
    println!("{client} {work} {count}: {each:.3} µs of CPU each, {wall:.1?} in all");
    Ok(())
}

async fn dunlin_publish(url: &str, count: u64, size: usize) -> Result<(), Failure> {
    let client = dunlin::connect(url).await?;
    let payload = vec![b'x'; size];
    for _ in 0..count {
        client.publish("cost.publish", &payload).await?;
    }
    Ok(client.flush().await?)
}

async fn other_publish(url: &str, count: u64, size: usize) -> Result<(), Failure> {
    let client = async_nats::connect(url).await?;
    let payload = Bytes::from(vec![b'x'; size]);
    for _ in 0..count {
        client.publish("cost.publish", payload.clone()).await?;
    }
    Ok(client.flush().await?)
}

async fn dunlin_receive(url: &str, count: u64) -> Result<(), Failure> {
    let client = dunlin::ConnectOptions::new().subscription_capacity(10_000_000);
    let client = client.connect(url).await?;
    let mut messages = client.subscribe("cost.receive").await?;
    let mut feeder = child("feed", "128", count, url)?;
    for _ in 0..count {
        messages.next().await.ok_or("the stream has ended")?;
    }
    feeder.wait().await?;
    Ok(())
}

async fn other_receive(url: &str, count: u64) -> Result<(), Failure> {
    let client = async_nats::ConnectOptions::new().subscription_capacity(10_000_000);
    let client = client.connect(url).await?;
    let mut messages = client.subscribe("cost.receive").await?;
    client.flush().await?;
    let mut feeder = child("feed", "128", count, url)?;
    for _ in 0..count {
        messages.next().await.ok_or("the stream has ended")?;
    }
    feeder.wait().await?;
    Ok(())
}

async fn dunlin_request(url: &str, count: u64) -> Result<(), Failure> {
    let client = dunlin::connect(url).await?;
    let _answerer = child("answer", "", 0, url)?;
    while client.request("cost.request", "").await.is_err() {}
    for _ in 0..count {
        client.request("cost.request", "0123456789abcdef").await?;
    }
    Ok(())
}

async fn other_request(url: &str, count: u64) -> Result<(), Failure> {
    let client = async_nats::connect(url).await?;
    let _answerer = child("answer", "", 0, url)?;
    while client.request("cost.request", "".into()).await.is_err() {}
    for _ in 0..count {
        let payload = "0123456789abcdef".into();
        client.request("cost.request", payload).await?;
    }
    Ok(())
}

/// Memory: how many bytes of this process each subscription takes.
async fn dunlin_subscribe(url: &str, count: u64) -> Result<(), Failure> {
    let client = dunlin::connect(url).await?;
    let before = resident_bytes()?;
    let mut all = Vec::with_capacity(count as usize);
    for number in 0..count {
        let subject = format!("cost.subscribe.{number}");
        match client.subscribe_at_once(&subject, Default::default()) {
            Ok(subscriber) => all.push(subscriber),
            Err(_) => all.push(client.subscribe(&subject).await?),
        }
    }
    client.flush().await?;
    println!("{} B each", (resident_bytes()? - before) / count);
    Ok(())
}

async fn other_subscribe(url: &str, count: u64) -> Result<(), Failure> {
    let client = async_nats::connect(url).await?;
    let before = resident_bytes()?;
    let mut all = Vec::with_capacity(count as usize);
    for number in 0..count {
        all.push(client.subscribe(format!("cost.subscribe.{number}")).await?);
    }
    client.flush().await?;
    println!("{} B each", (resident_bytes()? - before) / count);
    Ok(())
}

fn child(what: &str, how: &str, count: u64, url: &str) -> Result<Child, Failure> {
    let program = std::env::current_exe()?;
    let count = count.to_string();
    let mut command = Command::new(program);
    command.args([what, how, &count, url]).stdin(Stdio::null());
    Ok(command.kill_on_drop(true).spawn()?)
}

/// Publishes over a bare socket.
async fn feed(url: &str, count: u64, size: usize) -> Result<(), Failure> {
    let mut stream = BufReader::new(TcpStream::connect(url).await?);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    stream.write_all(b"CONNECT {\"verbose\":false}\r\n").await?;
    let message = format!("PUB cost.receive {size}\r\n{}\r\n", "x".repeat(size));
    let batch = message.repeat(64);
    let mut left = count;
    while left > 0 {
        let now = left.min(64);
        let bytes = &batch.as_bytes()[..message.len() * now as usize];
        stream.write_all(bytes).await?;
        left -= now;
    }
    stream.write_all(b"PING\r\n").await?;
    while line != "PONG\r\n" {
        line.clear();
        stream.read_line(&mut line).await?;
    }
    Ok(())
}

/// Answers requests until killed.
async fn answer(url: &str) -> Result<(), Failure> {
    let client = dunlin::connect(url).await?;
    let mut questions = client.subscribe("cost.request").await?;
    while let Some(question) = questions.next().await {
        if let Some(reply) = question.reply {
            client.publish(reply, question.payload).await?;
        }
    }
    Ok(())
}

/// What CPU this process has had, in user and system: fields 14 and 15 of its stat, in ticks.
fn cpu_micros() -> Result<u64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let behind_name = stat.rsplit(") ").next().unwrap_or_default();
    let fields: Vec<&str> = behind_name.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(ticks * 10_000)
}

fn resident_bytes() -> Result<u64, Failure> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').nth(1).ok_or("no such field")?.parse()?;
    Ok(pages * 4096)
}
