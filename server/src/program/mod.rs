//! The program: flags and a file in, exit code out. `dunlin-server` is it, and `dunlin serve`.

mod addresses;
mod arguments;
mod check;
mod checked;
pub mod credentials;
mod descriptors;
#[allow(
    rustdoc::invalid_html_tags,
    reason = "what documents a flag is its help, and help has no markup"
)]
mod flags;
mod hidden;
mod holder;
mod log;
mod memory;
mod name;
mod ports;
mod reload;
mod running;
mod setup;
mod signals;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::conf::Severity;
use crate::server::Batching;
use anyhow::{Context, bail};

pub use checked::{Checked, Finding, check};
use flags::{Flags, Remark};
use log::Log;
use reload::Reload;
use setup::Plan;

/// Does what the command line says: `words` are all of it, of which the first `own` start the
/// program, and the others are flags. Serves until a signal asks to stop, or ends at once; where the
/// flags make no sense it ends the process, as `--help` does.
///
/// It sets the process up for serving: signals, log, limits. That is for programs, not for embedders.
pub fn main(words: &[OsString], own: usize) -> ExitCode {
    let own = own.min(words.len());
    let flags = words[..own.min(1)].iter().chain(&words[own..]).cloned();
    let (mut flags, mut remarks) = flags::parse(flags);
    if let Err(error) = hidden::hide(&mut flags, words) {
        let text = format!("everybody on this machine can read the password of the flags: {error}");
        remarks.push(Remark::warning(text));
    }
    match run(&flags, &remarks) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Silent) => ExitCode::FAILURE,
        Err(Failure::Plain(error)) => {
            complain(&[format!("{error:#}")]);
            ExitCode::FAILURE
        }
        Err(Failure::Logged(error)) => {
            tracing::error!(target: log::FATAL, "{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Why the program ends with 1.
enum Failure {
    /// Everything is said.
    Silent,
    /// To be said without a log.
    Plain(anyhow::Error),
    /// To be said in the log.
    Logged(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Plain(error)
    }
}

fn run(flags: &Flags, remarks: &[Remark]) -> Result<(), Failure> {
    if let Some(word) = flags.words.first() {
        return Ok(obey(word)?);
    }
    if flags.is_help_tls {
        return Ok(obey("help_tls")?);
    }
    if flags.is_version {
        return Ok(obey("version")?);
    }
    if let Some(request) = &flags.signal {
        return Ok(signals::send(request)?);
    }
    if flags.is_test && flags.config.is_none() {
        let text = "must specify [-c, --config] option to check configuration file syntax";
        return Err(anyhow::anyhow!(text).into());
    }
    let refuse = |errors: Vec<String>| {
        complain(&errors);
        Failure::Silent
    };
    if flags.is_test {
        let (plan, errors) = setup::draft(flags, remarks).map_err(refuse)?;
        return test(plan, errors, flags.is_strict);
    }
    let plan = setup::plan(flags, remarks).map_err(refuse)?;
    complain(&plan.warnings);
    memory::prepare();
    let log = Log::start(&plan.log_options()).map_err(|error| {
        let path = plan.settings.log_file.clone().unwrap_or_default();
        anyhow::anyhow!("error opening log file {}: {error}", path.display())
    })?;
    descriptors::allow_all();
    let batching = Batching::default();
    let told = batching.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_park(move || told.flush())
        .build()
        .context("cannot start the runtime")
        .map_err(Failure::Logged)?;
    let reload = Reload {
        flags,
        remarks,
        log,
    };
    runtime
        .block_on(running::serve(plan, reload, &batching))
        .map_err(Failure::Logged)
}

/// The words `version`, `help`, `passwd` and `nkey`.
#[expect(clippy::print_stdout, reason = "somebody asked for it")]
fn obey(word: &str) -> anyhow::Result<()> {
    match word.to_lowercase().as_str() {
        "version" => println!("{}: {}", name::started(), name::version()),
        "help" => print!("{}", flags::help()),
        "passwd" => println!("{}", credentials::passwd()?),
        "nkey" => println!("{}", credentials::nkey()?),
        "help_tls" => print!("{}", flags::HELP_TLS),
        _ => bail!("unrecognized command: \"{word}\""),
    }
    Ok(())
}

/// Says whether the configuration is good, and what is not.
fn test(mut plan: Plan, mut errors: Vec<String>, is_strict: bool) -> Result<(), Failure> {
    let found = check::check(&plan);
    let Some(file) = plan.file.take() else {
        return Err(Failure::Silent);
    };
    for diagnostic in &found {
        plan.note(diagnostic, &file.sources, &mut errors);
    }
    let is_doubtful = file.has_warnings || found.iter().any(|it| it.severity == Severity::Warning);
    let is_refused = is_doubtful || (is_strict && !plan.warnings.is_empty());
    complain(&errors);
    complain(&plan.warnings);
    if is_refused || !errors.is_empty() {
        return Err(Failure::Silent);
    }
    let (path, digest) = (file.path.display(), &file.digest);
    complain(&[format!(
        "configuration file {path} is valid (sha256:{digest})"
    )]);
    Ok(())
}

/// Lines on stderr, each with the name of the program.
fn complain(texts: &[String]) {
    let name = name::started();
    for text in texts {
        eprintln!("{name}: {text}");
    }
}
