//! The flags of the program, as nats-server has them.
//!
//! In: the words of the command line, with one dash or two before any name. Out: [`Flags`], and
//! for flags of what does not exist here a [`Remark`] each.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser};

use crate::program::arguments;

/// What `--help_tls` prints.
pub(crate) const HELP_TLS: &str = "\
To encrypt the connections of clients, name a certificate and its key, both PEM files:

  --tls --tlscert server-cert.pem --tlskey server-key.pem

Clients that must show a certificate of their own, vouched for by those in ca.pem:

  --tls --tlscert server-cert.pem --tlskey server-key.pem --tlsverify --tlscacert ca.pem

A configuration file says more: tls { cert_file, key_file, ca_file, verify, verify_and_map, timeout,
min_version, cipher_suites, curve_preferences, pinned_certs, handshake_first,
connection_rate_limit }. Flags take the place of the whole block.
";

const ABOUT: &str = "\
A small, fast pub-sub server that speaks core NATS.

Runs without flags and without files: every NATS client may connect to port 4222, and so may you, \
with `nc localhost 4222`. Takes the flags and the configuration file of nats-server; what it cannot \
obey it says, and refuses where that would let somebody in.";

/// The flags that are obeyed.
#[derive(Debug, Parser)]
#[command(
    name = "dunlin-server",
    about = ABOUT,
    long_about = None,
    disable_version_flag = true,
    disable_help_flag = true,
    after_help = "Flags win over the file. Long names may have one dash or two.\n\n\
                  SIGNALS\n  SIGINT, SIGTERM  stop, sending everything accepted first\n  \
                  SIGUSR1          open the log file anew\n  \
                  SIGUSR2          lame duck: accept nobody, let clients go, then stop\n  \
                  SIGHUP           read the configuration file again\n\n\
                  WORDS\n  version, help    as the flags\n  \
                  passwd           hash a password for the file, read from stdin\n  \
                  nkey             make a key for a user\n\n\
                  EXIT CODES\n  0  stopped by a signal, or the configuration is valid\n  \
                  1  could not start, for the reason printed\n  2  the flags were wrong"
)]
pub(crate) struct Flags {
    /// Listen on this address [0.0.0.0: every address of the machine]
    #[arg(short, long, visible_alias = "net", value_name = "HOST")]
    pub(crate) addr: Option<String>,

