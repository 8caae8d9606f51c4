//! From flags, environment and context to a connection.
//!
//! What is nearest wins: a flag, then the environment, then the context that was named or is
//! selected, then the default. Credentials in a URL go before all others, as the client has it.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use dunlin::{Client, ConnectOptions, Event};
use tokio::sync::Notify;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Style;
use crate::text;

/// Where the server is, and who to be there.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Connect to these servers, with commas between them
    /// [env: DUNLIN_URL, NATS_URL; default: nats://127.0.0.1:4222]
    #[arg(short, long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,

    /// Take what is not given here from this context of the official CLI
    /// [env: NATS_CONTEXT; default: the selected one]
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,

    /// User name; without --password it is a token [env: NATS_USER]
    #[arg(long, global = true, value_name = "USER", hide_short_help = true)]
    user: Option<String>,

    /// Password [env: NATS_PASSWORD]
    #[arg(long, global = true, value_name = "PASSWORD", hide_short_help = true)]
    password: Option<String>,

    /// Token [env: NATS_TOKEN]
    #[arg(long, global = true, value_name = "TOKEN", hide_short_help = true)]
    token: Option<String>,

    /// Name of the connection, as the server shows it to people [default: dunlin <verb>]
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    connection_name: Option<String>,

    /// What the subjects for answers start with [env: NATS_INBOX_PREFIX; default: _INBOX]
    #[arg(long, global = true, value_name = "SUBJECT", hide_short_help = true)]
    inbox_prefix: Option<String>,

    /// How long connecting may take [default: 5s]
    #[arg(long, global = true, value_name = "DURATION", value_parser = text::duration,
          hide_short_help = true)]
    connect_timeout: Option<Duration>,
}

/// Where and how to connect, settled: each as far as somebody has said it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// One address, or several with commas.
    pub(crate) url: String,
    name: String,
    user: Option<String>,
    password: Option<String>,
    token: Option<String>,
    inbox_prefix: Option<String>,
    connect_timeout: Option<Duration>,
}

impl Connection {
    /// Puts flags, environment and context together; `verb` names the connection.
    pub(crate) fn target(&self, verb: &str) -> Result<Target, Failure> {
        let context = self
            .context
            .clone()
            .or_else(|| environment(&["NATS_CONTEXT"]));
        let context = Context::load(context.as_deref())?;
        let pick = |flag: &Option<String>, names: &[&str], context: Option<String>| {
            flag.clone().or_else(|| environment(names)).or(context)
        };
        let url = pick(&self.server, &["DUNLIN_URL", "NATS_URL"], context.url);
        let name = self.connection_name.clone();
        Ok(Target {
            url: url.unwrap_or_else(|| URL.to_owned()),
            name: name.unwrap_or_else(|| format!("dunlin {verb}")),
            user: pick(&self.user, &["NATS_USER"], context.user),
            password: pick(&self.password, &["NATS_PASSWORD"], context.password),
            token: pick(&self.token, &["NATS_TOKEN"], context.token),
            inbox_prefix: pick(
                &self.inbox_prefix,
                &["NATS_INBOX_PREFIX"],
                context.inbox_prefix,
            ),
            connect_timeout: self.connect_timeout,
        })
    }

    /// Connects; `verb` names the connection.
    pub(crate) async fn connect(&self, verb: &str) -> Result<Client, Failure> {
        self.target(verb)?.connect().await
    }
}

impl Target {
    /// The same, at another address.
    pub(crate) fn at(mut self, url: &str) -> Self {
        url.clone_into(&mut self.url);
        self
    }

    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        Ok(self.options()?.connect(&*self.url).await?)
    }

    fn options(&self) -> Result<ConnectOptions, Failure> {
        let mut options = ConnectOptions::new().name(&self.name);
        options = match (&self.user, &self.password, &self.token) {
            (Some(user), Some(password), _) => options.user_and_password(user, password),
            (Some(user), None, None) => options.token(user),
            (_, _, Some(token)) => options.token(token),
            (None, Some(_), None) => return Err(Failure::usage("a password without a user")),
            (None, None, None) => options,
        };
        if let Some(prefix) = &self.inbox_prefix {
            options = options.custom_inbox_prefix(prefix);
        }
        if let Some(timeout) = self.connect_timeout {
            options = options.connection_timeout(timeout);
        }
        Ok(options)
    }
}

/// Says on stderr when the connection is lost and found, for verbs that go on over that: meanwhile
/// messages pass by unheard. Notifies `closed` when the client gives up.
pub(crate) fn watch(client: &Client, style: &Style, closed: &Arc<Notify>) {
    let (mut events, is_json, closed) = (client.events(), style.is_json, Arc::clone(closed));
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Event::Connected | Event::SlowConsumer(_) => {} // The latter is told at the end.
                Event::Closed => closed.notify_one(),
                _ if is_json => {
                    let object = crate::json::Object::new().text("event", &event.to_string());
                    eprintln!("{}", object.end());
                }
                _ => eprintln!("dunlin: {event}"),
            }
        }
    });
}

/// The first of these variables that is set and not empty.
fn environment(names: &[&str]) -> Option<String> {
    let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    names.iter().find_map(set)
}

/// Where a server on this machine listens; by number, so that no name must be resolved.
const URL: &str = "nats://127.0.0.1:4222";
