//! The request that opens a WebSocket: one verdict, however it comes, and one answer.

use dunlin_server::sim::answer_request;

/// The most that is read before there must be a verdict, in bytes.
const HEAD_MAX: usize = 16 * 1024;

/// What a client sends before frames.
pub fn upgrade(data: &[u8]) {
    let whole = answer_request(data);
    assert!(
        whole.is_some() || data.len() < HEAD_MAX,
        "no verdict in time"
    );
    // Long requests are cut at fewer places, or one of them would take seconds.
    let step = data.len() / 256 + 1;
    let first = (0..=data.len())
        .step_by(step)
        .find_map(|len| answer_request(&data[..len]).map(|verdict| (len, verdict)));
    let Some((len, (status, answer))) = first else {
        return;
    };
    let text = String::from_utf8(answer).expect("an answer is text");
    if status > 0 {
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text:?}");
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
        assert!(
            head.lines().skip(1).all(|line| line.contains(": ")),
            "{head:?}"
        );
        assert_eq!(body.is_empty(), status == 101, "{body:?}");
    } else {
        assert!(text.is_empty(), "{text:?}");
    }
    // What was refused stays refused, whatever comes behind it.
    if status != 101 {
        let (later, _) = answer_request(data).expect("a verdict stays");
        assert_ne!(later, 101, "refused after {len} bytes, and granted later");
    }
}
