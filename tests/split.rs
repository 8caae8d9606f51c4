//! Splits: where a packet ends makes no difference.
//!
//! A stream of operations is sent whole, and then once for each place it can be cut in two, and a
//! byte at a time; what comes back must be the same to the byte.

use std::net::SocketAddr;

use dunlin_tests::{Client, Options, Pace, Running, Target, run_file, show, transcripts};

against_ours! {
    every_stream_cut_at_every_byte_gives_the_same_answer
    every_stream_cut_three_times_at_random_gives_the_same_answer
    every_stream_byte_by_byte_gives_the_same_answer
    every_transcript_byte_by_byte_holds
}

/// Each `@` becomes a number of its own for each connection, so that none hears another.
const STREAMS: &[&str] = &[
    // Every verb, acknowledged.
    "PING\r\nSUB a.@ 1\r\nPUB a.@ 5\r\nhello\r\nUNSUB 1\r\nPUB a.@ 0\r\n\r\nPING\r\n",
    // Odd spelling.
    "connect  {\"verbose\":false}  \r\nsub\ta.@\t 1 \t\r\nPub a.@  r   2 \r\nhi\r\npInGxyz\r\n",
    // Bare LF, payloads too.
    "CONNECT {\"verbose\":false}\nSUB a.@ 1\nPUB a.@ 2\nhi\nPUB a.@ 0\n\nPUB a.@ 1\r\n\r\r\nPING\n",
    // Payloads that look like operations and line ends.
    "SUB a.@ 1\r\nPUB a.@ 14\r\nPING\r\nPING\r\n\r\n\r\nPUB a.@ 4\r\n\r\n\r\n\r\nPUB a.@ 2\r\n\n\r\r\nPING\r\n",
    // Headers, with a reply and without, and none.
    "CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB a.@ 1\r\nHPUB a.@ 12 14\r\nNATS/1.0\r\n\r\nhi\r\n\
     HPUB a.@ r 12 12\r\nNATS/1.0\r\n\r\n\r\nHPUB a.@ 0 2\r\nhi\r\nPING\r\n",
    // The end of a subscription.
    "CONNECT {\"verbose\":false}\r\nSUB a.@ q 1\r\nUNSUB 1 2\r\nPUB a.@ 1\r\n1\r\nPUB a.@ 1\r\n2\r\nPUB a.@ 1\r\n3\r\nPING\r\n",
    // Nobody listens.
    "CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nSUB r.@ 1\r\nPUB a.@ r.@ 2\r\nhi\r\nPING\r\n",
    // Complaints that leave the connection open; each comes once.
    "PUB a..@ 2\r\nhi\r\nSUB a..@ 1\r\nSUB a.@ _sys_ 2\r\nPUB _GR_.@ 2\r\nhi\r\nPUB a.@ _R_.@ 2\r\nhi\r\nPING\r\n",
    // A second CONNECT.
    "CONNECT {\"verbose\":false}\r\nSUB a.@ 1\r\nCONNECT {\"verbose\":true}\r\nPUB a.@ 2\r\nhi\r\nPING\r\n",
    // Words of a server.
    "+OK\r\nPONG\r\nINFO {\"x\":[1,\"}\"]}\r\n+OKxyz\r\nPING\r\n-ERR 'bye'\r\nPING\r\n",
    // The longest line, and one byte more.
    "SUB 333333333333333333333333333333333333333333333333333333333333333333333333333333 1\r\nPING\r\n",
    "PING\r\nSUB 3333333333333333333333333333333333333333333333333333333333333333333333333333333 1\r\nPING\r\n",
    "SUB 333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333",
    // The largest payload, and one byte more.
    "SUB a.@ 1\r\nPUB a.@ 16\r\n0123456789abcdef\r\nPUB a.@ 17\r\n0123456789abcdefg\r\nPING\r\n",
    // Mistakes that end the connection, with and without a word.
    "PING\r\n\r\nPING\r\n",
    "PING\r\nSUB a.@\r\nPING\r\n",
    "PING\r\nPUB a.@ 2\r\nhi!\r\nPING\r\n",
    "PING\r\nPUB a.@ 3\r\nhi\r\nPING\r\n",
    "PING\r\nPUB a.@ 1234567890\r\nPING\r\n",
    "PING\r\nHPUB a.@ 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
    "PING\r\nCONNECT {\"verbose\":}\r\nPING\r\n",
    "PING\r\nCONNECT {\"protocol\":7}\r\nPING\r\n",
    "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    // Operations that never end.
    "PING\r\nPUB a.@ 5\r\nhel",
    "PING\r\nCONNECT {\"verbose\"",
    "PING\r\nPIN",
];

