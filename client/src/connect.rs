//! From options to a client that runs.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::address::{ServerAddr, ToServerAddrs};
use crate::client::Client;
use crate::dial::{Connection, adopt, dial};
use crate::driver::Driver;
use crate::error::{ConnectError, ConnectErrorKind};
use crate::events::EVENTS_MAX;
use crate::handle::Handle;
use crate::ids::Random;
use crate::options::ConnectOptions;
use crate::pool::Pool;
use crate::shared::Shared;
use crate::transport::Transport;

/// Connects to a server with default options: `nats://[user:password@]host[:port]`, or several of
/// them, of which one is enough.
///
/// # Errors
///
/// An address is malformed, or no server could be reached; then the last server's reason.
pub async fn connect(addrs: impl ToServerAddrs) -> Result<Client, ConnectError> {
    ConnectOptions::new().connect(addrs).await
}

impl ConnectOptions {
    /// Connects: tries each server once, in a random order unless told otherwise.
    ///
    /// Must be called within a tokio runtime with I/O and time enabled; the client lives on it.
    ///
    /// # Errors
    ///
    /// An address is malformed, or no server could be reached; then the last server's reason. With
    /// [`retry_on_initial_connect`](ConnectOptions::retry_on_initial_connect) only the former.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves nothing behind.
    pub async fn connect(self, addrs: impl ToServerAddrs) -> Result<Client, ConnectError> {
        self.check()?;
        let addrs = addrs.to_server_addrs()?;
        let random = Random::default();
        let mut pool = Pool::new(addrs, self.is_random, &random);
        let first = match first_of(&mut pool, &self).await {
            Ok(connection) => Some(connection),
            Err(_) if self.retries_first => None,
            Err(error) => return Err(error),
        };
        Ok(start(self, random, pool, first))
    }

    /// Makes a client of a byte stream that is connected to a server already: an in-process link, a
    /// tunnel, a socket of another kind. When it is lost the client closes: there is no way to make
    /// another.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = dunlin_server::Server::builder().port(0).start().await?;
    /// let client = dunlin::ConnectOptions::new().connect_with(server.connect()).await?;
    /// let mut greetings = client.subscribe("greet.*").await?;
    /// client.publish("greet.joe", "hello").await?;
    /// let message = greetings.next().await.ok_or("closed")?;
    /// assert_eq!(message.payload, "hello");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The other side does not speak NATS, refuses, or takes too long.
    pub async fn connect_with<S>(self, stream: S) -> Result<Client, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.check()?;
        let connection = adopt(Transport::Given(Box::new(stream)), &self).await?;
        let random = Random::default();
        let nowhere_else = Pool::new(Vec::new(), false, &random);
        Ok(start(self, random, nowhere_else, Some(connection)))
    }
}

async fn first_of(pool: &mut Pool, options: &ConnectOptions) -> Result<Connection, ConnectError> {
    let none = ConnectError::with_detail(ConnectErrorKind::InvalidAddress, "no server given");
    let mut last = none;
    for _ in 0..pool.len() {
        let Some(addr): Option<ServerAddr> = pool.next() else {
            break;
        };
        match dial(&addr, options).await {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn start(
    mut options: ConnectOptions,
    random: Random,
    pool: Pool,
    first: Option<Connection>,
) -> Client {
    let on_event = options.on_event.take();
    let shared = Arc::new(Shared::new(options, random));
    if let Some(callback) = on_event {
        let mut events = shared.events.listen(EVENTS_MAX);
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                callback(event).await;
            }
        });
    }
    let mut driver = Driver::new(Arc::clone(&shared), pool);
    let first = first.map(|connection| driver.begin(connection, false));
    tokio::spawn(driver.run(first));
    Client::new(Arc::new(Handle { shared }))
}
