//! Doing what was typed, and passing on what arrives.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dunlin::{Client, Events, Message, Request, SubscribeOptions, Subscriber};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::grammar::{Command, Form};
use super::help::help;
use super::seen::Seen;
use crate::body::headers;
use crate::failure::Failure;
use crate::publish::{refused, send};
use crate::text::{counted, short_name, show_duration};
use crate::view::View;

/// What the screen is told.
pub(super) enum Text {
    Show(String),
    /// Everything before it is shown when this is answered.
    Settled(oneshot::Sender<()>),
}

/// What a shell knows between two lines.
pub(super) struct Session {
    client: Client,
    events: Events,
    seen: Arc<Seen>,
    /// What is to be shown, in order.
    shown: mpsc::Sender<Text>,
    form: Arc<Mutex<Form>>,
    subscriptions: BTreeMap<String, Listening>,
}

/// A subscription, read by a task of its own.
struct Listening {
    subject: String,
    queue: Option<String>,
    messages: Arc<AtomicU64>,
    end: mpsc::Sender<End>,
}

/// How many messages a subscription is to end after, 0 for at once; and whom to tell.
type End = (u64, oneshot::Sender<()>);

impl Session {
    pub(super) fn new(
        client: Client,
        seen: Arc<Seen>,
        shown: mpsc::Sender<Text>,
        form: Form,
    ) -> Self {
        Self {
            events: client.events(),
            client,
            seen,
            shown,
            form: Arc::new(Mutex::new(form)),
            subscriptions: BTreeMap::new(),
        }
    }

    /// Does `command`; what there is to say of it. False ends the shell.
    pub(super) async fn perform(&mut self, command: Command) -> Result<bool, Failure> {
        match command {
            Command::Nothing => {}
            Command::Quit => return Ok(false),
            Command::Help(verb) => self.say(help(verb.as_deref())).await,
            Command::View(form) => *self.form.lock() = form,
            Command::Info => self.say(self.info()).await,
            Command::Subscriptions => self.say(self.list()).await,
            Command::Ping => {
                let start = Instant::now();
                self.client.flush().await?;
                self.say(format!("PONG in {}", show_duration(start.elapsed())))
                    .await;
            }
            Command::Subscribe {
                subject,
                queue,
                sid,
            } => self.subscribe(subject, queue, sid).await?,
            Command::Unsubscribe { sid, max } => self.unsubscribe(&sid, max).await?,
            Command::Publish {
                subject,
                reply,
                headers: lines,
                text,
            } => {
                self.seen.note(&subject);
                let headers = headers(&lines)?;
                let (reply, text) = (reply.as_deref(), text.as_bytes());
                send(&self.client, &subject, reply, headers.as_ref(), text).await?;
                self.client.flush().await?;
                refused(&mut self.events).await?;
            }
            Command::Request { subject, text } => self.request(&subject, text).await?,
        }
        Ok(true)
    }

