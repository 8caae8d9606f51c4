//! `dunlin pub`: says something on a subject, once or many times.

use std::time::Duration;

use clap::Args;
use dunlin::{Client, HeaderMap};
use tokio::time::{Instant, sleep};

use super::Common;
use crate::body::{self, Body, Content};
use crate::connect::watch_connection;
use crate::failure::{Code, Failure};
use crate::json::Object;
use crate::output::say;
use crate::pace::Pace;
use crate::publish::{payload_max, refused, send};
use crate::stop::Stop;
use crate::template::{Filling, Template};
use crate::text::{self, counted, show_duration};

/// Publish messages, and make sure that the server has them
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  dunlin pub greet.joe hello
  dunlin pub -H 'Trace: 7' orders.new --file order.json
  tail -f log | dunlin pub logs.web - --lines
  dunlin pub -T 'orders.{{count}}' '{\"id\":{{count}}}' --count 1000 --rate 100")]
pub(crate) struct Publish {
    /// Where to publish
    subject: String,

    #[command(flatten)]
    body: Body,

    /// Ask for answers on this subject
    #[arg(long, value_name = "SUBJECT")]
    reply: Option<String>,

    /// Make each line of the file or of stdin a message
    #[arg(short = 'l', long = "lines")]
    is_lines: bool,

    /// Publish so many messages; 0 does not end
    #[arg(short = 'n', long, default_value = "1", value_parser = text::amount,
          conflicts_with = "is_lines", hide_default_value = true)]
    count: u64,

    /// Publish no more than so many a second
    #[arg(short, long, value_name = "MESSAGES", value_parser = text::rate)]
    rate: Option<f64>,
}

/// A run, on its way.
struct Run<'a> {
    client: &'a Client,
    subject: Template,
    reply: Option<String>,
    headers: Option<HeaderMap>,
    pace: Pace,
    messages: u64,
    bytes: u64,
    /// The payload being filled, kept for its memory.
    payload: Vec<u8>,
}

impl Publish {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        if self.is_lines && self.body.input()?.is_none() {
            return Err(Failure::usage(
                "--lines reads --file, or stdin when `-` is given",
            ));
        }
        let (headers, subject) = (self.body.headers()?, self.body.text(&self.subject)?);
        let mut stop = Stop::listen()?;
        let start = Instant::now();
        let client = common.connection.connect("pub").await?;
        let mut events = client.events();
        watch_connection(&client, &common.style);
        let mut run = Run {
            client: &client,
            subject,
            reply: self.reply.clone(),
            headers,
            pace: Pace::new(self.rate),
            messages: 0,
            bytes: 0,
            payload: Vec::new(),
        };
        let is_whole = match self.is_lines {
            true => self.lines(&mut run, &mut stop).await?,
            false => self.repeated(&mut run, &mut stop).await?,
        };
        confirmed(&client, stop, common).await?;
        refused(&mut events).await?;
        report(&run, &self.subject, start, common)?;
        match is_whole {
            true => Ok(()),
            false => Err(Failure::silent(Code::Interrupted)),
        }
    }

    /// Publishes the payload as often as asked for; false if it was stopped before.
    async fn repeated(&self, run: &mut Run<'_>, stop: &mut Stop) -> Result<bool, Failure> {
        let content = self.body.template(payload_max(run.client)).await?;
        while self.count == 0 || run.messages < self.count {
            tokio::select! {
                biased;
                () = stop.asked() => return Ok(false),
                published = run.publish(&content) => published?,
            }
        }
        Ok(true)
    }

    /// Publishes each line; false if it was stopped before the last.
    async fn lines(&self, run: &mut Run<'_>, stop: &mut Stop) -> Result<bool, Failure> {
        let Some(mut input) = self.body.input()? else {
            return Ok(true);
        };
        let (max, mut line) = (payload_max(run.client), Vec::new());
        loop {
            let is_there = tokio::select! {
                biased;
                () = stop.asked() => return Ok(false),
                is_there = body::line(&mut input, max, &mut line) => is_there?,
            };
            if !is_there {
                return Ok(true);
            }
            let content = self.body.content(std::mem::take(&mut line))?;
            tokio::select! {
                biased;
                () = stop.asked() => return Ok(false),
                published = run.publish(&content) => published?,
            }
        }
    }
}

impl Run<'_> {
    async fn publish(&mut self, content: &Content) -> Result<(), Failure> {
        self.pace.next().await;
        let mut filling = Filling {
            count: self.messages + 1,
            ..Filling::default()
        };
        let subject = self.subject.filled(filling);
        filling.subject = &subject;
        self.payload.clear();
        content.fill(filling, &mut self.payload);
        send(
            self.client,
            &subject,
            self.reply.as_deref(),
            self.headers.as_ref(),
            &self.payload,
        )
        .await?;
        self.messages += 1;
        self.bytes += self.payload.len() as u64;
        Ok(())
    }
}

/// Waits until the server has everything. Ctrl-C ends the wait: the first one, or, where that has
/// ended the publishing, another one.
async fn confirmed(client: &Client, mut stop: Stop, common: &Common) -> Result<(), Failure> {
    let (flushed, was_asked) = (client.flush(), stop.is_asked());
    tokio::pin!(flushed);
    tokio::select! {
        biased;
        done = &mut flushed => return Ok(done?),
        () = sleep(WAIT_UNTOLD) => {
            common.style.tell(|| WAITING.to_owned());
        }
    }
    tokio::select! {
        biased;
        done = flushed => Ok(done?),
        () = stop.asked(), if !was_asked => Err(Failure::silent(Code::Interrupted)),
    }
}

fn report(run: &Run<'_>, subject: &str, start: Instant, common: &Common) -> Result<(), Failure> {
    let elapsed = start.elapsed();
    if common.style.is_json {
        let object = Object::new().text("subject", subject);
        let object = object.number("messages", run.messages);
        let object = object.number("bytes", run.bytes);
        return say(&object.fraction("seconds", elapsed.as_secs_f64(), 6).end());
    }
    common.style.tell(|| {
        let (messages, bytes) = (counted(run.messages, "message"), run.bytes);
        format!(
            "published {messages}, {bytes} B, to {subject} in {}",
            show_duration(elapsed)
        )
    });
    Ok(())
}

const WAITING: &str = "waiting for the server to have everything; Ctrl-C gives up";
/// As long as nobody wonders.
const WAIT_UNTOLD: Duration = Duration::from_secs(1);
