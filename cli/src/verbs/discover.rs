//! `dunlin discover`: the services that answer, what they offer, and how they fare.
//!
//! Services answer on `$SRV.INFO` and `$SRV.STATS` by the convention that the NATS clients share
//! (ADR-32); any number of instances may be there.

use std::time::Duration;

use clap::Args;
use dunlin::{Message, RequestMany};
use serde_json::Value;

use super::Common;
use crate::failure::{Code, Failure};
use crate::gather::gather;
use crate::output::Output;
use crate::text::{self, counted, show_duration};
use crate::view::shown;

/// Show the services that answer, and their endpoints
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  dunlin discover
  dunlin discover --stats orders
  dunlin discover --json | jq -r '.endpoints[].subject'")]
pub(crate) struct Discover {
    /// Only services of this name
    name: Option<String>,

    /// Only this instance
    #[arg(requires = "name")]
    id: Option<String>,

    /// Show requests, errors and times too
    #[arg(long = "stats")]
    has_stats: bool,

    /// How long to wait for the first answer
    #[arg(short, long, value_name = "DURATION", default_value = "2s", value_parser = text::duration)]
    timeout: Duration,

    /// End when none has come for this long after another
    #[arg(short, long, value_name = "DURATION", default_value = "300ms", value_parser = text::duration)]
    gap: Duration,
}

impl Discover {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        let client = common.connection.connect("discover").await?;
        let mut subject = match self.has_stats {
            true => "$SRV.STATS".to_owned(),
            false => "$SRV.INFO".to_owned(),
        };
        for part in [&self.name, &self.id].into_iter().flatten() {
            subject = format!("{subject}.{part}");
        }
        let question = RequestMany::new().timeout(self.timeout).idle(self.gap);
        let mut answers = Vec::new();
        let take = |answer: Message| {
            answers.push(answer.payload);
            Ok(())
        };
        let gathered = gather(&client, &subject, question, take).await;
        gathered.map_err(|failure| match failure.code {
            Code::NoResponders => Failure::new(Code::NoResponders, "no service is there"),
            _ => failure,
        })?;
        let mut services: Vec<Value> = answers
            .iter()
            .filter_map(|payload| serde_json::from_slice(payload).ok())
            .collect();
        let bad = answers.len() - services.len();
        services.sort_by_cached_key(|service| (text_of(service, "name"), text_of(service, "id")));
        self.show(&services, common)?;
        if bad > 0 {
            eprintln!("dunlin: {} made no sense", counted(bad as u64, "answer"));
        }
        common
            .style
            .tell(|| counted(services.len() as u64, "instance"));
        Ok(())
    }

    fn show(&self, services: &[Value], common: &Common) -> Result<(), Failure> {
        let mut output = Output::new();
        for (at, service) in services.iter().enumerate() {
            if common.style.is_json {
                output.line(&service.to_string())?;
                continue;
            }
            if at > 0 {
                output.line("")?;
            }
            let (name, version) = (text_of(service, "name"), text_of(service, "version"));
            output.line(&shown(&format!(
                "{name} {version} {}",
                text_of(service, "id")
            )))?;
            let description = text_of(service, "description");
            if !description.is_empty() {
                output.line(&shown(&format!("  {description}")))?;
            }
            let endpoints = service["endpoints"].as_array();
            for endpoint in endpoints.into_iter().flatten() {
                output.line(&shown(&self.endpoint(endpoint)))?;
            }
        }
        output.flush()
    }

    /// `  add       math.add       queue q   12 requests, 1 error, 3.20 ms each`
    fn endpoint(&self, endpoint: &Value) -> String {
        let (name, subject) = (text_of(endpoint, "name"), text_of(endpoint, "subject"));
        let queue = match text_of(endpoint, "queue_group") {
            queue if queue.is_empty() => String::new(),
            queue => format!("queue {queue}"),
        };
        if !self.has_stats {
            return format!("  {name:<16} {subject:<32} {queue}")
                .trim_end()
                .to_owned();
        }
        let number = |key: &str| endpoint[key].as_u64().unwrap_or(0);
        let requests = counted(number("num_requests"), "request");
        let errors = counted(number("num_errors"), "error");
        let each = show_duration(Duration::from_nanos(number("average_processing_time")));
        let mut line = format!("  {name:<16} {subject:<32} {requests}, {errors}, {each} each");
        let last = text_of(endpoint, "last_error");
        if !last.is_empty() {
            line.push_str(&format!("; last error: {last}"));
        }
        line
    }
}

/// A text of an object; empty where there is none.
fn text_of(object: &Value, key: &str) -> String {
    object[key].as_str().unwrap_or_default().to_owned()
}
