//! What becomes of messages for a reader that does not keep up.

/// What becomes of messages for a reader with as much waiting as may wait, [`max_pending`] or a
/// limit of its user or address; a reader that is never that far behind meets none of this.
///
/// The wire stays what it is: a reader sees whole messages in their order, some of them missing.
/// Each that is, is counted: for the connection in `/connz` and `/slowz`, for all in
/// [`Statistics::dropped_messages`](crate::Statistics::dropped_messages).
///
/// Ours, not nats-server's, which always disconnects. Source: docs/configuration.md#lag.
///
/// [`max_pending`]: crate::Builder::max_pending
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lag {
    /// The reader is cut as a slow consumer: what it has had is without a gap.
    #[default]
    Disconnect,
    /// The message that does not fit is dropped: the reader works off what is old.
    DropNewest,
    /// The oldest messages that wait make room, up to 64 KiB more than is needed at a time.
    DropOldest,
    /// Of messages with the same subject to the same subscription the last one stays, from three
    /// quarters of what may wait on; where that is not enough, the oldest make room.
    Latest,
}

/// What becomes of messages whose subject a filter covers, whoever reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LagRule {
    pub(crate) filter: Box<[u8]>,
    pub(crate) lag: Lag,
}
