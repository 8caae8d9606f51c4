//! From flags and file to a server that can be started.
//!
//! In: [`Flags`]. Out: a [`Plan`], or everything that speaks against one, ready to be printed.
//! Flags win over the file.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use dunlin_server::conf::{self, Diagnostic, Loaded, Settings, Severity, Sources, Surroundings};
use dunlin_server::{Builder, Server};
use sha2::{Digest, Sha256};

use crate::flags::{Flags, Remark};
use crate::log::LogOptions;

/// The largest file that is read as configuration, in bytes; a guess far above any real one.
const FILE_MAX: u64 = 64 * 1024 * 1024;

/// What is to be done.
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    pub(crate) file: Option<ConfigFile>,
    /// Warnings, each ready to be printed.
    pub(crate) warnings: Vec<String>,
    /// The same in one line each, for a log file.
    pub(crate) warning_lines: Vec<String>,
}

/// The file that was read.
pub(crate) struct ConfigFile {
    pub(crate) path: PathBuf,
    /// SHA-256 of it and all it includes, in hexadecimal digits.
    pub(crate) digest: String,
    pub(crate) sources: Sources,
    /// Whether nats-server, too, would warn: then the file does not pass a test.
    pub(crate) has_warnings: bool,
}

/// Reads the file, if there is one, and puts the flags above it.
pub(crate) fn plan(flags: &Flags, remarks: &[Remark]) -> Result<Plan, Vec<String>> {
    let mut errors = Vec::new();
    let mut plan = Plan {
        settings: Settings::default(),
        file: None,
        warnings: Vec::new(),
        warning_lines: Vec::new(),
    };
    if let Some(path) = &flags.config {
        let loaded = conf::load(path, &System)
            .map_err(|error| vec![format!("open {}: {error}", path.display())])?;
        let digest = digest(&loaded.sources);
        for diagnostic in &loaded.diagnostics {
            plan.note(diagnostic, &loaded.sources, &mut errors);
        }
        let has_warnings = loaded.has(Severity::Warning);
        let Loaded {
            settings, sources, ..
        } = loaded;
        plan.settings = settings;
        plan.file = Some(ConfigFile {
            path: path.clone(),
            digest,
            sources,
            has_warnings,
        });
    }
    for remark in remarks {
        if remark.is_refused {
            errors.push(remark.text.clone());
        } else {
            plan.warn(format!("warning: {}", remark.text));
        }
    }
    errors.extend(plan.lay_above(flags));
    if flags.is_strict {
        errors.append(&mut plan.warnings);
    }
    if errors.is_empty() {
        Ok(plan)
    } else {
        errors.append(&mut plan.warnings);
        Err(errors)
    }
}

impl Plan {
    /// Sorts something said about the file to the errors or the warnings.
    pub(crate) fn note(
        &mut self,
        diagnostic: &Diagnostic,
        sources: &Sources,
        errors: &mut Vec<String>,
    ) {
        let text = diagnostic.render(sources);
        if diagnostic.severity == Severity::Error {
            errors.push(text);
        } else {
            self.warn(text);
        }
    }

    fn warn(&mut self, text: String) {
        let line = text.lines().next().unwrap_or_default();
        self.warning_lines.push(line.replacen("warning: ", "", 1));
        self.warnings.push(text);
    }

    /// Flags win over the file.
    fn lay_above(&mut self, flags: &Flags) -> Option<String> {
        let settings = &mut self.settings;
        let over = |slot: &mut Option<bool>, name, is_given| {
            *slot = flags.switch(name, is_given).or(*slot);
        };
        over(&mut settings.debug, "debug", flags.debug);
        over(&mut settings.trace, "trace", flags.trace);
        over(&mut settings.logtime, "logtime", flags.logtime);
        over(&mut settings.logtime_utc, "logtime_utc", flags.logtime_utc);
        if let Some(host) = &flags.addr {
            settings.host = Some(host.clone());
        }
        if let Some(port) = flags.port.filter(|port| *port != 0) {
            settings.port = Some(u16::try_from(port).unwrap_or(0));
        }
        if let Some(name) = &flags.name {
            settings.server_name = Some(name.clone());
        }
        if let Some(path) = &flags.log {
            settings.log_file = Some(path.clone());
        }
        if let Some(path) = &flags.pid {
            settings.pid_file = Some(path.clone());
        }
        let name = flags.name.as_deref().unwrap_or_default();
        name.contains(' ')
            .then(|| "server name cannot contain spaces".to_owned())
    }

    /// The server that is asked for; every address of the machine if none is.
    pub(crate) fn builder(&self) -> Builder {
        let settings = &self.settings;
        let mut builder = Server::builder().host(self.host()).port(self.port());
        if let Some(name) = &settings.server_name {
            builder = builder.name(name);
        }
        if let Some(bytes) = settings.max_payload {
            builder = builder.max_payload(bytes);
        }
        if let Some(bytes) = settings.max_control_line {
            builder = builder.max_control_line(bytes);
        }
        if let Some(bytes) = settings.max_pending {
            builder = builder.max_pending(bytes);
        }
        if let Some(connections) = settings.max_connections {
            builder = builder.max_connections(connections);
        }
        if let Some(subscriptions) = settings.max_subscriptions {
            builder = builder.max_subscriptions(subscriptions);
        }
        if let Some(deadline) = settings.write_deadline {
            builder = builder.write_deadline(deadline);
        }
        if let Some(interval) = settings.ping_interval {
            builder = builder.ping_interval(interval);
        }
        if let Some(pings) = settings.ping_max {
            builder = builder.ping_max(pings);
        }
        builder.headers(!settings.no_header_support.unwrap_or(false))
    }

    pub(crate) fn host(&self) -> &str {
        self.settings.host.as_deref().unwrap_or("0.0.0.0")
    }

    pub(crate) fn port(&self) -> u16 {
        self.settings.port.unwrap_or(4222)
    }

    pub(crate) fn log_options(&self) -> LogOptions {
        let settings = &self.settings;
        LogOptions {
            file: settings.log_file.clone(),
            is_debug: settings.debug.unwrap_or(false),
            is_trace: settings.trace.unwrap_or(false),
            has_time: settings.logtime.unwrap_or(true),
            is_utc: settings.logtime_utc.unwrap_or(false),
        }
    }

    /// Writes the number of this process where it is asked for.
    pub(crate) fn write_pid(&self) -> anyhow::Result<()> {
        if let Some(path) = &self.settings.pid_file {
            std::fs::write(path, std::process::id().to_string()).map_err(|error| {
                anyhow::anyhow!("could not write pid file {}: {error}", path.display())
            })?;
        }
        Ok(())
    }
}

fn digest(sources: &Sources) -> String {
    let mut hash = Sha256::new();
    for source in sources.iter() {
        hash.update(&source.bytes);
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The files and the environment of this process.
struct System;

impl Surroundings for System {
    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path)?;
        file.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_MAX {
            return Err(io::Error::other(format!(
                "the file is larger than {FILE_MAX} bytes"
            )));
        }
        Ok(bytes)
    }

    fn variable(&self, name: &str) -> Option<String> {
        if name.is_empty() || name.contains(['=', '\0']) {
            return None; // No such variable can be; asking for one may panic.
        }
        std::env::var(name).ok()
    }
}
