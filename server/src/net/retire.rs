//! The slow way out: nobody new, then one connection after another.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::hub::Hub;
use crate::link::Reason;

/// The shortest gap between two closings of a lame duck; more than one go together then.
const GAP_MIN: Duration = Duration::from_millis(1);
/// The longest, as the reference server has it.
const GAP_MAX: Duration = Duration::from_secs(1);
/// How long the last connections may take to go: longer than any ending takes.
const EMPTY_MAX: Duration = Duration::from_secs(5);

impl Hub {
    /// Accepts nobody any more; who is here stays.
    pub(crate) fn close_to_newcomers(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.stop.notify_waiters();
    }

    /// Waits until nobody is here, but no longer than `patience`.
    pub(crate) async fn empty_or(&self, patience: Duration) {
        let empty = async {
            loop {
                let emptied = self.emptied.notified();
                if self.presence.is_empty() {
                    return;
                }
                emptied.await;
            }
        };
        // Either way the caller goes on.
        let _ = tokio::time::timeout(patience, empty).await;
    }

    /// Ends one connection after another, in no order, within `duration`; returns when all are
    /// gone.
    pub(crate) async fn close_one_by_one(&self, duration: Duration) {
        let open = self.presence.all();
        let gap = duration / (open.len().max(1) as u32);
        let (gap, batch) = match gap < GAP_MIN {
            true => {
                let batch = GAP_MIN.as_nanos() / gap.as_nanos().max(1);
                (GAP_MIN, batch.min(usize::MAX as u128) as usize)
            }
            false => (gap.min(GAP_MAX), 1),
        };
        for batch in open.chunks(batch.max(1)) {
            for outbox in batch {
                outbox.end(Reason::ServerShutdown);
                outbox.wake_owner();
            }
            let gap = gap.mul_f64(0.5 + 0.5 * fastrand::f64());
            self.empty_or(gap).await;
        }
        self.empty_or(EMPTY_MAX).await;
    }
}
