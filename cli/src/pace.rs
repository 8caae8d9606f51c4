//! So many in a second, and no more.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Spreads work evenly over time. Falling behind is made up for, so that the rate holds on average.
#[derive(Debug)]
pub(crate) struct Pace {
    start: Instant,
    /// Nothing: as fast as it goes.
    per_second: Option<f64>,
    done: u64,
}

impl Pace {
    pub(crate) fn new(per_second: Option<f64>) -> Self {
        Self {
            start: Instant::now(),
            per_second,
            done: 0,
        }
    }

    /// When the next piece is due; nothing where there is no rate.
    pub(crate) fn due(&self) -> Option<Instant> {
        let seconds = self.done as f64 / self.per_second?;
        // A rate of next to nothing would not fit; a day is as good as never.
        Some(self.start + Duration::try_from_secs_f64(seconds).unwrap_or(DAY))
    }

    /// Waits until the next piece is due, and counts it. Says when it was due.
    pub(crate) async fn next(&mut self) -> Option<Instant> {
        let due = self.due();
        self.done += 1;
        if let Some(due) = due
            && due > Instant::now()
        {
            sleep_until(due).await;
        }
        due
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept_and_made_up_for() {
        let (start, mut pace) = (Instant::now(), Pace::new(Some(10.0)));
        for _ in 0..11 {
            pace.next().await;
        }
        assert_eq!(start.elapsed().as_millis() / 10, 100);
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..10 {
            pace.next().await; // All of them are late already.
        }
        assert_eq!(start.elapsed().as_millis() / 10, 200);
    }
}
