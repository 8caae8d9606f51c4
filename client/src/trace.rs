//! One trace across programs: the W3C trace context, carried by messages (feature `tracing`).
//!
//! In: the header `traceparent` of a message that arrived. Out: the same header on everything that
//! is published while that message is worked on, and a span of `tracing` around the work whose
//! fields say which trace it belongs to. Source: W3C Trace Context, level 1; it works together with
//! whatever else writes and reads that header.
//!
//! ```no_run
//! # async fn example(client: dunlin::Client) -> Result<(), Box<dyn std::error::Error>> {
//! let mut orders = client.subscribe("orders").await?;
//! while let Some(order) = orders.next().await {
//!     let work = async {
//!         tracing::info!("taking the order"); // Within the trace of whoever ordered.
//!         client.request("payments.take", &order.payload).await // And so is this request.
//!     };
//!     order.traced(work).await?;
//! }
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::str::FromStr;

use dunlin_protocol::HeaderMap;
use tracing::{Span, info_span};

use crate::ids::Random;
use crate::message::Message;

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// Which trace something belongs to, and which step of it it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: u128, // Never 0.
    span_id: u64,   // Never 0.
    flags: u8,
}

/// A text is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceError;

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("trace context is not like 00-<32 hex>-<16 hex>-<2 hex>")
    }
}

impl std::error::Error for TraceError {}

impl TraceContext {
    /// The first step of a new trace, to be recorded.
    pub fn root() -> Self {
        let random = Random::default();
        Self {
            trace_id: u128::from(random.number()) << 64 | u128::from(random.number() | 1),
            span_id: random.number() | 1,
            flags: SAMPLED,
        }
    }

    /// The next step of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span_id: Random::default().number() | 1,
            ..self
        }
    }

    /// That of the work this is called in; none outside of [`TraceContext::scope`] and
    /// [`Message::traced`].
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|context| *context).ok()
    }

    /// The trace, the same in all its steps: 32 hexadecimal digits.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// The step: 16 hexadecimal digits.
    pub fn span_id(self) -> String {
        format!("{:016x}", self.span_id)
    }

    /// Whether whoever began the trace wants it recorded.
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Does `work` as this step, within `span`: what is published meanwhile by this task carries it.
    /// Tasks that are spawned meanwhile do not inherit it.
    ///
    /// # Cancel safety
    ///
    /// That of `work`.
    pub async fn scope<F: Future>(self, span: Span, work: F) -> F::Output {
        let mut work = pin!(CURRENT.scope(self, work));
        poll_fn(|cx| {
            let _entered = span.enter();
            work.as_mut().poll(cx)
        })
        .await
    }
}

impl FromStr for TraceContext {
    type Err = TraceError;

    /// Reads `version-trace_id-span_id-flags`; of later versions what this one knows.
    fn from_str(text: &str) -> Result<Self, TraceError> {
        let mut parts = text.split('-');
        let mut hex = |digits: usize| {
            let part = parts.next().ok_or(TraceError)?;
            let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            match part.len() == digits && part.bytes().all(is_digit) {
                true => u128::from_str_radix(part, 16).map_err(|_| TraceError),
                false => Err(TraceError),
            }
        };
        let (version, trace_id, span_id, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
        let has_more = parts.next().is_some();
        if version == 0xff || (version == 0 && has_more) || trace_id == 0 || span_id == 0 {
            return Err(TraceError);
        }
        Ok(Self {
            trace_id,
            span_id: span_id as u64, // 16 digits.
            flags: flags as u8,      // 2 digits.
        })
    }
}

/// As the header carries it.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace_id, span_id) = (self.trace_id, self.span_id);
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{:02x}", self.flags)
    }
}

impl Message {
    /// Which trace it belongs to, if it says so.
    pub fn trace_context(&self) -> Option<TraceContext> {
        let header = self.headers.as_ref()?.get_ignore_case(HEADER)?;
        header.parse().ok()
    }

    /// Does `work` as the next step of the message's trace, or as the first one of a new trace: in
    /// a span `message` of target `dunlin` with the fields `subject`, `trace_id`, `span_id` and
    /// `parent_id`, and so that whatever is published meanwhile by this task carries it on.
    ///
    /// # Cancel safety
    ///
    /// That of `work`.
    pub async fn traced<F: Future>(&self, work: F) -> F::Output {
        let parent = self.trace_context();
        let context = parent.map_or_else(TraceContext::root, TraceContext::child);
        let span = info_span!(
            target: "dunlin",
            "message",
            subject = %self.subject,
            trace_id = %context.trace_id(),
            span_id = %context.span_id(),
            parent_id = parent.map(|parent| tracing::field::display(parent.span_id())),
        );
        context.scope(span, work).await
    }
}

/// The headers that a message is to have: those given, and the current context where there is one
/// and none is among them. None if that changes nothing.
pub(crate) fn carried(headers: Option<&HeaderMap>) -> Option<HeaderMap> {
    let context = TraceContext::current()?;
    if headers.is_some_and(|headers| headers.get_ignore_case(HEADER).is_some()) {
        return None;
    }
    let mut headers = headers.cloned().unwrap_or_default();
    headers.append(HEADER, context.to_string()).ok()?;
    Some(headers)
}

const HEADER: &str = "traceparent";
const SAMPLED: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_that_of_the_standard() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context: TraceContext = text.parse().unwrap();
        assert_eq!(context.to_string(), text);
        assert!(context.is_sampled());
        let child = context.child();
        assert_eq!(child.trace_id(), context.trace_id());
        assert_ne!(child.span_id(), context.span_id());
        let later = text.replacen("00", "01", 1) + "-more";
        assert_eq!(later.parse(), Ok(context));
        assert_ne!(TraceContext::root(), TraceContext::root());
        for wrong in [
            "",
            "00",
            &text[..text.len() - 1],
            &format!("{text}-more"),
            &text.to_uppercase(),
            &text.replacen("00", "ff", 1),
            &text.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &text.replace("b7ad6b7169203331", &"0".repeat(16)),
            &text.replace("b7ad", "+7ad"),
        ] {
            assert_eq!(wrong.parse::<TraceContext>(), Err(TraceError), "{wrong}");
        }
    }
}
