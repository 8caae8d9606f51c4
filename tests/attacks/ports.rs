//! Attacks on every port there is: bytes that are not what it speaks, in pieces and without an end.

use std::path::PathBuf;

use dunlin_tests::{Frames, Options, Running, Websocket, fetch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::siege::{affordable, besiege, siege, size, start};

/// The most that is sent to a port before it is given up on, in bytes.
const NOISE_MAX: usize = 64 * 1024;
/// What begins a TLS handshake, and then nothing: a record of 512 bytes.
const HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

/// Compressed, fragmented and plain noise, whole and byte by byte, on each of them.
pub(crate) async fn garbage_on_every_port() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.sock");
    let options = Options {
        is_monitored: true,
        websocket: Some(compressed()),
        config: format!("unix {{ path: {path:?} }}"),
        ..Options::default()
    };
    let server = start(&options);
    let tls = start_tls();
    let ports = [
        server.address(),
        server.websocket(),
        server.monitor(),
        tls.address(),
    ];
    besiege(server.address(), server.process(), || async {
        let mut rng = fastrand::Rng::with_seed(11);
        for _ in 0..size(20, 1_000) {
            for port in &ports {
                let mut socket = TcpStream::connect(port).await.expect("it accepts");
                throw(&mut socket, &mut rng).await;
            }
            let socket = tokio::net::UnixStream::connect(&path).await;
            throw(&mut socket.expect("it accepts"), &mut rng).await;
        }
    })
    .await;
    server.stop().await;
    tls.stop().await;
}

/// Says one kind of nonsense or another, and leaves without a word.
async fn throw(socket: &mut (impl AsyncWriteExt + AsyncReadExt + Unpin), rng: &mut fastrand::Rng) {
    let mut noise = vec![0; rng.usize(1..2_000)];
    rng.fill(&mut noise);
    let text: Vec<u8> = match rng.u32(0..7) {
        0 => noise,
        1 => deflated(&noise),
        2 => [HELLO, &noise].concat(),
        3 => [
            b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n".as_slice(),
            &noise,
        ]
        .concat(),
        4 => b"CONNECT {\"a\":".repeat(rng.usize(1..NOISE_MAX / 12)),
        5 => [b"\x00".repeat(rng.usize(1..5_000)), noise].concat(),
        _ => [b"PUB a 4294967295\r\n".as_slice(), &deflated(&noise)].concat(),
    };
    let step = [1, 7, 100, NOISE_MAX][rng.usize(0..4)];
    for piece in text.chunks(step).take(500) {
        if socket.write_all(piece).await.is_err() {
            return; // The server has heard enough.
        }
    }
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory can be written to");
    encoder.finish().expect("memory can be written to")
}

/// Handshakes begun by the hundred, and left or spoilt at every stage.
pub(crate) async fn handshakes_without_an_end() {
    let tls = start_tls(); // The healthy come in plain, by the same port.
    besiege(tls.address(), tls.process(), || async {
        let mut held = Vec::new();
        for number in 0..affordable(size(300, 5_000)) {
            let mut socket = TcpStream::connect(tls.address()).await.expect("it accepts");
            let hello = [HELLO, &[7; 501]].concat();
            let len = [0, 1, 5, HELLO.len(), hello.len()][number % 5];
            let begun = socket.write_all(&hello[..len]).await;
            begun.expect("the server reads");
            held.push(socket);
        }
        drop(held);
    })
    .await;
    let metrics = fetch(tls.monitor(), "/metrics").await.body;
    let failed = metrics.lines().find_map(|line| {
        let count = line.strip_prefix("dunlin_tls_handshake_failures_total ")?;
        count.parse::<u64>().ok()
    });
    assert!(failed > Some(0), "{metrics}");
    tls.stop().await;
}

fn start_tls() -> Running {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config");
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    start(&Options {
        is_monitored: true,
        // Each that is remembered holds a page: fewer, so that what the attack itself leaves is seen.
        max_closed_clients: Some(1_000),
        config: format!("tls {{ cert_file: {cert:?}, key_file: {key:?} }}\nallow_non_tls: true"),
        ..Options::default()
    })
}

fn compressed() -> Websocket {
    Websocket {
        compression: true,
        ..Websocket::default()
    }
}

/// Frames that are cut off, and frames that say what they are not.
pub(crate) async fn frames_that_lie() {
    let options = Options {
        websocket: Some(compressed()),
        ..Options::default()
    };
    let server = start(&options);
    let port = server.websocket();
    let bomb = deflated(&vec![0; 4 * 1024 * 1024]);
    besiege(server.address(), server.process(), || async {
        for _ in 0..size(10, 500) {
            for frame in [
                b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0PUB".as_slice(), // 2^63 - 1 bytes.
                b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", // More than there may be.
                b"\x82\xfe\xff",                                     // Cut off in its length.
                b"\x82\x85\0\0\0",                                   // In its mask.
                b"\x82\x05hello",                                    // Not masked.
                b"\x89\xfe\0\x7e\0\0\0\0",                           // A long ping.
                b"\x09\x80\0\0\0\0",                                 // A ping in fragments.
                b"\x80\x80\0\0\0\0",                                 // The end of nothing.
                b"\xf2\x85\0\0\0\0hello",                            // Bits that mean nothing.
                b"\x88\x81\0\0\0\0\x03",                             // Half a reason.
            ] {
                let mut frames = Frames::dial(port).await;
                frames.send(frame).await;
                drop(frames.into_socket());
            }
            let mut frames = Frames::dial(port).await;
            let head = [
                b"\xc2\xfe".as_slice(),
                &(bomb.len() as u16).to_be_bytes(),
                &[0; 4],
            ];
            frames.send(&[&head.concat(), &bomb[..]].concat()).await;
            drop(frames.into_socket());
        }
    })
    .await;
    server.stop().await;
}

/// Subjects that collide in hashes that are not keyed: runs of `Ez` and `FY`, which Java's and
/// Redis's old one take for the same, and such as differ in one bit far behind.
pub(crate) async fn subjects_that_collide() {
    siege(Options::default(), async |address| {
        let mut client = dunlin_tests::Client::connect(address).await;
        let count = size(4_096, 65_536);
        let name = |number: usize| -> String {
            let pairs = (0..16).map(|bit| ["Ez", "FY"][number >> bit & 1]);
            pairs.collect()
        };
        for number in 0..count {
            client
                .subscribe(&format!("{} {number}", name(number)))
                .await;
        }
        client.barrier().await;
        for number in 0..count {
            client.publish(&name(number), b"1").await;
        }
        assert_eq!(client.barrier().await.len(), count);
    })
    .await;
}