async fn every_stream_cut_at_every_byte_gives_the_same_answer() {
    let mut bench = Bench::start().await;
    for stream in STREAMS {
        let expected = bench.answer(stream, &[]).await;
        for cut in 1..stream.len() {
            bench.check(stream, &[cut], &expected).await;
        }
    }
}

async fn every_stream_cut_three_times_at_random_gives_the_same_answer() {
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bench = Bench::start().await;
    for stream in STREAMS {
        let expected = bench.answer(stream, &[]).await;
        for _ in 0..30 {
            let mut cuts: Vec<usize> = (0..3).map(|_| random.usize(1..stream.len())).collect();
            cuts.sort_unstable();
            bench.check(stream, &cuts, &expected).await;
        }
    }
}

async fn every_stream_byte_by_byte_gives_the_same_answer() {
    let mut bench = Bench::start().await;
    for stream in STREAMS {
        let expected = bench.answer(stream, &[]).await;
        let cuts: Vec<usize> = (1..stream.len()).collect();
        bench.check(stream, &cuts, &expected).await;
    }
}

async fn every_transcript_byte_by_byte_holds() {
    let folder = std::fs::read_dir(transcripts()).expect("the folder is there");
    let mut reports = Vec::new();
    for entry in folder {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            reports.extend(run_file(Target::Ours, &path, Pace::ByByte).await.err());
        }
    }
    assert!(reports.is_empty(), "\n{}\n", reports.join("\n\n"));
}

/// A server, and a second connection that keeps two packets apart.
struct Bench {
    server: Running,
    pacer: Client,
    connections: usize,
}

impl Bench {
    async fn start() -> Self {
        let options = Options {
            max_payload: Some(16),
            max_control_line: Some(80),
            ..Options::default()
        };
        let server = Target::Ours.start(&options).await.expect("it starts");
        let pacer = Client::connect(server.address()).await;
        Self {
            server,
            pacer,
            connections: 0,
        }
    }

    async fn check(&mut self, stream: &str, cuts: &[usize], expected: &str) {
        let answer = self.answer(stream, cuts).await;
        let [stream, expected, answer] = [stream, expected, &answer].map(|t| show(t.as_bytes()));
        assert!(
            answer == expected,
            "{stream}\ncut at {cuts:?}\nexpected {expected}\narrived  {answer}"
        );
    }

    /// All that comes back for `stream`, sent in pieces.
    async fn answer(&mut self, stream: &str, cuts: &[usize]) -> String {
        self.connections += 1;
        let number = format!("n{:05}n", self.connections);
        let address: SocketAddr = self.server.address();
        let mut client = Client::open(address).await;
        let mut start = 0;
        for &cut in cuts.iter().chain([&stream.len()]) {
            client.send(stream[start..cut].replace('@', &number)).await;
            // The server reads what came before it answers this: two packets stay two.
            self.pacer.barrier().await;
            start = cut;
        }
        client.half_close().await;
        let answer = client.bytes_until_end().await;
        String::from_utf8(answer)
            .expect("these streams are text")
            .replace(&number, "@")
    }
}