    async fn subscribe(
        &mut self,
        subject: String,
        queue: Option<String>,
        sid: Option<String>,
    ) -> Result<(), Failure> {
        self.subscriptions
            .retain(|_, listening| !listening.end.is_closed());
        if self.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            return Err(Failure::usage(
                "that are more subscriptions than anybody can read",
            ));
        }
        let sid = match sid {
            Some(sid) if self.subscriptions.contains_key(&sid) => {
                return Err(Failure::usage(format_args!(
                    "{sid:?} is the name of another one"
                )));
            }
            Some(sid) => sid,
            None => self.free_number(),
        };
        let mut options = SubscribeOptions::new();
        if let Some(queue) = &queue {
            options = options.queue(queue);
        }
        let subscriber = self.client.subscribe_with(&subject, options).await?;
        self.seen.note(&subject);
        let ((end, ends), messages) = (mpsc::channel(1), Arc::new(AtomicU64::new(0)));
        let reader = Reader {
            sid: sid.clone(),
            shown: self.shown.clone(),
            seen: Arc::clone(&self.seen),
            form: Arc::clone(&self.form),
            messages: Arc::clone(&messages),
        };
        tokio::spawn(reader.read(subscriber, ends));
        self.say(format!("subscribed to {subject}; UNSUB {sid} ends it"))
            .await;
        let listening = Listening {
            subject,
            queue,
            messages,
            end,
        };
        self.subscriptions.insert(sid, listening);
        Ok(())
    }

    fn free_number(&self) -> String {
        let mut numbers = (1..).map(|number: u64| number.to_string());
        let free = numbers.find(|sid| !self.subscriptions.contains_key(sid));
        free.unwrap_or_default() // There are more numbers than subscriptions.
    }

    async fn unsubscribe(&mut self, sid: &str, max: Option<u64>) -> Result<(), Failure> {
        let Some(listening) = self.subscriptions.get(sid) else {
            let text = format!("there is no subscription {sid:?}; SUBS lists them");
            return Err(Failure::usage(text));
        };
        let (done, wait) = oneshot::channel();
        if listening.end.send((max.unwrap_or(0), done)).await.is_ok() {
            let _ = wait.await; // Ended already: all the better.
        }
        if max.is_none() {
            self.subscriptions.remove(sid);
        }
        Ok(())
    }

    async fn request(&mut self, subject: &str, text: String) -> Result<(), Failure> {
        self.seen.note(subject);
        let request = Request::new().payload(text).timeout(REQUEST_TIMEOUT);
        let start = Instant::now();
        let asked = self.client.send_request(subject, request);
        let answer = tokio::select! {
            answer = asked => answer?,
            _ = tokio::signal::ctrl_c() => return Ok(()),
        };
        let elapsed = show_duration(start.elapsed());
        let text = rendered(&answer, *self.form.lock());
        self.say(format!("{text}answered in {elapsed}")).await;
        Ok(())
    }

    fn info(&self) -> String {
        let (info, counts) = (self.client.server_info(), self.client.statistics());
        format!(
            "server {} {}, id {}\nmessages up to {} B; sent {} ({} B), received {} ({} B)",
            crate::view::shown(&short_name(&info.server_name)),
            crate::view::shown(&info.version),
            crate::view::shown(&info.server_id),
            info.max_payload,
            counted(counts.out_messages, "message"),
            counts.out_bytes,
            counted(counts.in_messages, "message"),
            counts.in_bytes,
        )
    }

    fn list(&self) -> String {
        let line = |(sid, listening): (&String, &Listening)| {
            let queue = listening
                .queue
                .as_ref()
                .map(|queue| format!(", queue {queue}"));
            let messages = counted(listening.messages.load(Ordering::Relaxed), "message");
            let (subject, queue) = (&listening.subject, queue.unwrap_or_default());
            format!("{sid:>4}  {subject}{queue}  {messages}")
        };
        let open = self
            .subscriptions
            .iter()
            .filter(|(_, listening)| !listening.end.is_closed());
        let lines: Vec<String> = open.map(line).collect();
        match lines.is_empty() {
            true => "no subscriptions; SUB makes one".to_owned(),
            false => lines.join("\n"),
        }
    }

    async fn say(&self, text: String) {
        let _ = self.shown.send(Text::Show(text + "\n")).await; // The screen may have gone.
    }

    /// Tells a person what was wrong.
    pub(super) async fn complain(&self, failure: &Failure) {
        self.say(format!("? {}", failure.text())).await;
    }

    /// Waits until everything said so far is shown.
    pub(super) async fn settle(&self) {
        let (done, wait) = oneshot::channel();
        if self.shown.send(Text::Settled(done)).await.is_ok() {
            let _ = wait.await; // The screen may have gone.
        }
    }
}

/// What the reader of a subscription needs.
struct Reader {
    sid: String,
    shown: mpsc::Sender<Text>,
    seen: Arc<Seen>,
    form: Arc<Mutex<Form>>,
    messages: Arc<AtomicU64>,
}

impl Reader {
    /// Shows messages until the subscription ends.
    async fn read(self, mut subscriber: Subscriber, mut ends: mpsc::Receiver<End>) {
        let mut is_known = true; // Whether somebody may still end it.
        loop {
            let message = tokio::select! {
                message = subscriber.next() => message,
                end = ends.recv(), if is_known => {
                    is_known = end.is_some();
                    if let Some((max, done)) = end {
                        // Closed already: the stream ends as well.
                        let _ = subscriber.unsubscribe_after(max).await;
                        let _ = done.send(()); // Nobody has to wait.
                    }
                    continue;
                }
            };
            let Some(message) = message else { break };
            self.messages.fetch_add(1, Ordering::Relaxed);
            self.seen.note(&message.subject);
            let form = *self.form.lock();
            if self
                .shown
                .send(Text::Show(rendered(&message, form)))
                .await
                .is_err()
            {
                return;
            }
        }
        let dropped = subscriber.dropped();
        if dropped > 0 {
            let text = counted(dropped, "message");
            self.tell(format!("dropped {text}")).await;
        }
        if let Some(kind) = subscriber.refused() {
            self.tell(format!("ended: {kind}")).await;
        }
    }

    async fn tell(&self, text: String) {
        let text = Text::Show(format!("{}: {text}\n", self.sid));
        let _ = self.shown.send(text).await; // The screen may have gone.
    }
}

fn rendered(message: &Message, form: Form) -> String {
    let view = match form {
        Form::Full => View::Full {
            has_time: true,
            has_payload: true,
        },
        Form::Json => View::Json { has_payload: true },
        Form::Raw => View::Raw { end: b'\n' },
    };
    let mut bytes = Vec::new();
    view.write(message, &mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    match form {
        Form::Raw => crate::view::shown(&text), // This is a terminal, whatever was asked for.
        _ => text.into_owned(),
    }
}

/// As a hand session waits.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// More than a person follows. A guess.
const SUBSCRIPTIONS_MAX: usize = 256;
