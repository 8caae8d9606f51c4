//! What two sets of options have otherwise about watching the server.

use super::{Builder, Difference};

impl Builder {
    /// Whether other events are to be published.
    pub(super) fn other_events(&self, new: &Self) -> Option<Difference> {
        (self.events != new.events).then(|| Difference {
            name: "events",
            go_name: "Events",
            old: format!("{:?}", self.events),
            new: format!("{:?}", new.events),
            can_change: false,
        })
    }

    /// Whether the monitoring port is to be elsewhere.
    #[cfg(feature = "http")]
    pub(super) fn other_monitor(&self, new: &Self) -> Option<Difference> {
        let place = |options: &Self| format!("{:?}", options.monitor.as_ref().map(|it| it.place()));
        let (old, new) = (place(self), place(new));
        (old != new).then_some(Difference {
            name: "http",
            go_name: "HTTPPort",
            old,
            new,
            can_change: false,
        })
    }
}
