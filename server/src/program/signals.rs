//! Signals: those that this process gets, and `--signal`, which sends them to another one.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::program::name;

/// Does what `--signal command[=process]` asks for.
pub(crate) fn send(request: &str) -> anyhow::Result<()> {
    let (command, target) = match request.split_once('=') {
        Some((command, target)) => (command, Some(target)),
        None => (request, None),
    };
    let signal = match command {
        "stop" => Signal::KILL,
        "quit" => Signal::INT,
        "term" => Signal::TERM,
        "reopen" => Signal::USR1,
        "reload" => Signal::HUP,
        "ldm" => Signal::USR2,
        _ => bail!(
            "unknown signal \"{command}\"; there are stop, quit, term, reopen, reload and ldm"
        ),
    };
    for pid in processes(target.unwrap_or_default())? {
        kill_process(pid, signal)
            .map_err(std::io::Error::from)
            .with_context(|| format!("signal \"{command}\" {}", pid.as_raw_nonzero()))?;
    }
    Ok(())
}

/// The processes meant: a number, a pid file, `12*` for all servers whose number begins so, or
/// nothing for the only server that runs.
fn processes(target: &str) -> anyhow::Result<Vec<Pid>> {
    if !target.is_empty() && !target.ends_with('*') {
        let text = match target.parse::<i32>() {
            Ok(_) => target.to_owned(),
            Err(_) => fs::read_to_string(target)
                .with_context(|| format!("cannot read pid file {target}"))?,
        };
        let number: Option<i32> = text.trim().parse().ok();
        let pid = number.filter(|number| *number > 0).and_then(Pid::from_raw);
        return Ok(vec![
            pid.ok_or_else(|| anyhow!("invalid pid: {}", text.trim()))?,
        ]);
    }
    let start = target.strip_suffix('*');
    let name = name::started();
    let mut found = servers(&name);
    found.retain(|number| number.to_string().starts_with(start.unwrap_or_default()));
    if found.is_empty() {
        bail!("no {name} processes running");
    }
    if start.is_none() && found.len() > 1 {
        let list: Vec<String> = found.iter().map(i32::to_string).collect();
        let list = list.join("\n");
        bail!("multiple {name} processes running:\n{list}\nsay which: --signal COMMAND=PID");
    }
    Ok(found.into_iter().filter_map(Pid::from_raw).collect())
}

/// The numbers of the other servers, where the system tells (Linux): processes of our name, and
/// those of our file under the other of its names, which a real nats-server is not.
fn servers(name: &str) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let own = fs::canonicalize("/proc/self/exe").unwrap_or_default();
    let others = match name {
        name::OWN => [name::REFERENCE].as_slice(),
        name::REFERENCE => &[name::OWN],
        _ => &[],
    };
    let is_server = |process: &Path| {
        let is_own = || fs::canonicalize(process.join("exe")).is_ok_and(|exe| exe == own);
        let mut others = others.iter();
        named(process, name) || others.any(|other| named(process, other) && is_own())
    };
    let mut found: Vec<i32> = entries
        .flatten()
        .filter(|entry| is_server(&entry.path()))
        .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
        .filter(|number| u32::try_from(*number) != Ok(std::process::id()))
        .collect();
    found.sort_unstable();
    found
}

/// The system keeps fifteen letters of a name.
fn named(process: &Path, name: &str) -> bool {
    let short: String = name.chars().take(15).collect();
    fs::read_to_string(process.join("comm")).is_ok_and(|comm| comm.trim_end() == short)
}
