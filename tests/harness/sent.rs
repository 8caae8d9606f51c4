//! Sent: where a client's own byte stream stands.
//!
//! In: every byte a connection has sent. Out: whether it stands between two operations (only then
//! may the harness slip a PING of its own in), and how many PONGs are owed for PINGs seen here.

/// What one connection has sent so far.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    line: Vec<u8>, // The control line begun; empty between two operations.
    body: usize,   // Payload bytes still to come.
    is_body: bool, // True until the line end behind a payload has come too.
    pings: usize,
}

impl Sent {
    /// Takes in what was just sent.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            if self.body > 0 {
                let now = self.body.min(rest.len());
                self.body -= now;
                rest = &rest[now..];
                continue;
            }
            rest = &rest[1..];
            match byte {
                b'\n' if self.is_body => self.is_body = false,
                b'\n' => self.end_line(),
                _ if self.is_body => {} // Too much of it; the line end is awaited all the same.
                _ => self.line.push(byte),
            }
        }
    }

    /// Whether the last operation is complete.
    pub(crate) fn is_between_operations(&self) -> bool {
        self.line.is_empty() && !self.is_body
    }

    /// PINGs sent so far.
    pub(crate) fn pings(&self) -> usize {
        self.pings
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line).to_ascii_uppercase();
        if line.starts_with(b"PING") {
            self.pings += 1;
        }
        if line.starts_with(b"PUB") || line.starts_with(b"HPUB") {
            // A line without a size has its payload in quotes, or is a mistake.
            self.body = last_number(&line).unwrap_or(0);
            self.is_body = last_number(&line).is_some();
        }
    }
}

/// The number that ends a control line: the payload's size.
pub(crate) fn last_number(line: &[u8]) -> Option<usize> {
    let line = line.trim_ascii_end();
    let word = line.rsplit(|byte| byte.is_ascii_whitespace()).next()?;
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], is_between: bool) {
        let mut sent = Sent::default();
        sent.feed(bytes);
        assert_eq!(
            sent.is_between_operations(),
            is_between,
            "{}",
            crate::show(bytes)
        );
        let mut slowly = Sent::default();
        bytes.iter().for_each(|byte| slowly.feed(&[*byte]));
        assert_eq!(
            slowly.is_between_operations(),
            is_between,
            "{}",
            crate::show(bytes)
        );
    }

    #[test]
    fn a_payload_is_part_of_its_operation() {
        check(b"", true);
        check(b"SUB a 1\r\n", true);
        check(b"SUB a 1\r", false);
        check(b"PUB a 2\r\n", false);
        check(b"PUB a 2\r\nhi", false);
        check(b"PUB a 2\r\nhi\r\n", true);
        check(b"pub a 0\r\n\r\n", true);
        check(b"PUB a 2\r\nhello\r\n", true);
        check(b"PUB a \"hello\"\r\n", true);
        check(b"HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", true);
    }
}
