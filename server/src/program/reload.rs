//! The configuration read again while the server runs: all of it holds then, or nothing changes.
//!
//! In: the flags of the start, and the file as it is now. Out: lines in the log, as nats-server
//! writes them, and what changed.

use std::fmt::Debug;

use crate::conf::Settings;
use crate::server::Server;

use crate::program::flags::{Flags, Remark};
use crate::program::log::Log;
use crate::program::ports::PortsFile;
use crate::program::setup::{self, Plan};

/// What a reload needs beside the server.
pub(crate) struct Reload<'r> {
    pub(crate) flags: &'r Flags,
    pub(crate) remarks: &'r [Remark],
    pub(crate) log: Log,
}

impl Reload<'_> {
    /// Reads the file again, and lets it hold, or says why not; tells what it came to.
    pub(crate) fn now(
        &self,
        plan: &mut Plan,
        ports: &mut Option<PortsFile>,
        server: &Server,
    ) -> Result<String, String> {
        match self.taken_over(plan, ports, server) {
            Ok(()) => {
                let digest = plan.file.as_ref().map_or("", |file| file.digest.as_str());
                let done = format!("Reloaded server configuration (sha256:{digest})");
                tracing::info!("{done}");
                Ok(done)
            }
            Err(errors) => {
                for error in &errors {
                    let line = error.lines().next().unwrap_or_default();
                    tracing::error!("Failed to reload server configuration: {line}");
                }
                Err(errors.join("\n"))
            }
        }
    }

    fn taken_over(
        &self,
        plan: &mut Plan,
        ports: &mut Option<PortsFile>,
        server: &Server,
    ) -> Result<(), Vec<String>> {
        if self.flags.config.is_none() {
            let text = "can only reload config when a file is provided using -c or --config";
            return Err(vec![text.to_owned()]);
        }
        let next = setup::plan(self.flags, self.remarks)?;
        if let Some(text) = fixed(&plan.settings, &next.settings) {
            return Err(vec![text]);
        }
        let log = self.log.prepare(&next.log_options()).map_err(|error| {
            let path = next.settings.log_file.clone().unwrap_or_default();
            vec![format!(
                "error opening log file {}: {error}",
                path.display()
            )]
        })?;
        if plan.settings.pid_file != next.settings.pid_file {
            next.write_pid().map_err(|error| vec![error.to_string()])?;
        }
        let changes = server
            .reload(next.builder())
            .map_err(|error| vec![error.to_string()])?;
        self.log.change(log);
        for line in &next.warning_lines {
            tracing::warn!("{line}");
        }
        own_changes(&plan.settings, &next.settings);
        for change in changes {
            match change.value.as_str() {
                "" => tracing::info!("Reloaded: {}", change.name),
                value => tracing::info!("Reloaded: {} = {value}", change.name),
            }
        }
        if plan.settings.ports_file_dir != next.settings.ports_file_dir {
            *ports = None; // Before the new one, which may be the same.
            *ports = PortsFile::of(&next.settings, server);
        }
        *plan = next;
        Ok(())
    }
}

/// What of the program's own cannot change while it runs, in the words of nats-server.
fn fixed(old: &Settings, new: &Settings) -> Option<String> {
    fn differs<T: PartialEq + Debug>(
        name: &str,
        old: &Option<T>,
        new: &Option<T>,
    ) -> Option<String> {
        let told = |value: &Option<T>| match value {
            Some(value) => format!("{value:?}"),
            None => String::new(),
        };
        (old != new).then(|| {
            let (old, new) = (told(old), told(new));
            format!("config reload not supported for {name}: old={old}, new={new}")
        })
    }
    let name = |settings: &Settings| settings.no_auth_user.as_ref().map(|it| it.value.clone());
    // It may go together with the user.
    let no_auth_user = name(new).and_then(|_| differs("NoAuthUser", &name(old), &name(new)));
    differs("LogSizeLimit", &old.log_size_limit, &new.log_size_limit)
        .or_else(|| differs("LogMaxFiles", &old.log_max_num, &new.log_max_num))
        .or_else(|| {
            let (old, new) = (&old.lame_duck_duration, &new.lame_duck_duration);
            differs("LameDuckDuration", old, new)
        })
        .or_else(|| {
            let (old, new) = (&old.lame_duck_grace_period, &new.lame_duck_grace_period);
            differs("LameDuckGracePeriod", old, new)
        })
        .or(no_auth_user)
}

/// Tells what changed of the program's own.
fn own_changes(old: &Settings, new: &Settings) {
    let switch = |name: &str, old: Option<bool>, new: Option<bool>, default: bool| {
        let (old, new) = (old.unwrap_or(default), new.unwrap_or(default));
        if old != new {
            tracing::info!("Reloaded: {name} = {new}");
        }
    };
    switch("debug", old.debug, new.debug, false);
    switch("trace", old.trace, new.trace, false);
    switch("logtime", old.logtime, new.logtime, true);
    switch("logtime_utc", old.logtime_utc, new.logtime_utc, false);
    if old.max_traced_msg_len != new.max_traced_msg_len {
        let len = new.max_traced_msg_len.unwrap_or(0);
        tracing::info!("Reloaded: max_traced_msg_len = {len}");
    }
    if old.log_format != new.log_format {
        tracing::info!("Reloaded: log_format");
    }
    for (name, old, new) in [
        ("log_file", &old.log_file, &new.log_file),
        ("pid_file", &old.pid_file, &new.pid_file),
        ("ports_file_dir", &old.ports_file_dir, &new.ports_file_dir),
    ] {
        if old != new {
            let path = new.clone().unwrap_or_default();
            tracing::info!("Reloaded: {name} = {}", path.display());
        }
    }
}
