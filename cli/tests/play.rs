//! Playing a session: commands are started, their lines compared with what the file says.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use dunlin_tests::{PATIENCE, Target};
use tempfile::TempDir;

use crate::session::{Action, Step, matches, read};

/// The program on trial.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_dunlin");

/// A command on its way.
struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

/// The server that a session is played against.
pub(crate) struct Server {
    pub(crate) target: Target,
    /// Where it listens: $DUNLIN_URL.
    pub(crate) url: String,
    /// Where its monitoring is: $MONITOR.
    pub(crate) monitor: String,
}

/// What commands find around them.
struct Surroundings<'a> {
    /// Where they run; `ca.pem`, and `cert.pem` and `key.pem` of `localhost`, are there.
    home: &'a Path,
    server: &'a Server,
    /// How another server of this kind is started: $SERVER.
    program: String,
}

/// Plays the session at `path` against `server`.
pub(crate) fn play(path: &Path, server: &Server) -> Result<(), String> {
    let (home, target) = (TempDir::new().expect("a temporary folder"), server.target);
    write_certificates(home.path());
    let surroundings = Surroundings {
        home: home.path(),
        server,
        program: match target {
            Target::Ours => "dunlin serve".to_owned(),
            Target::Reference => std::env::var("DUNLIN_NATS_SERVER").expect("it is here"),
        },
    };
    let mut running = BTreeMap::new();
    for step in read(path) {
        if step.only.as_ref().is_some_and(|only| only != target.name()) {
            continue;
        }
        let outcome = perform(&step, &mut running, &surroundings);
        outcome.map_err(|text| {
            format!(
                "{}:{} against {}: {text}",
                path.display(),
                step.line,
                target.name()
            )
        })?;
    }
    match running.into_keys().next() {
        Some(name) => Err(format!("{}: {name} is never ended", path.display())),
        None => Ok(()),
    }
}

fn perform(
    step: &Step,
    running: &mut BTreeMap<String, Running>,
    surroundings: &Surroundings<'_>,
) -> Result<(), String> {
    let gone = |name: &str| format!("{name} does not run");
    match &step.action {
        Action::Run(line) => Running::start(line, surroundings).end(step),
        Action::Start(name, line) => {
            let mut started = Running::start(line, surroundings);
            started.awaited(step)?;
            match running.insert(name.clone(), started) {
                None => Ok(()),
                Some(_) => Err(format!("{name} runs already")),
            }
        }
        Action::Signal(name, signal) => {
            let id = running.get(name).ok_or_else(|| gone(name))?.child.id();
            // To its whole group, as a terminal does it.
            let kill = Command::new("kill")
                .args(["-s", signal, "--"])
                .arg(format!("-{id}"))
                .status();
            kill.expect("kill can be run");
            Ok(())
        }
        Action::End(name) => running.remove(name).ok_or_else(|| gone(name))?.end(step),
    }
}

