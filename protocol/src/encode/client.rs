//! What a client says.

use crate::connect::Connect;
use crate::headers::HeaderMap;
use crate::number::append as number;

/// Appends `CONNECT {json}`.
pub fn connect(out: &mut Vec<u8>, connect: &Connect) {
    out.extend_from_slice(b"CONNECT ");
    connect.write_json(out);
    out.extend_from_slice(b"\r\n");
}

/// A message as its publisher gives it.
///
/// The names must already be free of blanks and line ends: nothing is checked while writing.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// Where it goes.
    pub subject: &'a [u8],
    /// Where an answer is wanted.
    pub reply: Option<&'a [u8]>,
    /// The headers; none sends a plain `PUB`.
    pub headers: Option<&'a HeaderMap>,
    /// What is said.
    pub payload: &'a [u8],
}

/// Appends one publication.
///
/// ```text
/// PUB <subject> [reply] <size>⏎<payload>⏎
/// HPUB <subject> [reply] <header size> <size>⏎<headers><payload>⏎
/// ```
pub fn publish(out: &mut Vec<u8>, publication: &Publication<'_>) {
    match publication.headers {
        Some(_) => out.extend_from_slice(b"HPUB "),
        None => out.extend_from_slice(b"PUB "),
    }
    out.extend_from_slice(publication.subject);
    out.push(b' ');
    if let Some(reply) = publication.reply {
        out.extend_from_slice(reply);
        out.push(b' ');
    }
    let mut size = publication.payload.len();
    if let Some(headers) = publication.headers {
        let header_size = headers.encoded_len();
        size += header_size;
        number(out, header_size as u64);
        out.push(b' ');
    }
    number(out, size as u64);
    out.extend_from_slice(b"\r\n");
    if let Some(headers) = publication.headers {
        headers.encode(out);
    }
    out.extend_from_slice(publication.payload);
    out.extend_from_slice(b"\r\n");
}

/// Appends `SUB <subject> [queue] <sid>`.
pub fn subscribe(out: &mut Vec<u8>, subject: &[u8], queue: Option<&[u8]>, sid: u64) {
    out.extend_from_slice(b"SUB ");
    out.extend_from_slice(subject);
    out.push(b' ');
    if let Some(queue) = queue {
        out.extend_from_slice(queue);
        out.push(b' ');
    }
    number(out, sid);
    out.extend_from_slice(b"\r\n");
}

/// Appends `UNSUB <sid> [max]`; with a `max`, that many messages counted from the SUB end it.
pub fn unsubscribe(out: &mut Vec<u8>, sid: u64, max: Option<u64>) {
    out.extend_from_slice(b"UNSUB ");
    number(out, sid);
    if let Some(max) = max {
        out.push(b' ');
        number(out, max);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientOp, ClientParser, Limits, Step};

    #[test]
    fn lines_are_written_as_the_contract_says() {
        let mut out = Vec::new();
        let plain = Publication {
            subject: b"a.b",
            reply: None,
            headers: None,
            payload: b"hello",
        };
        publish(&mut out, &plain);
        let reply = Some(&b"r"[..]);
        publish(&mut out, &Publication { reply, ..plain });
        let mut headers = HeaderMap::new();
        headers.append("K", "v").unwrap();
        let headers = Some(&headers);
        publish(&mut out, &Publication { headers, ..plain });
        publish(
            &mut out,
            &Publication {
                reply,
                headers,
                payload: b"",
                ..plain
            },
        );
        subscribe(&mut out, b"a.>", None, 7);
        subscribe(&mut out, b"a.*", Some(b"q"), u64::MAX);
        unsubscribe(&mut out, 7, None);
        unsubscribe(&mut out, 7, Some(10));
        let expected = "PUB a.b 5\r\nhello\r\nPUB a.b r 5\r\nhello\r\n\
            HPUB a.b 18 23\r\nNATS/1.0\r\nK: v\r\n\r\nhello\r\n\
            HPUB a.b r 18 18\r\nNATS/1.0\r\nK: v\r\n\r\n\r\n\
            SUB a.> 7\r\nSUB a.* q 18446744073709551615\r\nUNSUB 7\r\nUNSUB 7 10\r\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn a_server_reads_back_what_was_said() {
        let said = Connect {
            name: "x\"y".into(),
            ..Connect::default()
        };
        let mut out = Vec::new();
        connect(&mut out, &said);
        match ClientParser::default().next(&out, &Limits::default()) {
            Ok(Step::Op {
                op: ClientOp::Connect(text),
                used,
            }) => {
                let mut heard = Connect::default();
                heard.merge_json(text).unwrap();
                assert_eq!((heard, used), (said, out.len()));
            }
            other => panic!("{other:?}"),
        }
    }
}
