//! `dunlin sub`: shows what is said on some subjects.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use dunlin::{Client, Message, SubscribeOptions, Subscriber};
use futures_core::Stream;
use tokio::sync::Notify;

use super::Common;
use crate::connect::watch;
use crate::failure::{Code, Failure};
use crate::jobs::Jobs;
use crate::output::Output;
use crate::process;
use crate::stop::Stop;
use crate::text::{self, counted};
use crate::view::View;

/// Subscribe, and show or handle what arrives
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  dunlin sub 'greet.*' 'orders.>'
  dunlin sub --json 'orders.>' | jq .payload
  dunlin sub --raw --count 1 config.now > config.json
  dunlin sub --queue workers --exec './handle \"$DUNLIN_SUBJECT\"' --jobs 4 jobs.new")]
pub(crate) struct Subscribe {
    /// What to subscribe to: `*` is one token, a last `>` all that follow
    #[arg(required = true, value_name = "SUBJECT")]
    subjects: Vec<String>,

    /// Share the messages with all others in this queue group
    #[arg(short, long, value_name = "GROUP")]
    queue: Option<String>,

    /// End after so many messages
    #[arg(short = 'n', long, value_parser = text::amount)]
    count: Option<u64>,

    /// End when nothing has come for this long
    #[arg(short, long, value_name = "DURATION", value_parser = text::duration)]
    wait: Option<Duration>,

    /// Show payloads only, each with a line end
    #[arg(short = 'r', long = "raw", conflicts_with_all = ["is_json", "is_timed", "is_headers_only"])]
    is_raw: bool,

    /// End raw payloads with a NUL byte instead, as `xargs -0` wants it
    #[arg(short = '0', long = "null", requires = "is_raw")]
    is_null: bool,

    /// Show subjects and headers, no payloads
    #[arg(long = "headers-only")]
    is_headers_only: bool,

    /// Show when each message arrived, in local time; --json always does, in UTC
    #[arg(short = 't', long = "timestamps")]
    is_timed: bool,

    /// Run this with `sh` for each message, the payload on its stdin; it finds the subject in
    /// $DUNLIN_SUBJECT, and $DUNLIN_REPLY and $DUNLIN_HEADERS if there are any
    #[arg(short = 'x', long, value_name = "COMMAND", conflicts_with_all = ["is_raw", "is_json"])]
    exec: Option<String>,

    /// Run so many of them at the same time
    #[arg(long, value_name = "N", default_value = "1", requires = "exec")]
    jobs: usize,
}

/// Several subscriptions as one stream.
pub(super) struct Feed {
    subscribers: Vec<Subscriber>,
    /// Where to look first: each gets its turn.
    first: usize,
}

