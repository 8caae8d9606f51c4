//! What is told of the server, and to whom; ours, nats-server has nothing of the kind.

/// `monitoring { }`: beside where the pages are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Monitoring {
    /// Whether a visitor must name a user; nothing: who comes from elsewhere, where there are users.
    pub demand_user: Option<bool>,
    /// Whether traffic is counted by subject and publisher from the start.
    pub traffic: Option<bool>,
}

/// `events { }`: what is published about connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    /// What their subjects begin with; nothing for the default.
    pub prefix: Option<String>,
    /// Which of them; empty for all.
    pub kinds: Vec<String>,
}
