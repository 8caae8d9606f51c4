//! The log: nats-server's lines, or JSON, on stderr or in a file.
//!
//! ```text
//! event → line, json → file → stderr or disk
//! ```
//!
//! In: `tracing` events. How the log is kept may change while it is written. A line that cannot be
//! written is lost and counted, and holds up nobody.

mod event;
mod file;
mod json;
mod line;

use std::fmt;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::conf::LogFormat;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use event::{Label, Told};
use file::Place;

/// The target of an event after which the program ends.
pub(crate) const FATAL: &str = "fatal";

/// How the log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogOptions {
    pub(crate) file: Option<PathBuf>,
    /// The size at which a file is put aside, in bytes.
    pub(crate) size_limit: Option<u64>,
    /// How many files there may be, the one being written included; nothing for any number.
    pub(crate) files_max: Option<usize>,
    pub(crate) format: LogFormat,
    /// The most of a payload that is shown, in bytes; nothing for all.
    pub(crate) payload_max: Option<usize>,
    pub(crate) is_debug: bool,
    pub(crate) is_trace: bool,
    pub(crate) has_time: bool,
    pub(crate) is_utc: bool,
}

/// The log of the program; shared with whoever changes it.
#[derive(Clone)]
pub(crate) struct Log {
    writer: Arc<Mutex<Writer>>,
    level: reload::Handle<LevelFilter, Registry>,
}

/// Another way to keep the log, ready to be taken.
pub(crate) struct Prepared {
    /// Nothing where lines go on as before.
    place: Option<Place>,
    options: LogOptions,
}

/// Makes lines of events and writes them.
struct Writer {
    style: Style,
    place: Place,
    line: Vec<u8>,
    /// Lines that could not be written since the last that could.
    lost: u64,
}

/// How a line looks.
struct Style {
    format: LogFormat,
    pid: u32,
    zone: TimeZone,
    has_time: bool,
    has_colours: bool,
    /// The most of a payload that is shown, in bytes; nothing for all.
    payload_max: Option<usize>,
    /// Traces may be wanted without what lies between them and the rest.
    is_debug: bool,
}

impl Log {
    /// Takes all events of the program from now on.
    pub(crate) fn start(options: &LogOptions) -> io::Result<Self> {
        let place = Place::open(options)?;
        let writer = Arc::new(Mutex::new(Writer {
            style: Style::new(options, &place),
            place,
            line: Vec::new(),
            lost: 0,
        }));
        let (filter, level) = reload::Layer::new(level(options));
        let layer = Lines(Arc::clone(&writer));
        // Fails only where somebody listens already: then there is a log.
        let _ = tracing_subscriber::registry()
            .with(filter)
            .with(layer)
            .try_init();
        Ok(Self { writer, level })
    }

    /// Opens what another way to keep the log needs; nothing changes yet.
    pub(crate) fn prepare(&self, options: &LogOptions) -> io::Result<Prepared> {
        let is_same = self.lock().place.is(options);
        Ok(Prepared {
            place: (!is_same).then(|| Place::open(options)).transpose()?,
            options: options.clone(),
        })
    }

    /// Keeps the log as it was prepared.
    pub(crate) fn change(&self, prepared: Prepared) {
        let mut writer = self.lock();
        if let Some(place) = prepared.place {
            writer.place = place;
        }
        writer.style = Style::new(&prepared.options, &writer.place);
        drop(writer);
        let _ = self.level.modify(|old| *old = level(&prepared.options));
    }

    /// Opens the file anew, so that a moved one is let go.
    pub(crate) fn reopen(&self) {
        let reopened = self.lock().place.reopen();
        match reopened {
            None => tracing::info!("The log goes to stderr: there is no file to open anew"),
            Some(Ok(())) => tracing::info!("File log re-opened"),
            Some(Err((path, error))) => {
                let path = path.display();
                tracing::error!("cannot open the log file {path} anew, the old one stays: {error}");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

fn level(options: &LogOptions) -> LevelFilter {
    match (options.is_trace, options.is_debug) {
        (true, _) => LevelFilter::TRACE,
        (_, true) => LevelFilter::DEBUG,
        _ => LevelFilter::INFO,
    }
}

impl Style {
    fn new(options: &LogOptions, place: &Place) -> Self {
        Self {
            format: options.format,
            pid: std::process::id(),
            zone: match options.is_utc {
                true => TimeZone::UTC,
                false => TimeZone::system(),
            },
            has_time: options.has_time,
            is_debug: options.is_debug,
            payload_max: options.payload_max,
            has_colours: place.is_stderr() && io::stderr().is_terminal(),
        }
    }

    /// As much of a payload as is to be seen, with escapes for what is no letter.
    fn shown(&self, payload: &[u8]) -> String {
        let len = self.payload_max.unwrap_or(usize::MAX).min(payload.len());
        let more = if len < payload.len() { "..." } else { "" };
        format!("{}{more}", payload[..len].escape_ascii())
    }

    /// Appends the line of an event.
    fn write(&self, told: &Told, out: &mut Vec<u8>) {
        let now = Timestamp::now();
        match self.format {
            LogFormat::Text => line::write(self, told, now, out),
            LogFormat::Json => json::write(self, told, now, out),
        }
        out.push(b'\n');
    }
}

impl Writer {
    fn tell(&mut self, told: &Told) {
        self.line.clear();
        self.style.write(told, &mut self.line);
        if self.place.write(&self.line).is_err() {
            self.lost += 1;
            return;
        }
        if self.lost > 0 {
            let text = format!("{} lines of the log could not be written", self.lost);
            self.own(&text);
            self.lost = 0;
        }
        if let Some(rotated) = self.place.rotate(&self.style.zone) {
            rotated.iter().for_each(|text| self.own(text));
        }
    }

    /// A line of the log about itself.
    fn own(&mut self, text: &str) {
        self.line.clear();
        self.style.write(&Told::own(text), &mut self.line);
        if self.place.write(&self.line).is_err() {
            self.lost += 1;
        }
    }
}

/// Hands events on.
struct Lines(Arc<Mutex<Writer>>);

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let told = Told::of(event); // Before the lock: a field may take a lock of its own.
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.style.is_debug || told.label != Label::Debug {
            writer.tell(&told);
        }
    }
}
