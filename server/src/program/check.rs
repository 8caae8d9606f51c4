//! What a test of the configuration looks at beside the file: the port, and the files and folders
//! that it names.
//!
//! A port in use is a warning, since the server that is about to be reloaded holds it; a file that
//! could not be written is an error, since the server would not start.

use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::time::SystemTime;

use crate::conf::{Diagnostic, Severity, Span, Tls};
use rustix::fs::{Access, access};

use crate::program::holder;
use crate::program::setup::{Plan, tls};

/// A certificate with less left than this, in days, is said to expire. A guess at what leaves time
/// to act, and does not warn all the time of those that are made for three months.
const EXPIRY_DAYS: u64 = 14;
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Everything that speaks against starting what is planned, on this machine and now.
pub(crate) fn check(plan: &Plan) -> Vec<Diagnostic> {
    let settings = &plan.settings;
    let files = [
        ("log_file", &settings.log_file),
        ("pid_file", &settings.pid_file),
    ];
    let mut found: Vec<Diagnostic> = files
        .into_iter()
        .filter_map(|(key, path)| unwritable(plan, key, path.as_deref()?))
        .collect();
    found.extend(ports_taken(plan));
    found.extend(ports_folder(plan));
    let websocket = settings.websocket.as_ref();
    for (key, block) in [
        ("tls", settings.tls.as_ref()),
        ("websocket", websocket.and_then(|it| it.tls.as_ref())),
    ] {
        let place = settings.places.get(key).copied();
        found.extend(block.into_iter().flat_map(|it| certificates(it, place)));
    }
    found
}

/// Certificates and keys of `block` that cannot be used, or not for long.
fn certificates(block: &Tls, place: Option<Span>) -> Vec<Diagnostic> {
    let pairs = block.certificates.iter();
    let files = pairs.flat_map(|pair| [&pair.cert_file, &pair.key_file]);
    let files: Vec<_> = files.chain(&block.ca_file).collect();
    let unreadable = files.iter().filter_map(|file| {
        let error = File::open(&file.value).err()?;
        let text = format!("cannot read {}: {error}", file.value.display());
        Some(Diagnostic::error(file.span.or(place), text))
    });
    let unreadable: Vec<_> = unreadable.collect();
    if !unreadable.is_empty() {
        return unreadable;
    }
    let span = |path: Option<&Path>| {
        let mut files = files.iter();
        let named = files.find(|file| Some(file.value.as_path()) == path);
        named.and_then(|file| file.span).or(place)
    };
    let facts = match tls::of_block(block).check() {
        Ok(facts) => facts,
        Err(error) => {
            let (place, text) = (span(error.path()), error.to_string());
            return vec![Diagnostic::error(place, text)];
        }
    };
    let left = facts.not_after.duration_since(SystemTime::now());
    let text = match left.map(|left| left.as_secs() / DAY_SECONDS) {
        Err(_) => "the certificate has expired: clients will not connect".to_owned(),
        Ok(days) if days < EXPIRY_DAYS => format!("the certificate expires in {days} days"),
        Ok(_) => return Vec::new(),
    };
    let first = block.certificates.first();
    let place = span(first.map(|pair| pair.cert_file.value.as_path()));
    let notice = Diagnostic::error(place, text).as_severity(Severity::Notice);
    vec![notice.help("a new file in its place is read by itself, within seconds")]
}

fn unwritable(plan: &Plan, key: &str, path: &Path) -> Option<Diagnostic> {
    let span = plan.settings.places.get(key).copied();
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let target = if path.exists() { path } else { folder };
    if path.is_dir() {
        let text = format!("{} is a folder, not a file", path.display());
        return Some(Diagnostic::error(span, text));
    }
    let error = io::Error::from(access(target, Access::WRITE_OK).err()?);
    let text = format!(
        "cannot write {}: {}: {error}",
        path.display(),
        target.display()
    );
    Some(Diagnostic::error(span, text).help(format!("{key} must be a path this user may write to")))
}

/// A folder that is to hold the ports file.
fn ports_folder(plan: &Plan) -> Option<Diagnostic> {
    let folder = plan.settings.ports_file_dir.as_ref()?;
    let error = io::Error::from(access(folder, Access::WRITE_OK).err()?);
    let span = plan.settings.places.get("ports_file_dir").copied();
    let text = format!("cannot write into {}: {error}", folder.display());
    let notice = Diagnostic::error(span, text).as_severity(Severity::Notice);
    Some(notice.help("the server starts all the same, and nobody is told its ports"))
}

/// Ports that somebody else listens on.
fn ports_taken(plan: &Plan) -> impl Iterator<Item = Diagnostic> + '_ {
    let settings = &plan.settings;
    let everywhere = || "0.0.0.0".to_owned();
    let own = (
        ["port", "listen", "host"].as_slice(),
        plan.host().to_owned(),
        plan.port(),
    );
    let monitor = settings.http.as_ref().or(settings.https.as_ref());
    let monitor = monitor.map(|it| {
        let host = it.host.clone().unwrap_or_else(|| plan.host().to_owned());
        let keys = ["http", "http_port", "https", "https_port"].as_slice();
        (keys, host, it.port)
    });
    let websocket = settings.websocket.as_ref().map(|it| {
        let host = it.address.host.clone().unwrap_or_else(everywhere);
        (["websocket"].as_slice(), host, it.address.port)
    });
    let all = [Some(own), monitor, websocket].into_iter().flatten();
    // Of a file that could not be read to its end nobody knows the port.
    let is_known = |keys: &[&str]| keys.iter().any(|key| settings.places.contains_key(key));
    let all = all.filter(move |(keys, ..)| !plan.is_broken || is_known(keys));
    all.filter_map(|(keys, host, port)| port_taken(plan, keys, &host, port))
}

fn port_taken(plan: &Plan, keys: &[&str], host: &str, port: u16) -> Option<Diagnostic> {
    let error = TcpListener::bind((host, port)).err()?;
    let places = &plan.settings.places;
    let span = keys.iter().find_map(|key| places.get(key)).copied();
    let text = format!("cannot listen on {host}:{port} now: {error}");
    let warning = Diagnostic::error(span, text).as_severity(Severity::Notice);
    let is_in_use = error.kind() == io::ErrorKind::AddrInUse;
    let holder = is_in_use.then(|| holder::of_port(port)).flatten();
    Some(match holder {
        Some(holder) => warning.help(format!("the port is held by {holder}")),
        None => warning,
    })
}
