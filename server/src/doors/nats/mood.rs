//! What a client wants to hear, and what it understands.

/// What CONNECT chose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mood {
    pub(super) is_verbose: bool,
    pub(super) is_pedantic: bool,
    /// A publish with a reply that nobody took is answered.
    pub(super) no_responders: bool,
    /// The client speaks of header blocks, and there may be some.
    pub(super) has_headers: bool,
    /// The client understands INFO at any time.
    pub(super) takes_info: bool,
    pub(super) has_connected: bool,
}

/// What holds until CONNECT. Source: protocol.md#connect.
impl Default for Mood {
    fn default() -> Self {
        Self {
            is_verbose: true,
            is_pedantic: true,
            no_responders: false,
            has_headers: false,
            takes_info: false,
            has_connected: false,
        }
    }
}
