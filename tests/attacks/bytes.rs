//! Attacks by what one connection says.

use std::net::SocketAddr;

use dunlin_tests::{Client, Options, PATIENCE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::siege::{siege, size};

pub(crate) async fn a_line_without_end() {
    siege(Options::default(), async |address| {
        let heard = hung_up_on(address, &[b'A'; 64 * 1024], 200).await;
        assert!(
            heard.contains("-ERR 'maximum control line exceeded'"),
            "{heard:?}"
        );
    })
    .await;
}

pub(crate) async fn sizes_that_nobody_has_room_for() {
    siege(Options::default(), async |address| {
        for line in [
            "PUB a 99999999999999999999\r\n",
            "PUB a 4294967296\r\n",
            "PUB a -1\r\n",
            "HPUB a 2147483647 2147483647\r\n",
            "HPUB a 5 4\r\n",
            "PUB a 1048577\r\n",
        ] {
            let heard = hung_up_on(
                address,
                format!("CONNECT {{\"headers\":true}}\r\n{line}").as_bytes(),
                1,
            )
            .await;
            assert!(heard.starts_with("INFO {"), "{line:?}: {heard:?}");
        }
        // What is announced is not set aside: memory comes with the bytes.
        let mut waiting = Vec::new();
        for _ in 0..size(100, 2_000) {
            let mut socket = TcpStream::connect(address)
                .await
                .expect("the server accepts");
            let begun = socket.write_all(b"CONNECT {}\r\nPUB a 1048576\r\nx").await;
            begun.expect("the server reads");
            waiting.push(socket);
        }
    })
    .await;
}

pub(crate) async fn a_word_at_a_time() {
    siege(Options::default(), async |address| {
        let text =
            b"CONNECT {\"verbose\":false}\r\nSUB a.b.c 1\r\nPUB slow.loris 100000\r\nxxxxxxx";
        let mut sockets = Vec::new();
        for _ in 0..size(100, 2_000) {
            sockets.push(
                TcpStream::connect(address)
                    .await
                    .expect("the server accepts"),
            );
        }
        for byte in text {
            for socket in &mut sockets {
                socket.write_all(&[*byte]).await.expect("the server reads");
            }
        }
    })
    .await;
}

pub(crate) async fn subjects_as_long_and_deep_as_lines_allow() {
    siege(Options::default(), async |address| {
        let mut client = Client::connect(address).await;
        let deep = |token: &str| vec![token; 1_500].join(".");
        for (sid, filter) in [deep("a"), deep("*"), "a".repeat(3_000), deep("*") + ".>"]
            .iter()
            .enumerate()
        {
            client.subscribe(&format!("{filter} {sid}")).await;
        }
        let stars: String = (0..500)
            .map(|sid| format!("SUB {}.> s{sid}\r\n", vec!["*"; sid % 30 + 1].join(".")))
            .collect();
        client.send(stars).await;
        client.barrier().await;
        for subject in [deep("a"), "a".repeat(3_000), deep("b")] {
            client.publish(&subject, b"x").await;
        }
        let heard = client.barrier().await.len();
        assert!(heard > 1_000, "the filters meet the subjects: {heard}");
    })
    .await;
}

pub(crate) async fn headers_by_the_thousand() {
    siege(Options::default(), async |address| {
        let mut client = Client::connect(address).await;
        client.subscribe("bomb 1").await;
        let lines = (0..20_000).map(|number| format!("K{number}: v\r\n"));
        let block = format!("NATS/1.0\r\n{}\r\n", lines.collect::<String>());
        for _ in 0..size(10, 200) {
            let len = block.len();
            client
                .send(format!("HPUB bomb {len} {len}\r\n{block}\r\n"))
                .await;
        }
        assert_eq!(client.barrier().await.len(), size(10, 200));
    })
    .await;
}

/// A client that asks and never reads must not have its answers kept without a bound.
pub(crate) async fn pings_without_reading() {
    let options = Options {
        max_pending: Some(1024 * 1024),
        max_payload: Some(64 * 1024),
        ..Options::default()
    };
    siege(options, async |address| {
        let mut socket = TcpStream::connect(address)
            .await
            .expect("the server accepts");
        let pings = b"PING\r\n".repeat(10_000);
        let mut said = 0;
        while said < 200 * 1024 * 1024 && socket.write_all(&pings).await.is_ok() {
            said += pings.len();
        }
        assert!(
            said < 200 * 1024 * 1024,
            "the server answered {said} bytes of PING"
        );
    })
    .await;
}

pub(crate) async fn what_other_protocols_say() {
    siege(Options::default(), async |address| {
        let hello = [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(),
            &[7; 500],
        ]
        .concat();
        for words in [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".as_slice(),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00",
            &hello,
            b"*3\r\n$3\r\nSET\r\n",
            &[0; 100],
            &[0xff; 5_000],
        ] {
            let heard = hung_up_on(address, words, 1).await;
            assert!(heard.contains("-ERR '"), "{words:?}: {heard:?}");
        }
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..size(200, 20_000) {
            let mut noise = [0; 300];
            rng.fill(&mut noise);
            noise[0] |= 0x80; // No verb begins so,
            noise[299] = b'\n'; // and a line that is over is judged.
            hung_up_on(address, &noise, 1).await;
        }
    })
    .await;
}

/// Sends `words` so many times or until nobody takes them, and reads until the server hangs up.
async fn hung_up_on(address: SocketAddr, words: &[u8], times: usize) -> String {
    let mut socket = TcpStream::connect(address)
        .await
        .expect("the server accepts");
    for _ in 0..times {
        if socket.write_all(words).await.is_err() {
            break;
        }
    }
    let mut heard = Vec::new();
    let end = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut heard)).await;
    assert!(end.is_ok(), "the server still listens after {words:?}");
    String::from_utf8_lossy(&heard).into_owned()
}
