//! Options: the few server settings a transcript can ask for.
//!
//! In: the words of a `# server:` line. Out: values that each target turns into its own settings;
//! what is not asked for keeps the server's default.

use std::time::Duration;

use crate::auth::Auth;
use crate::websocket::Websocket;

/// What a server is started with; `None` keeps its default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Largest payload, headers included, in bytes.
    pub max_payload: Option<usize>,
    /// Longest argument part of a control line, in bytes.
    pub max_control_line: Option<usize>,
    /// Most clients at a time.
    pub max_connections: Option<usize>,
    /// Most subscriptions of one connection.
    pub max_subscriptions: Option<usize>,
    /// Most bytes that may wait for one reader.
    pub max_pending: Option<usize>,
    /// Most bytes that may wait for all readers together; only ours is told.
    pub max_pending_total: Option<usize>,
    /// Longest time one write may take.
    pub write_deadline: Option<Duration>,
    /// Time between two PINGs of the server.
    pub ping_interval: Option<Duration>,
    /// How many PINGs may stay unanswered.
    pub ping_max: Option<u32>,
    /// Who may connect, by the name of a list in `harness/auth.rs`.
    pub auth: Option<Auth>,
    /// How many connections that have left are remembered; only ours is told.
    pub max_closed_clients: Option<usize>,
    /// Whether there is a monitoring port.
    pub is_monitored: bool,
    /// The WebSocket listener, if there is one.
    pub websocket: Option<Websocket>,
    /// Whether headers are switched off.
    pub no_headers: bool,
    /// More lines of the config file; a server that is embedded has none.
    pub config: String,
}

impl Options {
    /// The settings that `words` ask for, as a `# server:` line has them.
    pub fn named(words: &str) -> Result<Self, String> {
        let mut options = Self::default();
        options.read(words)?;
        Ok(options)
    }

    /// Takes the words of one `# server:` line in: `max_payload=16 ping_interval=1s no_headers`.
    pub(crate) fn read(&mut self, words: &str) -> Result<(), String> {
        for word in words.split_whitespace() {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            match key {
                "max_payload" => self.max_payload = Some(number(word, value)?),
                "max_control_line" => self.max_control_line = Some(number(word, value)?),
                "max_connections" => self.max_connections = Some(number(word, value)?),
                "max_subscriptions" => self.max_subscriptions = Some(number(word, value)?),
                "max_pending" => self.max_pending = Some(number(word, value)?),
                "write_deadline" => self.write_deadline = Some(duration(word, value)?),
                "ping_interval" => self.ping_interval = Some(duration(word, value)?),
                "ping_max" => self.ping_max = Some(number(word, value)?),
                "auth" => self.auth = Some(Auth::named(value)?),
                "no_headers" if value.is_empty() => self.no_headers = true,
                _ => return Err(format!("unknown server option: {word}")),
            }
        }
        Ok(())
    }
}

fn number<N: std::str::FromStr>(word: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("not a number: {word}"))
}

fn duration(word: &str, value: &str) -> Result<Duration, String> {
    if let Some(milliseconds) = value.strip_suffix("ms") {
        return number(word, milliseconds).map(Duration::from_millis);
    }
    let seconds = value
        .strip_suffix('s')
        .ok_or(format!("neither s nor ms: {word}"))?;
    number(word, seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_settings() {
        let mut options = Options::default();
        options
            .read("max_payload=16 ping_interval=1s write_deadline=250ms no_headers")
            .unwrap();
        assert_eq!(options.max_payload, Some(16));
        assert_eq!(options.ping_interval, Some(Duration::from_secs(1)));
        assert_eq!(options.write_deadline, Some(Duration::from_millis(250)));
        assert!(options.no_headers);
        assert_eq!(options.max_pending, None);
    }

    #[test]
    fn a_misspelt_word_is_refused() {
        for words in [
            "max_paylod=16",
            "max_payload=x",
            "ping_interval=1",
            "no_headers=yes",
        ] {
            assert!(Options::default().read(words).is_err(), "{words}");
        }
    }
}
