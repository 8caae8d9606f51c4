//! Commands that run side by side, so many and no more.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

use crate::failure::{Code, Failure};
use crate::text::counted;

/// A bounded set of jobs; counts those that end badly.
pub(crate) struct Jobs {
    running: JoinSet<Result<bool, Failure>>,
    free: Arc<Semaphore>,
    failed: u64,
}

impl Jobs {
    /// Room for `count` at the same time, one at least.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            running: JoinSet::new(),
            free: Arc::new(Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS))),
            failed: 0,
        }
    }

    /// Starts a job as soon as there is room. It says whether it ended well.
    ///
    /// # Errors
    ///
    /// One of those before could not even be started.
    pub(crate) async fn start(
        &mut self,
        job: impl Future<Output = Result<bool, Failure>> + Send + 'static,
    ) -> Result<(), Failure> {
        let permit = Arc::clone(&self.free).acquire_owned().await;
        while let Some(done) = self.running.try_join_next() {
            self.judge(done)?;
        }
        self.running.spawn(async move {
            let _permit = permit;
            job.await
        });
        Ok(())
    }

    /// Waits for all.
    ///
    /// # Errors
    ///
    /// Some of them ended badly.
    pub(crate) async fn finish(&mut self) -> Result<(), Failure> {
        while let Some(done) = self.running.join_next().await {
            self.judge(done)?;
        }
        match self.failed {
            0 => Ok(()),
            failed => {
                let text = format!("{} ended with an error", counted(failed, "command"));
                Err(Failure::new(Code::Failed, text))
            }
        }
    }

    fn judge(&mut self, done: Result<Result<bool, Failure>, JoinError>) -> Result<(), Failure> {
        let is_good = done.map_err(|error| Failure::because("running a command", error))??;
        self.failed += u64::from(!is_good);
        Ok(())
    }
}