    /// Listen on this port [4222]; -1 takes a free one and prints it
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(i64).range(-1..=65535))]
    pub(crate) port: Option<i64>,

    /// Name the server towards its clients [its id]
    #[arg(short = 'n', long, visible_alias = "server_name", value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Read this configuration file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Tell clients this address, HOST or HOST:PORT, instead of the one listened on
    #[arg(long = "client_advertise", value_name = "ADDRESS")]
    pub(crate) client_advertise: Option<String>,

    /// Serve monitoring pages over HTTP on this port; -1 takes a free one
    #[arg(short = 'm', long = "http_port", value_name = "PORT", value_parser = clap::value_parser!(i64).range(-1..=65535))]
    pub(crate) http_port: Option<i64>,

    /// Serve them over HTTPS on this port instead, with the certificate of --tls or of the file
    #[arg(long = "https_port", visible_alias = "ms", value_name = "PORT", value_parser = clap::value_parser!(i64).range(-1..=65535))]
    pub(crate) https_port: Option<i64>,

    /// Ask those who come from elsewhere, or from here, for a user before they see the monitoring
    /// pages; --monitor_user=false asks nobody [asks who comes from elsewhere, where users are
    /// configured]
    #[arg(long = "monitor_user")]
    pub(crate) monitor_user: bool,

    /// Count which subjects and publishers have the most traffic, for the monitoring page /trafficz
    #[arg(long)]
    pub(crate) traffic: bool,

    /// Test the configuration file, say what is wrong with it, and exit
    #[arg(short = 't', long = "test")]
    pub(crate) is_test: bool,

    /// Refuse to start where there are only warnings
    #[arg(long = "strict")]
    pub(crate) is_strict: bool,

    /// Write the number of the process to this file
    #[arg(short = 'P', long, value_name = "FILE")]
    pub(crate) pid: Option<PathBuf>,

    /// Write where the server listens to <name>_<pid>.ports in this folder
    #[arg(long = "ports_file_dir", value_name = "DIR")]
    pub(crate) ports_file_dir: Option<PathBuf>,

    /// Log to this file instead of stderr
    #[arg(short, long, value_name = "FILE", help_heading = "Log")]
    pub(crate) log: Option<PathBuf>,

    /// Put a log file aside when it has so many bytes; 0 never
    #[arg(long = "log_size_limit", value_name = "BYTES", help_heading = "Log")]
    pub(crate) log_size_limit: Option<i64>,

    /// Show so many bytes of a payload in the log; 0 all
    #[arg(
        long = "max_traced_msg_len",
        value_name = "BYTES",
        help_heading = "Log"
    )]
    pub(crate) max_traced_msg_len: Option<i64>,

    /// Begin log lines with the time; -T=false leaves it out
    #[arg(short = 'T', long, help_heading = "Log")]
    pub(crate) logtime: bool,

    /// Write that time in UTC
    #[arg(long = "logtime_utc", help_heading = "Log")]
    pub(crate) logtime_utc: bool,

    /// Log what happens to connections
    #[arg(short = 'D', long, help_heading = "Log")]
    pub(crate) debug: bool,

    /// Log everything there is to log; -DV: both
    #[arg(short = 'V', long, help_heading = "Log")]
    pub(crate) trace: bool,

    /// Signal a running server: stop, quit, term, reopen, reload or ldm; by number, pid file, or the
    /// only one that runs
    #[arg(long, visible_alias = "sl", value_name = "SIGNAL[=PID]")]
    pub(crate) signal: Option<String>,

    /// Let in this user alone
    #[arg(long, value_name = "USER", help_heading = "Who may connect")]
    pub(crate) user: Option<String>,

    /// The password of that user, or its bcrypt hash
    #[arg(long, value_name = "PASSWORD", help_heading = "Who may connect")]
    pub(crate) pass: Option<String>,

    /// Let in who knows this token
    #[arg(long, value_name = "TOKEN", help_heading = "Who may connect")]
    pub(crate) auth: Option<String>,

    /// Encrypt client connections; --tls=false takes what the file says of it back
    #[arg(long, help_heading = "Encryption")]
    pub(crate) tls: bool,

    /// Show this certificate (PEM)
    #[arg(long, value_name = "FILE", help_heading = "Encryption")]
    pub(crate) tlscert: Option<PathBuf>,

    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", help_heading = "Encryption")]
    pub(crate) tlskey: Option<PathBuf>,

    /// Demand certificates of clients
    #[arg(long, help_heading = "Encryption")]
    pub(crate) tlsverify: bool,

    /// Trust client certificates that those in this file vouch for
    #[arg(long, value_name = "FILE", help_heading = "Encryption")]
    pub(crate) tlscacert: Option<PathBuf>,

    /// Print how encryption is set up, and exit
    #[arg(long = "help_tls", help_heading = "Encryption")]
    pub(crate) is_help_tls: bool,

    /// Print the version
    #[arg(short = 'v', long = "version")]
    pub(crate) is_version: bool,

    /// Print this help
    #[arg(short, long, action = ArgAction::HelpShort)]
    help: Option<bool>,

    /// The words `help`, `version`, `passwd` and `nkey`.
    #[arg(hide = true)]
    pub(crate) words: Vec<String>,

    /// Switches that were given a value, as in `-T=false`.
    #[arg(skip)]
    pub(crate) switched: Vec<(String, bool)>,
}

/// Something to be said of the command line: a flag that is known but not obeyed.
pub(crate) struct Remark {
    pub(crate) text: String,
}

