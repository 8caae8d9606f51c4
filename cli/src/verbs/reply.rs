//! `dunlin reply`: answers requests with a text, an echo, a command's output, or a script's lines.

use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use dunlin::{Client, HeaderMap, Message, SubscribeOptions, Subscriber};
use tokio::sync::Notify;

use super::Common;
use crate::body::headers;
use crate::connect::watch;
use crate::failure::{Code, Failure};
use crate::jobs::Jobs;
use crate::process;
use crate::publish::{payload_max, send};
use crate::script::Script;
use crate::stop::Stop;
use crate::template::{Filling, Template};
use crate::text::{self, counted};

/// Answer requests
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  dunlin reply --echo ping
  dunlin reply 'hello.*' -T 'hello {{token 1}}, you said {{request}}'
  dunlin reply users.find --exec './find-user.sh'
  dunlin reply stats --script ./stats.py

A command that ends with an error is answered as a service error with its exit code. A script runs \
all the time: it reads each request as a JSON line, and each line it writes answers the oldest \
request that waits.")]
pub(crate) struct Reply {
    /// What to answer on: `*` is one token, a last `>` all that follow
    subject: String,

    /// Answer this
    #[arg(required_unless_present_any = ["is_echo", "exec", "script"])]
    text: Option<String>,

    /// Answer what was asked, headers too
    #[arg(long = "echo", conflicts_with_all = ["text", "exec", "script"])]
    is_echo: bool,

    /// Answer what this writes, run with `sh` for each request, the payload on its stdin; it finds
    /// the subject in $DUNLIN_SUBJECT, and $DUNLIN_HEADERS if there are any
    #[arg(short = 'x', long, value_name = "COMMAND", conflicts_with_all = ["text", "script"])]
    exec: Option<String>,

    /// Answer the lines that this writes, run once with `sh`, a JSON line for each request
    #[arg(long, value_name = "COMMAND", conflicts_with = "text")]
    script: Option<String>,

    /// Fill holes in the text: {{request}}, {{subject}}, {{token 0}}, {{count}}, {{timestamp}}, …
    #[arg(short = 'T', long = "template", requires = "text")]
    is_template: bool,

    /// Add a header to each answer; may be given again
    #[arg(short = 'H', long = "header", value_name = "NAME:VALUE")]
    headers: Vec<String>,

    /// Share the requests with all others in this queue group; an empty one shares with nobody
    #[arg(short, long, value_name = "GROUP", default_value = "q")]
    queue: String,

    /// End after so many requests
    #[arg(short = 'n', long, value_parser = text::amount)]
    count: Option<u64>,

    /// Run so many commands at the same time
    #[arg(long, value_name = "N", default_value = "1", requires = "exec")]
    jobs: usize,
}

/// Where answers come from.
enum Source {
    Text(Template),
    Echo,
    Exec(Arc<str>, Jobs),
    Script(Box<Script>),
}

/// What every answer needs.
#[derive(Clone)]
struct Answerer {
    client: Client,
    headers: Option<HeaderMap>,
}

impl Reply {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        let mut stop = Stop::listen()?;
        let headers = headers(&self.headers)?;
        let mut source = self.source()?;
        let client = common.connection.connect("reply").await?;
        let closed = Arc::new(Notify::new());
        watch(&client, &common.style, &closed);
        let mut requests = self.subscribe(&client).await?;
        common
            .style
            .tell(|| format!("answering on {}", self.subject));
        let answerer = Answerer { client, headers };
        let (mut seen, mut unasked, mut is_ending) = (0, 0, false);
        while self.count.is_none_or(|count| seen < count) {
            let request = tokio::select! {
                biased;
                () = stop.asked(), if !is_ending => {
                    is_ending = true;
                    let _ = requests.drain().await; // What has come until then is answered.
                    continue;
                }
                request = requests.next() => request,
                answer = source.answer() => {
                    answerer.pass_on(answer?).await?;
                    continue;
                }
                () = closed.notified() => {
                    return Err(Failure::new(Code::NotConnected, "connection is closed"));
                }
            };
            let Some(request) = request else { break };
            seen += 1;
            unasked += u64::from(request.reply.is_none());
            source.take(request, seen, &answerer).await?;
        }
        source.finish(&answerer).await?;
        if unasked > 0 {
            common
                .style
                .tell(|| format!("{} wanted no answer", counted(unasked, "message")));
        }
        let _ = answerer.client.drain().await; // Closed already: nothing is left to send.
        lost(&requests)
    }

    async fn subscribe(&self, client: &Client) -> Result<Subscriber, Failure> {
        let mut options = SubscribeOptions::new();
        if !self.queue.is_empty() {
            options = options.queue(&self.queue);
        }
        let mut requests = client.subscribe_at_once(&self.subject, options)?;
        if let Some(count) = self.count {
            let _ = requests.unsubscribe_after(count).await; // Closed: the flush says so.
        }
        client.flush().await?;
        match requests.refused() {
            None => Ok(requests),
            Some(kind) => {
                let failure = Failure::from(dunlin::SubscribeError::from(kind));
                Err(failure.about(&self.subject))
            }
        }
    }

    fn source(&self) -> Result<Source, Failure> {
        if let Some(line) = &self.script {
            return Ok(Source::Script(Box::new(Script::start(line)?)));
        }
        if let Some(line) = &self.exec {
            return Ok(Source::Exec(line.as_str().into(), Jobs::new(self.jobs)));
        }
        match &self.text {
            _ if self.is_echo => Ok(Source::Echo),
            Some(text) if self.is_template => {
                Ok(Source::Text(Template::parse(text).map_err(Failure::usage)?))
            }
            text => Ok(Source::Text(Template::plain(
                text.as_deref().unwrap_or_default(),
            ))),
        }
    }
}