impl Running {
    fn start(line: &str, surroundings: &Surroundings<'_>) -> Self {
        let folder = Path::new(PROGRAM)
            .parent()
            .expect("a program is in a folder");
        let path = std::env::var("PATH").expect("PATH is set");
        let mut command = Command::new("sh");
        // A shell between would get every signal too, and answer with a code of its own.
        let is_alone = line.starts_with("dunlin ") && !unquoted(line).contains(['|', ';', '&']);
        let exec = if is_alone { "exec " } else { "" };
        command
            .arg("-c")
            .arg(format!("{exec}{line}"))
            .process_group(0)
            .current_dir(surroundings.home);
        command.env_clear().env("HOME", surroundings.home);
        command.env("DUNLIN_URL", &surroundings.server.url);
        command.env("MONITOR", &surroundings.server.monitor);
        command.env("SERVER", &surroundings.program);
        command.env("PATH", format!("{}:{path}", folder.display()));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("sh can be run");
        let stdout = lines(child.stdout.take().expect("stdout is piped"));
        let stderr = lines(child.stderr.take().expect("stderr is piped"));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Waits for the lines that `step` expects, and no longer.
    fn awaited(&mut self, step: &Step) -> Result<(), String> {
        for (lines, expected, what) in [
            (&self.stdout, &step.stdout, "stdout"),
            (&self.stderr, &step.stderr, "stderr"),
        ] {
            for line in expected {
                let found = lines.recv_timeout(PATIENCE);
                let found = found.map_err(|_| format!("{what} has no line: {line}"))?;
                if !matches(line, &found) {
                    return Err(format!("{what}\n  expected: {line}\n     found: {found}"));
                }
            }
        }
        Ok(())
    }

    /// Waits for the end, and compares what was written since the last look.
    fn end(mut self, step: &Step) -> Result<(), String> {
        let status = self.wait();
        let mut stdout: Vec<String> = self.stdout.iter().collect();
        while stdout.last().is_some_and(String::is_empty) {
            stdout.pop();
        }
        compare("stdout", &step.stdout, &stdout)
            .and(compare(
                "stderr",
                &step.stderr,
                &self.stderr.iter().collect::<Vec<_>>(),
            ))
            .map_err(|text| format!("{text}\nstdout was:\n{}", stdout.join("\n")))?;
        match status {
            Some(code) if code == step.code => Ok(()),
            Some(code) => Err(format!("expected exit code {}, found {code}", step.code)),
            None => Err("did not end".to_owned()),
        }
    }

    /// The exit code; that of a shell whose command a signal ended. Nothing if it had to be killed.
    fn wait(&mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status.code().or(status.signal().map(|signal| 128 + signal));
            }
            std::thread::sleep(Duration::from_millis(2)); // The standard library cannot wait and give up.
        }
        self.kill();
        None
    }

    fn kill(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill")
            .args(["-s", "KILL", "--", &group])
            .status();
        let _ = self.child.wait();
    }
}

/// What a session that fails leaves running ends with it.
impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.kill();
        }
    }
}

/// What of `line` stands outside of single quotes.
fn unquoted(line: &str) -> String {
    line.split('\'').step_by(2).collect()
}

fn compare(what: &str, expected: &[String], found: &[String]) -> Result<(), String> {
    let longest = expected.len().max(found.len());
    for at in 0..longest {
        let is_same = match (expected.get(at), found.get(at)) {
            (Some(expected), Some(found)) => matches(expected, found),
            _ => false,
        };
        if !is_same {
            let shown = |line: Option<&String>| line.map_or("nothing", String::as_str).to_owned();
            let (expected, found) = (shown(expected.get(at)), shown(found.get(at)));
            let at = at + 1;
            return Err(format!(
                "{what}, line {at}\n  expected: {expected}\n     found: {found}"
            ));
        }
    }
    Ok(())
}

/// The lines of `source`, as they come.
fn lines(source: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(source).split(b'\n') {
            let Ok(line) = line else { return };
            if sender
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                return;
            }
        }
    });
    receiver
}

/// An authority, and a certificate for `localhost` with its key.
fn write_certificates(home: &Path) {
    let made = "a certificate can be made";
    let mut authority = rcgen::CertificateParams::new(Vec::new()).expect(made);
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().expect(made);
    let authority_certificate = authority.self_signed(&authority_key).expect(made);
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let names = vec!["localhost".to_owned()];
    let key = rcgen::KeyPair::generate().expect(made);
    let certificate = rcgen::CertificateParams::new(names).expect(made);
    let certificate = certificate.signed_by(&key, &issuer).expect(made);
    for (name, text) in [
        ("ca.pem", authority_certificate.pem()),
        ("cert.pem", certificate.pem()),
        ("key.pem", key.serialize_pem()),
    ] {
        std::fs::write(home.join(name), text).expect("a file is written");
    }
}
