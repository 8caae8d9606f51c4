//! `dunlin health`: whether a server is well, as an exit code. For images without a shell.

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, timeout};

use super::Common;
use crate::connect::Target;
use crate::failure::{Code, Failure};
use crate::http;
use crate::json::Object;
use crate::output::say;
use crate::text::{self, show_duration};

/// Say whether a server is well: 0 or 1
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  HEALTHCHECK CMD [\"dunlin\", \"health\"]
  dunlin health --http http://localhost:8222
  dunlin health --http https://server:8443 --tlsca ca.pem")]
pub(crate) struct Health {
    /// Ask the monitoring at this address (its /healthz) instead of connecting
    #[arg(long, alias = "monitor", value_name = "URL")]
    http: Option<String>,

    /// How long it may take
    #[arg(short, long, value_name = "DURATION", default_value = "3s", value_parser = text::duration)]
    timeout: Duration,
}

impl Health {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        let start = Instant::now();
        let asked = match &self.http {
            Some(url) => self.page(url, &common.connection.target("health")?).await,
            None => match timeout(self.timeout, round_trip(common)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Failure::new(Code::Failed, "no answer in time")),
            },
        };
        asked.map_err(|failure| failure.with_code(Code::Failed))?;
        let elapsed = start.elapsed();
        if common.style.is_json {
            let object = Object::new().text("status", "ok");
            return say(&object.fraction("seconds", elapsed.as_secs_f64(), 6).end());
        }
        common
            .style
            .tell(|| format!("well, in {}", show_duration(elapsed)));
        Ok(())
    }

    async fn page(&self, url: &str, target: &Target) -> Result<(), Failure> {
        let url = format!("{}/healthz", http::whole(url));
        let (status, body) = http::get(&url, self.timeout, target).await?;
        match status {
            200 => Ok(()),
            status => {
                let body = String::from_utf8_lossy(&body);
                let shown = crate::view::shown(body.trim());
                Err(Failure::because(
                    &url,
                    format_args!("status {status}: {shown}"),
                ))
            }
        }
    }
}

/// Connects, and waits until the server has handled what it was sent.
async fn round_trip(common: &Common) -> Result<(), Failure> {
    let client = common.connection.connect("health").await?;
    Ok(client.flush().await?)
}