fn lost(requests: &Subscriber) -> Result<(), Failure> {
    match requests.dropped() {
        0 => Ok(()),
        dropped => {
            let text = format!(
                "dropped {}: answered too slowly",
                counted(dropped, "request")
            );
            Err(Failure::new(Code::Lost, text))
        }
    }
}

impl Source {
    /// Answers `request`, or sees to it that somebody does.
    async fn take(
        &mut self,
        request: Message,
        count: u64,
        answerer: &Answerer,
    ) -> Result<(), Failure> {
        match self {
            Self::Text(template) => {
                let filling = Filling {
                    count,
                    subject: &request.subject,
                    request: &request.payload,
                };
                let mut payload = Vec::new();
                template.fill(filling, &mut payload);
                answerer.answer(&request, None, &payload).await
            }
            Self::Echo => {
                let headers = request.headers.clone();
                answerer.answer(&request, headers, &request.payload).await
            }
            Self::Exec(line, jobs) => {
                let (line, answerer) = (Arc::clone(line), answerer.clone());
                let job = async move { answerer.run(&line, &request).await };
                jobs.start(job).await
            }
            Self::Script(script) => {
                while let Some(answer) = script.ask(&request).await? {
                    answerer.pass_on(answer).await?; // It had no room before this was out.
                }
                Ok(())
            }
        }
    }

    /// The next answer that comes by itself.
    async fn answer(&mut self) -> Result<(Message, Bytes), Failure> {
        match self {
            Self::Script(script) => script.answer().await,
            _ => std::future::pending().await,
        }
    }

    /// Waits for answers that are on their way.
    async fn finish(&mut self, answerer: &Answerer) -> Result<(), Failure> {
        match self {
            Self::Exec(_, jobs) => jobs.finish().await,
            Self::Script(script) => {
                while let Some(answer) = script.rest().await? {
                    answerer.pass_on(answer).await?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Answerer {
    async fn answer(
        &self,
        request: &Message,
        headers: Option<HeaderMap>,
        payload: &[u8],
    ) -> Result<(), Failure> {
        let Some(reply) = &request.reply else {
            return Ok(());
        };
        let mut all = headers.unwrap_or_default();
        for (name, value) in self.headers.iter().flat_map(HeaderMap::iter) {
            let _ = all.append(name, value); // It was checked when it was read.
        }
        let all = (!all.is_empty()).then_some(all);
        send(&self.client, reply, None, all.as_ref(), payload).await
    }

    async fn pass_on(&self, (request, payload): (Message, Bytes)) -> Result<(), Failure> {
        self.answer(&request, None, &payload).await
    }

    /// Answers with what the command writes; false if it ended with an error.
    async fn run(&self, line: &str, request: &Message) -> Result<bool, Failure> {
        let max = payload_max(&self.client);
        let (status, output) = match process::output(line, request, max).await {
            Ok(output) => output,
            Err(failure) => {
                self.answer(request, error_headers(500, "command failed"), b"")
                    .await?;
                return Err(failure);
            }
        };
        if status.success() {
            self.answer(request, None, &output).await?;
            return Ok(true);
        }
        eprintln!("dunlin: {line}: {status}");
        let headers = error_headers(status.code().unwrap_or(500), "command ended with an error");
        self.answer(request, headers, &output).await?;
        Ok(false)
    }
}

/// An error as the services convention has it.
fn error_headers(code: i32, text: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    let code = headers.append("Nats-Service-Error-Code", code.to_string());
    let text = headers.append("Nats-Service-Error", text);
    (code.is_ok() && text.is_ok()).then_some(headers)
}
