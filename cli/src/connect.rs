//! From flags, environment and context to a connection.
//!
//! What is nearest wins: a flag, then the environment, then the context that was named or is
//! selected, then the default. Credentials in a URL go before all others, as the client has it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use dunlin::{Client, ConnectOptions, Event, ServerErrorKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use crate::context::Context;
use crate::failure::Failure;
use crate::json::Object;
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

    /// Credentials file: a user JWT and its seed [env: NATS_CREDS]
    #[arg(long, global = true, value_name = "PATH", hide_short_help = true)]
    creds: Option<PathBuf>,

    /// File with the seed of an nkey [env: NATS_NKEY]
    #[arg(long, global = true, value_name = "PATH", hide_short_help = true)]
    nkey: Option<PathBuf>,

    /// Refuse to connect without TLS; where the server demands it, it is used anyway
    #[arg(long = "tls", global = true, hide_short_help = true)]
    is_tls: bool,

    /// Begin with TLS, before the server has said anything
    #[arg(long = "tlsfirst", global = true, hide_short_help = true)]
    is_tls_first: bool,

    /// Trust the certificates in this file, in place of the system's [env: NATS_CA]
    #[arg(long, global = true, value_name = "PATH", hide_short_help = true)]
    tlsca: Option<PathBuf>,

    /// Show this certificate to the server [env: NATS_CERT]
    #[arg(long, global = true, value_name = "PATH", hide_short_help = true)]
    tlscert: Option<PathBuf>,

    /// The key of that certificate [env: NATS_KEY]
    #[arg(long, global = true, value_name = "PATH", hide_short_help = true)]
    tlskey: Option<PathBuf>,

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
    connect_timeout: Option<Duration>,
    is_tls: bool,
    /// What the context says, and flags and environment over it.
    settled: Context,
}

impl Connection {
    /// Puts flags, environment and context together; `verb` names the connection.
    pub(crate) fn target(&self, verb: &str) -> Result<Target, Failure> {
        let context = nearest(&self.context, &["NATS_CONTEXT"], None);
        let context = Context::load(context.as_deref())?;
        let who = self.who(&context);
        let url = nearest(&self.server, &["DUNLIN_URL", "NATS_URL"], context.url);
        let url = url.unwrap_or_else(|| URL.to_owned());
        let name = self.connection_name.clone();
        Ok(Target {
            name: name.unwrap_or_else(|| format!("dunlin {verb}")),
            connect_timeout: self.connect_timeout,
            is_tls: self.is_tls,
            settled: Context {
                url: Some(url.clone()),
                cert: nearest(&self.tlscert, &["NATS_CERT"], context.cert),
                key: nearest(&self.tlskey, &["NATS_KEY"], context.key),
                ca: nearest(&self.tlsca, &["NATS_CA"], context.ca),
                inbox_prefix: nearest(
                    &self.inbox_prefix,
                    &["NATS_INBOX_PREFIX"],
                    context.inbox_prefix,
                ),
                is_tls_first: self.is_tls_first || context.is_tls_first,
                ..who
            },
            url,
        })
    }

    /// Who to be: what the nearest place says that says anything of it. A token that is given goes
    /// before a user of the context, who would not be the one that was meant.
    fn who(&self, context: &Context) -> Context {
        let user = found(&self.user, &["NATS_USER"], &context.user);
        let token = found(&self.token, &["NATS_TOKEN"], &context.token);
        let creds = found(&self.creds, &["NATS_CREDS"], &context.creds);
        let nkey = found(&self.nkey, &["NATS_NKEY"], &context.nkey);
        let places = [place(&user), place(&token), place(&creds), place(&nkey)];
        let first = places.into_iter().flatten().min();
        let user = at(user, first);
        // A password of the context is that of its user, and is nobody else's.
        let is_far = first.is_some_and(|first| first < Place::Context) && context.user.is_some();
        let password = context.password.clone().filter(|_| !is_far);
        let password = nearest(&self.password, &["NATS_PASSWORD"], password);
        Context {
            password: password.filter(|_| user.is_some() || first.is_none()),
            user,
            token: at(token, first),
            creds: at(creds, first),
            nkey: at(nkey, first),
            ..Context::default()
        }
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
        let mut options = self.secured(self.identified()?)?;
        if let Some(path) = &self.settled.creds {
            options = options.credentials_file(path).await?;
        }
        if let Some(prefix) = &self.settled.inbox_prefix {
            options = options.custom_inbox_prefix(prefix);
        }
        if let Some(timeout) = self.connect_timeout {
            options = options.connection_timeout(timeout);
        }
        Ok(options.connect(&*self.url).await?)
    }