impl Remark {
    /// Something to be said, and nothing more.
    pub(crate) fn warning(text: String) -> Self {
        Self { text }
    }
}

/// A flag of nats-server that concerns something that does not exist here.
struct Missing {
    /// All its names; one letter is a short flag.
    names: &'static [&'static str],
    takes_value: bool,
    why: &'static str,
}

const STORAGE: &str = "this server stores nothing; JetStream's storage lives in a NATS cluster";
const LINKS: &str = "this server links to no other server";
const SYSLOG: &str = "there is no syslog; the log goes to stderr, or to --log";

/// Flags of what does not exist. A row goes when what it names comes.
const MISSING: &[Missing] = &[
    ignored(&["jetstream", "js"], false, STORAGE),
    ignored(&["store_dir", "sd"], true, STORAGE),
    ignored(&["routes"], true, LINKS),
    ignored(&["cluster", "cluster_listen"], true, LINKS),
    ignored(&["cluster_name"], true, LINKS),
    ignored(&["cluster_advertise"], true, LINKS),
    ignored(&["no_advertise"], false, LINKS),
    ignored(&["connect_retries"], true, LINKS),
    ignored(&["syslog", "s"], false, SYSLOG),
    ignored(&["remote_syslog", "r"], true, SYSLOG),
    ignored(&["profile"], true, "there is no profiling port"),
];

const fn ignored(names: &'static [&'static str], takes_value: bool, why: &'static str) -> Missing {
    Missing {
        names,
        takes_value,
        why,
    }
}

/// The words of the command line, the program's own name first. Ends the program where they ask
/// for help or make no sense.
pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> (Flags, Vec<Remark>) {
    try_parse(words).unwrap_or_else(|error| error.exit())
}

fn try_parse(words: impl Iterator<Item = OsString>) -> clap::error::Result<(Flags, Vec<Remark>)> {
    let mut command = MISSING.iter().fold(Flags::command(), |command, missing| {
        command.arg(missing.flag())
    });
    let (words, switched) = arguments::normal(words, &command);
    let matches = command.try_get_matches_from_mut(words)?;
    let mut flags = Flags::from_arg_matches(&matches)?;
    flags.switched = switched;
    let remarks = MISSING
        .iter()
        .filter(|missing| missing.is_given(&matches, &flags.switched))
        .map(Missing::remark)
        .collect();
    Ok((flags, remarks))
}

/// The help, as `--help` prints it.
pub(crate) fn help() -> String {
    Flags::command().render_help().to_string()
}

impl Flags {
    /// A switch: on, off (`-D=false`), or not given.
    pub(crate) fn switch(&self, name: &str, is_given: bool) -> Option<bool> {
        let switched = self.switched.iter().rev().find(|(other, _)| other == name);
        switched
            .map(|(_, is_on)| *is_on)
            .or(is_given.then_some(true))
    }
}

impl Missing {
    fn flag(&self) -> Arg {
        let mut flag = Arg::new(self.names[0]).long(self.names[0]).hide(true);
        for name in &self.names[1..] {
            flag = match name.as_bytes() {
                [letter] => flag.short(char::from(*letter)),
                _ => flag.alias(*name),
            };
        }
        flag.action(if self.takes_value {
            ArgAction::Set
        } else {
            ArgAction::SetTrue
        })
    }

    /// Whether it was given, and asks for something.
    fn is_given(&self, matches: &ArgMatches, switched: &[(String, bool)]) -> bool {
        let name = self.names[0];
        if self.takes_value {
            let value = matches.get_one::<String>(name);
            return value.is_some_and(|value| !value.is_empty() && value != "0");
        }
        let is_switched = |(other, is_on): &(String, bool)| other == name && *is_on;
        matches.get_flag(name) || switched.iter().any(is_switched)
    }

    fn remark(&self) -> Remark {
        Remark::warning(format!("--{} is ignored: {}", self.names[0], self.why))
    }
}

