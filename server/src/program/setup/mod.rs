//! From flags and file to a server that can be started.
//!
//! In: [`Flags`]. Out: a [`Plan`], or everything that speaks against one, ready to be printed.
//! Flags win over the file.

mod access;
mod build;
mod overlay;
mod system;
pub(crate) mod tls;
mod websocket;

use std::io;
use std::path::{Path, PathBuf};

use crate::conf::{self, Diagnostic, Identity, Loaded, LogFormat, Settings, Severity, Sources};
use crate::options::Builder;

use crate::program::flags::{Flags, Remark};
use crate::program::log::LogOptions;
use system::System;

/// What is to be done.
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    pub(crate) file: Option<ConfigFile>,
    /// Warnings, each ready to be printed.
    pub(crate) warnings: Vec<String>,
    /// The same in one line each, for a log file.
    pub(crate) warning_lines: Vec<String>,
    /// Whether something speaks against it: then it is as much as could be read.
    pub(crate) is_broken: bool,
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

/// Reads a configuration file of this machine.
pub(crate) fn read(path: &Path) -> io::Result<Loaded> {
    conf::load(path, &System)
}

/// Reads the file, if there is one, and puts the flags above it.
pub(crate) fn plan(flags: &Flags, remarks: &[Remark]) -> Result<Plan, Vec<String>> {
    let (mut plan, mut errors) = draft(flags, remarks)?;
    if errors.is_empty() {
        Ok(plan)
    } else {
        errors.append(&mut plan.warnings);
        Err(errors)
    }
}

/// The same, with what speaks against it: a plan as far as it can be read. An error where there is
/// no file to read.
pub(crate) fn draft(flags: &Flags, remarks: &[Remark]) -> Result<(Plan, Vec<String>), Vec<String>> {
    let mut errors = Vec::new();
    let mut plan = Plan {
        settings: Settings::default(),
        file: None,
        warnings: Vec::new(),
        warning_lines: Vec::new(),
        is_broken: false,
    };
    if let Some(path) = &flags.config {
        let loaded =
            read(path).map_err(|error| vec![format!("open {}: {error}", path.display())])?;
        let digest = system::digest(&loaded.sources);
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
        plan.warn(format!("warning: {}", remark.text));
    }
    overlay::lay_above(&mut plan.settings, flags, &mut errors);
    if cfg!(not(feature = "http"))
        && (plan.settings.http.is_some() || plan.settings.https.is_some())
    {
        plan.warn("warning: this build has no monitoring port".to_owned());
    }
    if flags.is_strict {
        errors.append(&mut plan.warnings);
    }
    plan.is_broken = !errors.is_empty();
    Ok((plan, errors))
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

    /// The server that is asked for.
    pub(crate) fn builder(&self) -> Builder {
        let digest = self
            .file
            .as_ref()
            .map(|file| format!("sha256:{}", file.digest));
        let digest = digest.unwrap_or_default();
        build::builder(&self.settings, &digest, self.host(), self.port())
    }

    /// Whether a password stands in the open, which nats-server warns of.
    pub(crate) fn has_plain_passwords(&self) -> bool {
        let Some(block) = &self.settings.authorization else {
            return false;
        };
        let single = block.password.as_ref().map(|password| &password.0);
        let of_user = |user: &conf::User| match &user.identity.value {
            Identity::Name { password, .. } => Some(password.0.clone()),
            Identity::Nkey(_) => None,
        };
        let many = block.users.iter().filter_map(of_user);
        single
            .into_iter()
            .cloned()
            .chain(many)
            .any(|it| !is_bcrypt(&it))
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
            size_limit: settings.log_size_limit,
            files_max: settings.log_max_num,
            payload_max: settings.max_traced_msg_len,
            format: settings.log_format.unwrap_or(LogFormat::Text),
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

/// Whether a password is a hash of bcrypt by its first letters, `$2a$11$`.
pub(crate) fn is_bcrypt(password: &str) -> bool {
    let is_digit = |at: usize| password.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    ["$2a$", "$2b$", "$2x$", "$2y$"]
        .iter()
        .any(|start| password.starts_with(start))
        && is_digit(4)
        && is_digit(5)
        && password.as_bytes().get(6) == Some(&b'$')
}
