//! How long a round trip takes, both clients in turn in one process: whatever else the machine does
//! meets both alike. A bare socket takes its turn with them: what it needs, no client can save.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Failure, child};

/// One request of the one client, one of the other, one of the socket, and so on; an answerer
/// beside them.
pub(crate) async fn compare(url: &str, count: u64, what: &str) -> Result<(), Failure> {
    let ours = dunlin::connect(url).await?;
    let other = async_nats::connect(url).await?;
    let _answerer = child("answer", "", 0, url)?;
    while ours.request("cost.request", "").await.is_err() {}
    let mut bare = Bare::connect(url).await?;
    let mut times = [const { Vec::new() }; 3];
    for round in 0..count + WARM_UP {
        for turn in [round % 3, (round + 1) % 3, (round + 2) % 3] {
            let began = Instant::now();
            match turn {
                0 => drop(ours.request("cost.request", PAYLOAD).await?),
                1 => drop(other.request("cost.request", PAYLOAD.into()).await?),
                _ => bare.request().await?,
            }
            if round >= WARM_UP {
                times[turn as usize].push(began.elapsed());
            }
        }
    }
    let [ours, other, bare] = times.each_mut().map(|times| Percentiles::of(times));
    println!("{what}: dunlin {ours}, async-nats {other}, bare socket {bare}");
    let (ratio, least) = (ours.p50 / other.p50, bare.p50 / other.p50);
    println!("{what}: ratio of p50 {ratio:.2}, of the bare socket {least:.2}");
    Ok(())
}

/// A socket that asks what the clients ask, with nothing around it.
struct Bare {
    stream: TcpStream,
    question: String,
}

impl Bare {
    async fn connect(url: &str) -> Result<Self, Failure> {
        let mut stream = TcpStream::connect(url).await?;
        stream.set_nodelay(true)?;
        let question = format!("PUB cost.request bare.1 {}\r\n{PAYLOAD}\r\n", PAYLOAD.len());
        stream
            .write_all(b"CONNECT {\"verbose\":false}\r\nSUB bare.* 1\r\nPING\r\n")
            .await?;
        let mut bare = Self { stream, question };
        bare.read_until(b"PONG\r\n").await?;
        Ok(bare)
    }

    async fn request(&mut self) -> Result<(), Failure> {
        self.stream.write_all(self.question.as_bytes()).await?;
        self.read_until(PAYLOAD.as_bytes()).await
    }

    /// Reads until what was read ends so, but for a line's end.
    async fn read_until(&mut self, end: &[u8]) -> Result<(), Failure> {
        let mut buffer = [0; 4096];
        let mut len = 0;
        while !buffer[..len]
            .trim_ascii_end()
            .ends_with(end.trim_ascii_end())
        {
            match self.stream.read(&mut buffer[len..]).await? {
                0 => return Err("the server hung up".into()),
                more => len += more,
            }
        }
        Ok(())
    }
}

/// In microseconds.
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    p99: f64,
}

impl Percentiles {
    pub(crate) fn of(times: &mut [Duration]) -> Self {
        times.sort_unstable();
        let micros = |part: f64| {
            let at = (times.len() as f64 * part) as usize;
            times[at.min(times.len() - 1)].as_nanos() as f64 / 1000.0
        };
        Self {
            p50: micros(0.5),
            p99: micros(0.99),
        }
    }
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:.1} µs, p99 {:.1} µs", self.p50, self.p99)
    }
}

const PAYLOAD: &str = "0123456789abcdef";
/// Rounds that are not counted: code and sockets that have not been used yet.
const WARM_UP: u64 = 200;