/// The flags of a command line, for tests.
#[cfg(test)]
pub(crate) fn parsed(line: &str) -> (Flags, Vec<Remark>) {
    let words = std::iter::once("dunlin-server").chain(line.split_whitespace());
    try_parse(words.map(OsString::from)).unwrap_or_else(|error| panic!("{line}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let (flags, remarks) = parsed(line);
        let mut found = Vec::new();
        let mut note = |name: &str, value: Option<String>| {
            found.extend(value.map(|value| format!("{name}={value}")));
        };
        note("addr", flags.addr.clone());
        note("port", flags.port.map(|port| port.to_string()));
        note("http_port", flags.http_port.map(|port| port.to_string()));
        note("https_port", flags.https_port.map(|port| port.to_string()));
        note("name", flags.name.clone());
        note(
            "config",
            flags.config.as_ref().map(|path| path.display().to_string()),
        );
        note(
            "pid",
            flags.pid.as_ref().map(|path| path.display().to_string()),
        );
        note(
            "log",
            flags.log.as_ref().map(|path| path.display().to_string()),
        );
        note("signal", flags.signal.clone());
        for (name, is_given) in [
            ("test", flags.is_test),
            ("debug", flags.debug),
            ("trace", flags.trace),
            ("logtime", flags.logtime),
            ("logtime_utc", flags.logtime_utc),
            ("version", flags.is_version),
        ] {
            note(
                name,
                flags.switch(name, is_given).map(|is_on| is_on.to_string()),
            );
        }
        found.extend(flags.words.iter().cloned());
        found.extend(remarks.iter().map(|remark| {
            let name = remark.text.split(' ').next().unwrap().trim_matches('-');
            format!("?{name}")
        }));
        assert_eq!(found.join(" "), expected, "{line}");
    }

    #[test]
    fn long_names_take_one_dash_or_two() {
        check("-addr h -port 1", "addr=h port=1");
        check("--addr h --port 1", "addr=h port=1");
        check("-a h -p 1", "addr=h port=1");
        check("--a h --p 1", "addr=h port=1");
        check("-net h", "addr=h");
        check("--net=h", "addr=h");
        check("-a=h -p=1", "addr=h port=1");
        check("-server_name x", "name=x");
        check("-name x", "name=x");
        check("-n x", "name=x");
        check("-config f -pid p -log l", "config=f pid=p log=l");
        check("-c f -P p -l l -t", "config=f pid=p log=l test=true");
        check("-sl quit=1", "signal=quit=1");
        check("--signal quit", "signal=quit");
        check("-p -1", "port=-1");
        check("--port=-1", "port=-1");
    }

    #[test]
    fn switches_may_be_set() {
        check("-D -V", "debug=true trace=true");
        check("-DV", "debug=true trace=true");
        check("-DVV", "debug=true trace=true");
        check("-VV", "trace=true");
        check("--DV", "debug=true trace=true");
        check("-D=false --trace=true", "debug=false trace=true");
        check("-T=false", "logtime=false");
        check("-logtime=0 -logtime_utc", "logtime=false logtime_utc=true");
        check("-T", "logtime=true");
        check("-DV=false", "debug=false trace=false");
    }

    #[test]
    fn what_does_not_exist_is_recognised() {
        check("-m 8222 -ms 8443", "http_port=8222 https_port=8443");
        check("-http_port 0", "http_port=0");
        check("-js -sd /tmp", "?jetstream ?store_dir");
        check("-js=false", "");
        check("-s -r udp://x", "?syslog ?remote_syslog");
        check("--routes nats://x --cluster nats://y", "?routes ?cluster");
    }

    #[test]
    fn words_are_left_to_the_program() {
        check("version", "version");
        check("help", "help");
        check("-p 1 foo", "port=1 foo");
    }

    #[test]
    fn the_flags_are_well_formed() {
        let command = MISSING.iter().fold(Flags::command(), |command, missing| {
            command.arg(missing.flag())
        });
        command.debug_assert();
    }
}