    /// Encrypts a stream to the same server for another protocol, as its connections are.
    pub(crate) async fn secure<S>(
        &self,
        stream: S,
        name: &str,
    ) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static + use<S>, Failure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let options = self.secured(ConnectOptions::new())?;
        Ok(options.secure(stream, name).await?)
    }

    /// Who to be, but for credentials.
    fn identified(&self) -> Result<ConnectOptions, Failure> {
        let (settled, options) = (&self.settled, ConnectOptions::new().name(&self.name));
        let options = match (&settled.user, &settled.password, &settled.token) {
            (Some(user), Some(password), _) => options.user_and_password(user, password),
            (Some(user), None, None) => options.token(user),
            (_, _, Some(token)) => options.token(token),
            (None, Some(_), None) => return Err(Failure::usage("a password without a user")),
            (None, None, None) => options,
        };
        let Some(path) = &settled.nkey else {
            return Ok(options);
        };
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| Failure::because(path.display(), error))?;
        // The file may have armour around it.
        let seed = text
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with("SU"));
        let seed =
            seed.ok_or_else(|| Failure::because(path.display(), "holds no seed of a user"))?;
        Ok(options.nkey(seed))
    }

    /// Whom to trust, and what to show for it.
    fn secured(&self, mut options: ConnectOptions) -> Result<ConnectOptions, Failure> {
        let settled = &self.settled;
        if settled.is_tls_first {
            options = options.tls_first();
        }
        if self.is_tls {
            options = options.require_tls(true);
        }
        if let Some(path) = &settled.ca {
            options = options.add_root_certificates(path);
        }
        match (&settled.cert, &settled.key) {
            (Some(cert), Some(key)) => Ok(options.add_client_certificate(cert, key)),
            (None, None) => Ok(options),
            _ => Err(Failure::usage(
                "a certificate needs its key, and a key its certificate",
            )),
        }
    }
}

/// Says on stderr when the connection is lost and found, for verbs that go on over that: meanwhile
/// messages pass by unheard. Notifies `closed` when the client gives up.
pub(crate) fn watch(client: &Client, style: &Style, closed: &Arc<Notify>) {
    let is_json = style.is_json;
    watch_with(client, closed, move |event| tell(&event, is_json));
}

/// The same for verbs that publish: what the server refuses they say at their end.
pub(crate) fn watch_connection(client: &Client, style: &Style) {
    let is_json = style.is_json;
    watch_with(client, &Arc::default(), move |event| match event {
        Event::ServerError(_) | Event::Unconfirmed(_) => {}
        event => tell(&event, is_json),
    });
}

fn tell(event: &Event, is_json: bool) {
    match is_json {
        true => eprintln!("{}", Object::new().text("event", &event.to_string()).end()),
        false => eprintln!("dunlin: {event}"),
    }
}

/// The same, but that `tell` says it.
pub(crate) fn watch_with(
    client: &Client,
    closed: &Arc<Notify>,
    tell: impl Fn(Event) + Send + 'static,
) {
    let (mut events, closed) = (client.events(), Arc::clone(closed));
    tokio::spawn(async move {
        let mut last = None;
        while let Some(event) = events.next().await {
            match &event {
                Event::Closed => closed.notify_one(),
                // Whoever subscribed learns it from the subscription, and of drops at the end.
                Event::Connected | Event::SlowConsumer(_) => {}
                Event::ServerError(error)
                    if matches!(error.kind, ServerErrorKind::SubscribeDenied { .. }) => {}
                // A server that is away for an hour is told of once, not at every attempt.
                _ if last.as_ref() == Some(&event) => {}
                _ => {
                    last = Some(event.clone());
                    tell(event);
                }
            }
        }
    });
}

/// The flag, else the first of these variables that is set and not empty, else the context's.
fn nearest<T>(flag: &Option<T>, variables: &[&str], context: Option<T>) -> Option<T>
where
    T: Clone + From<String>,
{
    found(flag, variables, &context).map(|(_, value)| value)
}

/// Where something was said, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Flag,
    Environment,
    Context,
}

fn found<T>(flag: &Option<T>, variables: &[&str], context: &Option<T>) -> Option<(Place, T)>
where
    T: Clone + From<String>,
{
    let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let variable = || variables.iter().find_map(set).map(T::from);
    let flag = flag.clone().map(|value| (Place::Flag, value));
    let flag = flag.or_else(|| Some((Place::Environment, variable()?)));
    flag.or_else(|| Some((Place::Context, context.clone()?)))
}

fn place<T>(found: &Option<(Place, T)>) -> Option<Place> {
    found.as_ref().map(|(place, _)| *place)
}

/// What was found there; what was found elsewhere does not count.
fn at<T>(found: Option<(Place, T)>, there: Option<Place>) -> Option<T> {
    found.and_then(|(place, value)| (Some(place) == there).then_some(value))
}

/// Where a server on this machine listens; by number, so that no name must be resolved.
const URL: &str = "nats://127.0.0.1:4222";
