//! `dunlin request`: asks, and shows the answer or all answers.

use std::io::IsTerminal;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use dunlin::{Client, HeaderMap, Message, Request, RequestMany};
use tokio::time::Instant;

use super::Common;
use crate::body::Body;
use crate::failure::{Code, Failure};
use crate::gather::gather;
use crate::output::Output;
use crate::publish::payload_max;
use crate::stop::Stop;
use crate::template::Filling;
use crate::text::{self, counted, show_duration};
use crate::view::{View, readable, shown};

/// Ask, and show the answer
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  dunlin request time.now
  dunlin request -H 'Accept: json' --timeout 500ms users.find '{\"id\":7}'
  dunlin request --replies 0 --gap 300ms '$SRV.PING'")]
pub(crate) struct Ask {
    /// Whom to ask
    subject: String,

    #[command(flatten)]
    body: Body,

    /// How long to wait
    #[arg(short, long, value_name = "DURATION", default_value = "5s", value_parser = text::duration)]
    timeout: Duration,

    /// Wait for so many answers; 0 takes all that come in time
    #[arg(short = 'n', long, value_name = "N", default_value = "1", value_parser = text::amount,
          hide_default_value = true)]
    replies: u64,

    /// With several answers: end when none has come for this long after another
    #[arg(short, long, value_name = "DURATION", value_parser = text::duration)]
    gap: Option<Duration>,

    /// Show subject and headers too
    #[arg(long = "full", conflicts_with = "is_json")]
    is_full: bool,
}

/// What is asked, with its holes filled.
struct Question {
    subject: String,
    headers: Option<HeaderMap>,
    payload: Vec<u8>,
}

impl Ask {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        let mut stop = Stop::listen()?;
        let client = common.connection.connect("request").await?;
        let question = self.question(&client).await?;
        let start = Instant::now();
        let mut output = Output::new();
        let asked = async {
            match self.replies {
                1 => self.one(&client, question, common, &mut output).await,
                _ => self.many(&client, question, common, &mut output).await,
            }
        };
        let count = tokio::select! {
            biased;
            () = stop.asked() => return Err(Failure::silent(Code::Interrupted)),
            count = asked => count?,
        };
        let elapsed = show_duration(start.elapsed());
        common
            .style
            .tell(|| format!("{} in {elapsed}", counted(count, "answer")));
        Ok(())
    }

    async fn question(&self, client: &Client) -> Result<Question, Failure> {
        let content = self.body.template(payload_max(client)).await?;
        let mut filling = Filling {
            count: 1,
            ..Filling::default()
        };
        let subject = self.body.text(&self.subject)?.filled(filling);
        filling.subject = &subject;
        let mut payload = Vec::new();
        content.fill(filling, &mut payload);
        Ok(Question {
            headers: self.body.headers()?,
            payload,
            subject,
        })
    }

    async fn one(
        &self,
        client: &Client,
        question: Question,
        common: &Common,
        output: &mut Output,
    ) -> Result<u64, Failure> {
        let mut request = Request::new().timeout(self.timeout);
        request = request.payload(Bytes::from(question.payload));
        if let Some(headers) = question.headers {
            request = request.headers(headers);
        }
        let answer = client.send_request(&question.subject, request).await?;
        self.show(&answer, common, output)?;
        service_error(&answer).map_or(Ok(1), Err)
    }

    async fn many(
        &self,
        client: &Client,
        question: Question,
        common: &Common,
        output: &mut Output,
    ) -> Result<u64, Failure> {
        let mut request = RequestMany::new().timeout(self.timeout);
        request = request.payload(question.payload);
        if let Some(headers) = question.headers {
            request = request.headers(headers);
        }
        if self.replies > 0 {
            request = request.max(self.replies);
        }
        if let Some(gap) = self.gap {
            request = request.idle(gap);
        }
        let mut failed = None;
        let show = |answer: Message| {
            self.show(&answer, common, output)?;
            failed = failed.take().or(service_error(&answer));
            Ok(())
        };
        let seen = gather(client, &question.subject, request, show).await?;
        match failed {
            Some(failure) => Err(failure),
            None if seen < self.replies.max(1) => Err(self.missed(seen)),
            None => Ok(seen),
        }
    }

    fn missed(&self, seen: u64) -> Failure {
        let wanted = counted(self.replies.max(1), "answer");
        let wait = show_duration(self.timeout);
        let text = format!("{seen} of {wanted} came within {wait}: {:?}", self.subject);
        Failure::new(Code::TimedOut, text)
    }

    fn show(&self, answer: &Message, common: &Common, output: &mut Output) -> Result<(), Failure> {
        // What would steer a terminal is shown in hex there; a pipe gets the bytes as they are.
        let is_safe = !std::io::stdout().is_terminal() || readable(&answer.payload).is_some();
        let view = match (common.style.is_json, self.is_full || !is_safe) {
            (true, _) => View::Json { has_payload: true },
            (_, true) => View::Full {
                has_time: false,
                has_payload: true,
            },
            _ => View::Raw { end: b'\n' },
        };
        let mut text = Vec::new();
        view.write(answer, &mut text);
        output.bytes(&text)?;
        output.flush()
    }
}

/// The error that a service answered with.
fn service_error(answer: &Message) -> Option<Failure> {
    let error = answer.service_error()?;
    let text = format!("service error {}: {}", error.code, shown(&error.status));
    Some(Failure::new(Code::Lost, text))
}
