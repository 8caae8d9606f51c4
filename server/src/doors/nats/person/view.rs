//! Messages as a person likes to read them: time, subject, headers, and text; or hex.
//!
//! ```text
//!   09:41:07.120Z  orders.eu  sid 1  reply _INBOX.7  5 bytes
//!     Trace-Id: 7
//!   | hello
//! ```
//!
//! In: deliveries. Out: those lines, or what every program gets while the view is off. Whatever a
//! message holds, it moves no cursor and looks like no other line.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dunlin_protocol::HeaderMap;
use parking_lot::Mutex;

use super::words::typed;
use crate::doors::nats::sink::Reader;
use crate::link::Wakes;
use crate::peer::{Delivered, Delivery, Message, Run, Sink, Subscription};

/// How much of a payload that is no text is shown, in bytes: a screenful.
const HEX_MAX: usize = 512;
const HEX_COLUMNS: usize = 16;

/// The receiving side of a person's connection.
pub(super) struct Viewer {
    reader: Arc<Reader>,
    /// Set while the view is on.
    clock: Mutex<Option<Clock>>,
}

/// What time it was on the wall at a moment of the server's own clock.
#[derive(Clone, Copy)]
struct Clock {
    moment: Instant,
    wall: Duration, // Since 1970.
}

impl Viewer {
    pub(super) fn new(reader: Arc<Reader>) -> Self {
        Self {
            reader,
            clock: Mutex::new(None),
        }
    }

    /// Shows messages for people from now on. The wall is looked at once, here: messages bear the
    /// server's own time.
    pub(super) fn show_readably(&self, now: Instant) {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        let clock = Clock {
            moment: now,
            wall: wall.unwrap_or_default(), // Before 1970 every time is as good as any.
        };
        *self.clock.lock() = Some(clock);
    }

    /// Shows messages as MSG lines from now on.
    pub(super) fn show_as_lines(&self) {
        *self.clock.lock() = None;
    }
}

impl Sink for Viewer {
    fn deliver(
        &self,
        subscription: &Arc<Subscription>,
        message: &Message<'_>,
        wakes: &mut Wakes,
    ) -> Delivery {
        let clock = *self.clock.lock();
        let Some(clock) = clock else {
            return self.reader.deliver(subscription, message, wakes);
        };
        let shown = show(message, subscription.sid(), clock.at(message.at));
        self.reader
            .deliver_text(shown.as_bytes(), subscription, message, wakes)
    }

    fn deliver_run(
        &self,
        subscription: &Arc<Subscription>,
        run: &Run<'_>,
        wakes: &mut Wakes,
    ) -> Delivered {
        if self.clock.lock().is_none() {
            return self.reader.deliver_run(subscription, run, wakes);
        }
        Delivered::of(run, |message| self.deliver(subscription, message, wakes))
    }

    fn owner(&self) -> u64 {
        self.reader.owner()
    }

    fn limit(&self, subscription: &Subscription, max: u64) -> bool {
        self.reader.limit(subscription, max)
    }
}

impl Clock {
    /// The time of day, in UTC: hours, minutes, seconds, milliseconds.
    fn at(self, moment: Instant) -> String {
        let wall = self.wall + moment.saturating_duration_since(self.moment);
        let (seconds, millis) = (wall.as_secs(), wall.subsec_millis());
        let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
        format!("{hours:02}:{minutes:02}:{:02}.{millis:03}Z", seconds % 60)
    }
}

fn show(message: &Message<'_>, sid: &[u8], time: String) -> String {
    let mut shown = format!("  {time}  {}  sid {}", whole(message.subject), whole(sid));
    if let Some(reply) = message.reply {
        shown.push_str(&format!("  reply {}", whole(reply)));
    }
    let size = message.payload.len();
    let unit = if size == 1 { "byte" } else { "bytes" };
    shown.push_str(&format!("  {size} {unit}\r\n"));
    show_headers(&mut shown, message.headers);
    match as_text(message.payload) {
        Some("") => {}
        Some(text) => {
            for line in text.split('\n') {
                let line = line.strip_suffix('\r').unwrap_or(line);
                shown.push_str(&format!("  | {line}\r\n"));
            }
        }
        None => show_hex(&mut shown, message.payload),
    }
    shown
}

fn show_headers(shown: &mut String, block: &[u8]) {
    if block.is_empty() {
        return;
    }
    let Ok(block) = HeaderMap::decode(block) else {
        shown.push_str("    headers that cannot be read\r\n");
        return;
    };
    if let Some(status) = block.status {
        shown.push_str(&format!("    status {status}\r\n"));
    }
    for (name, value) in block.headers.iter() {
        let value = whole(value.as_bytes());
        shown.push_str(&format!("    {name}: {value}\r\n"));
    }
}

/// `payload` as text, if all of it can be shown on a terminal as it is.
fn as_text(payload: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(payload).ok()?;
    let is_shown = |letter: char| match letter {
        '\n' | '\t' => true,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false, // They turn lines around.
        letter => !letter.is_control(),
    };
    let mut lines = text.split_inclusive('\n');
    let is_plain = lines.all(|line| {
        let line = line.strip_suffix("\r\n").unwrap_or(line);
        line.chars().all(is_shown)
    });
    is_plain.then_some(text)
}

/// ```text
///   | 0000  00 01 02 68 69 …  |...hi…|
/// ```
fn show_hex(shown: &mut String, payload: &[u8]) {
    let front = &payload[..payload.len().min(HEX_MAX)];
    for (row, bytes) in front.chunks(HEX_COLUMNS).enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(shown, "  | {:04x} ", row * HEX_COLUMNS);
        for byte in bytes {
            let _ = write!(shown, " {byte:02x}");
        }
        let blanks = (HEX_COLUMNS - bytes.len()) * 3;
        let letters = bytes.iter().map(|byte| match byte {
            0x20..0x7f => char::from(*byte),
            _ => '.',
        });
        let letters: String = letters.collect();
        let _ = write!(shown, "{:blanks$}  |{letters}|\r\n", "");
    }
    if payload.len() > HEX_MAX {
        let more = payload.len() - HEX_MAX;
        let _ = write!(shown, "  | and {more} bytes more\r\n");
    }
}

/// All of a name, so that a terminal shows it and does not obey it.
fn whole(name: &[u8]) -> String {
    match as_text(name) {
        Some(text) if !text.contains(['\n', '\r', '\t']) => text.to_owned(),
        _ => typed(name),
    }
}
