//! The log, in nats-server's lines: `[pid] 2026/11/21 05:41:41.123456 [INF] text`.
//!
//! In: `tracing` events. Out: lines on stderr, or in a file that can be opened anew.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The target of an event after which the program ends.
pub(crate) const FATAL: &str = "fatal";

/// How the log is kept.
pub(crate) struct LogOptions {
    pub(crate) file: Option<PathBuf>,
    pub(crate) is_debug: bool,
    pub(crate) is_trace: bool,
    pub(crate) has_time: bool,
    pub(crate) is_utc: bool,
}

/// Where lines go; shared with whoever reopens it.
#[derive(Clone)]
pub(crate) struct Log {
    /// Nothing when it is stderr.
    file: Option<Arc<LogFile>>,
}

struct LogFile {
    path: PathBuf,
    open: Mutex<File>,
}

impl Log {
    /// Takes all events of the program from now on.
    pub(crate) fn start(options: &LogOptions) -> io::Result<Self> {
        let file = match &options.file {
            Some(path) => Some(Arc::new(LogFile {
                path: path.clone(),
                open: Mutex::new(open(path)?),
            })),
            None => None,
        };
        let log = Self { file };
        let level = match (options.is_trace, options.is_debug) {
            (true, _) => LevelFilter::TRACE,
            (_, true) => LevelFilter::DEBUG,
            _ => LevelFilter::INFO,
        };
        let lines = Lines {
            pid: std::process::id(),
            zone: options.has_time.then(|| match options.is_utc {
                true => TimeZone::UTC,
                false => TimeZone::system(),
            }),
        };
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_ansi(log.file.is_none() && io::stderr().is_terminal())
            .with_max_level(level)
            .with_writer(move || writer.clone())
            .event_format(lines)
            .init();
        Ok(log)
    }

    /// Opens the file anew, so that a moved one is let go.
    pub(crate) fn reopen(&self) {
        let Some(file) = &self.file else {
            tracing::info!("The log goes to stderr: there is no file to open anew");
            return;
        };
        match open(&file.path) {
            Ok(fresh) => {
                *file.open.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
                tracing::info!("File log re-opened");
            }
            Err(error) => {
                let path = file.path.display();
                tracing::error!("cannot open the log file {path} anew, the old one stays: {error}");
            }
        }
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.file {
            Some(file) => {
                let mut open = file.open.lock().unwrap_or_else(PoisonError::into_inner);
                open.write_all(bytes)?;
            }
            None => io::stderr().write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // Each line is written at once.
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Makes lines of events.
struct Lines {
    pid: u32,
    /// Nothing for lines without time.
    zone: Option<TimeZone>,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "[{}] ", self.pid)?;
        if let Some(zone) = &self.zone {
            write!(writer, "{} ", time(Timestamp::now(), zone))?;
        }
        let (label, colour) = label(event);
        if writer.has_ansi_escapes() {
            write!(writer, "[\x1b[{colour}m{label}\x1b[0m] ")?;
        } else {
            write!(writer, "[{label}] ")?;
        }
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// `2026/11/21 05:41:41.123456`.
fn time(now: Timestamp, zone: &TimeZone) -> String {
    let now = zone.to_datetime(now);
    format!(
        "{:04}/{:02}/{:02} {:02}:{:02}:{:02}.{:06}",
        now.year(),
        now.month(),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        now.subsec_nanosecond() / 1000
    )
}

/// The three letters of an event, and the terminal's number for their colour.
fn label(event: &Event<'_>) -> (&'static str, u8) {
    let metadata = event.metadata();
    match *metadata.level() {
        Level::ERROR if metadata.target() == FATAL => ("FTL", 31),
        Level::ERROR => ("ERR", 31),
        Level::WARN => ("WRN", 33),
        Level::INFO => ("INF", 32),
        Level::DEBUG => ("DBG", 36),
        Level::TRACE => ("TRC", 35),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_written_as_nats_server_does() {
        let now: Timestamp = "2026-11-21T05:41:41.123456789Z".parse().unwrap();
        assert_eq!(time(now, &TimeZone::UTC), "2026/11/21 05:41:41.123456");
        let east = TimeZone::fixed(jiff::tz::offset(9));
        assert_eq!(time(now, &east), "2026/11/21 14:41:41.123456");
    }
}
