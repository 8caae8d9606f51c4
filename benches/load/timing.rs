//! How long to measure, to warm up, and to wait.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

/// How long things take.
#[derive(Debug, Clone, Args)]
pub(crate) struct Times {
    /// How long to measure, each time.
    #[arg(long, global = true, default_value_t = 1.2)]
    pub(crate) seconds: f64,
    /// How long the load runs before that, in seconds.
    #[arg(long, global = true, default_value_t = 0.3, value_name = "SECONDS")]
    pub(crate) warm_up: f64,
    /// How long to wait before memory is looked at, in seconds.
    #[arg(long, global = true, default_value_t = 1.5, value_name = "SECONDS")]
    pub(crate) settle: f64,
}

/// The same, checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) measure: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) settle: Duration,
}

impl Times {
    pub(crate) fn timing(&self) -> Result<Timing> {
        let time = |name: &str, seconds: f64| match (0.0..=86_400.0).contains(&seconds) {
            true => Ok(Duration::from_secs_f64(seconds)),
            false => bail!("{name} must be 0 to 86400"),
        };
        Ok(Timing {
            measure: time("--seconds", self.seconds.max(0.001))?,
            warm_up: time("--warm-up", self.warm_up)?,
            settle: time("--settle", self.settle)?,
        })
    }
}