impl Subscribe {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        let mut stop = Stop::listen()?;
        let client = common.connection.connect("sub").await?;
        let closed = Arc::new(Notify::new());
        watch(&client, &common.style, &closed);
        let mut feed = self.subscribe(&client).await?;
        common
            .style
            .tell(|| format!("subscribed to {}", self.subjects.join(", ")));
        let mut sink = self.sink(common);
        let seen = self.hear(&mut feed, &mut stop, &closed, &mut sink).await;
        let seen = match seen {
            Ok(seen) if stop.is_asked() => seen + self.rest(&client, &mut feed, &mut sink).await?,
            seen => seen?,
        };
        sink.finish().await?;
        feed.refused()?;
        match feed.dropped() {
            0 => self.missed(seen, &stop),
            dropped => {
                let text = format!("dropped {}: read too slowly", counted(dropped, "message"));
                Err(Failure::new(Code::Lost, text))
            }
        }
    }

    async fn subscribe(&self, client: &Client) -> Result<Feed, Failure> {
        let mut options = SubscribeOptions::new();
        if let Some(queue) = &self.queue {
            options = options.queue(queue);
        }
        let mut subscribers = Vec::new();
        for subject in &self.subjects {
            let mut subscriber = client.subscribe_at_once(subject, options.clone())?;
            // Of a queue group no more is taken than is handled.
            if let (Some(count), [_]) = (self.count, &*self.subjects) {
                let _ = subscriber.unsubscribe_after(count).await; // Closed: the flush says so.
            }
            subscribers.push(subscriber);
        }
        client.flush().await?;
        let feed = Feed {
            subscribers,
            first: 0,
        };
        feed.refused()?;
        Ok(feed)
    }

    fn sink(&self, common: &Common) -> Sink {
        if let Some(line) = &self.exec {
            return Sink::Exec(line.as_str().into(), Jobs::new(self.jobs));
        }
        let has_payload = !self.is_headers_only;
        let view = match (self.is_raw, common.style.is_json) {
            (true, _) if self.is_null => View::Raw { end: 0 },
            (true, _) => View::Raw { end: b'\n' },
            (_, true) => View::Json { has_payload },
            _ => View::Full {
                has_time: self.is_timed,
                has_payload,
            },
        };
        Sink::Show(view, Output::new())
    }

    /// Handles messages until there were enough, a signal comes, or it is quiet for too long.
    async fn hear(
        &self,
        feed: &mut Feed,
        stop: &mut Stop,
        closed: &Notify,
        sink: &mut Sink,
    ) -> Result<u64, Failure> {
        let mut seen = 0;
        while self.count.is_none_or(|count| seen < count) {
            let message = tokio::select! {
                biased;
                () = stop.asked() => break,
                message = feed.next() => message,
                () = quiet(self.wait) => break,
                () = closed.notified() => {
                    return Err(Failure::new(Code::NotConnected, "connection is closed"));
                }
            };
            let Some(message) = message else { break };
            seen += 1;
            sink.take(message, feed.is_empty()).await?;
        }
        Ok(seen)
    }

    /// What arrived before the server knew that we go.
    async fn rest(
        &self,
        client: &Client,
        feed: &mut Feed,
        sink: &mut Sink,
    ) -> Result<u64, Failure> {
        let drained = client.drain();
        let mut seen = 0;
        let handled = async {
            while let Some(message) = feed.next().await {
                seen += 1;
                sink.take(message, feed.is_empty()).await?;
            }
            Ok::<_, Failure>(())
        };
        let (_, handled) = tokio::join!(drained, handled); // Closed already: nothing to drain.
        handled?;
        Ok(seen)
    }

    /// Fewer messages than were waited for, in the time there was, is no success.
    fn missed(&self, seen: u64, stop: &Stop) -> Result<(), Failure> {
        match self.count {
            Some(count) if seen < count && stop.is_asked() => {
                Err(Failure::silent(Code::Interrupted))
            }
            Some(count) if seen < count => {
                let text = format!("{seen} of {} came in time", counted(count, "message"));
                Err(Failure::new(Code::TimedOut, text))
            }
            _ => Ok(()),
        }
    }
}

async fn quiet(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

impl Feed {
    /// The next message of any of them; none when all have ended.
    pub(super) async fn next(&mut self) -> Option<Message> {
        std::future::poll_fn(|cx| {
            let count = self.subscribers.len();
            let mut ended = 0;
            for step in 0..count {
                let at = (self.first + step) % count;
                match Pin::new(&mut self.subscribers[at]).poll_next(cx) {
                    std::task::Poll::Ready(Some(message)) => {
                        self.first = at + 1;
                        return std::task::Poll::Ready(Some(message));
                    }
                    std::task::Poll::Ready(None) => ended += 1,
                    std::task::Poll::Pending => {}
                }
            }
            match ended == count {
                true => std::task::Poll::Ready(None),
                false => std::task::Poll::Pending,
            }
        })
        .await
    }

    /// Whether nothing waits to be read.
    fn is_empty(&self) -> bool {
        let mut queued = self.subscribers.iter().map(Subscriber::queued);
        queued.all(|(messages, _)| messages == 0)
    }

    fn dropped(&self) -> u64 {
        self.subscribers.iter().map(Subscriber::dropped).sum()
    }

    /// What the server did not allow.
    fn refused(&self) -> Result<(), Failure> {
        for subscriber in &self.subscribers {
            if let Some(kind) = subscriber.refused() {
                let failure = Failure::from(dunlin::SubscribeError::from(kind));
                return Err(failure.about(subscriber.subject()));
            }
        }
        Ok(())
    }
}

/// What becomes of the messages.
enum Sink {
    Show(View, Output),
    Exec(Arc<str>, Jobs),
}

impl Sink {
    /// Handles one message; `is_last` says that nobody waits behind it.
    async fn take(&mut self, message: Message, is_last: bool) -> Result<(), Failure> {
        match self {
            Self::Show(view, output) => {
                let mut shown = Vec::with_capacity(message.length + 128);
                view.write(&message, &mut shown);
                output.bytes(&shown)?;
                if is_last {
                    output.flush()?;
                }
                Ok(())
            }
            Self::Exec(line, jobs) => {
                let line = Arc::clone(line);
                let job = async move { Ok(process::run(&line, &message).await?.success()) };
                jobs.start(job).await
            }
        }
    }

    /// Waits for what still runs.
    async fn finish(&mut self) -> Result<(), Failure> {
        match self {
            Self::Show(_, output) => output.flush(),
            Self::Exec(_, jobs) => jobs.finish().await,
        }
    }
}
