//! The ports file: where a server listens, for programs that started it on free ports.
//!
//! `<name of the program>_<number of the process>.ports`, as nats-server writes it:
//! `{"nats":["nats://127.0.0.1:4222"],"monitoring":["http://…"],"websocket":["ws://…"]}`.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::conf::Settings;
use crate::server::Server;
use serde_json::{Map, Value};

use crate::program::addresses;
use crate::program::name;

/// A written file; it goes with the server.
#[derive(Debug)]
pub(crate) struct PortsFile(PathBuf);

/// A listener: which it is, the scheme of its URL, and where it is.
type Listening = (&'static str, &'static str, SocketAddr);

impl PortsFile {
    /// The file of a server, where one is asked for; a server without it is of use all the same.
    pub(crate) fn of(settings: &Settings, server: &Server) -> Option<Self> {
        let folder = settings.ports_file_dir.as_ref()?;
        let scheme = |url: &str| {
            if url.starts_with("tls:") {
                "tls"
            } else {
                "nats"
            }
        };
        let websocket = settings.websocket.as_ref().map(|it| match it.tls {
            Some(_) => "wss",
            None => "ws",
        });
        let pages = if settings.http.is_some() {
            "http"
        } else {
            "https"
        };
        let monitoring = server.monitor_addr().map(|it| ("monitoring", pages, it));
        let websocket = websocket.zip(server.websocket_addr());
        let listening: Vec<Listening> = [("nats", scheme(&server.url()), server.addr())]
            .into_iter()
            .chain(monitoring)
            .chain(websocket.map(|(scheme, address)| ("websocket", scheme, address)))
            .collect();
        match Self::write(folder, &name::started(), &listening) {
            Ok(file) => Some(file),
            Err(error) => {
                tracing::error!("{error}");
                None
            }
        }
    }

    /// Writes the file into `folder`.
    ///
    /// It is written elsewhere first and moved, so that nobody reads half of it.
    fn write(folder: &Path, program: &str, listening: &[Listening]) -> io::Result<Self> {
        let name = format!("{program}_{}.ports", std::process::id());
        let (path, fresh) = (folder.join(&name), folder.join(format!(".{name}")));
        let moved = fs::write(&fresh, text(listening)).and_then(|()| fs::rename(&fresh, &path));
        if let Err(error) = moved {
            let _ = fs::remove_file(&fresh);
            let text = format!("error writing ports file {}: {error}", path.display());
            return Err(io::Error::new(error.kind(), text));
        }
        Ok(Self(path))
    }
}

impl Drop for PortsFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn text(listening: &[Listening]) -> String {
    let mut object = Map::new();
    for (what, scheme, address) in listening {
        let urls = reachable(*address)
            .into_iter()
            .map(|address| Value::from(format!("{scheme}://{address}")));
        object.insert((*what).to_owned(), urls.collect());
    }
    Value::Object(object).to_string()
}

/// The addresses under which a listener is reached: of one that listens on every address all that
/// this machine has, as nats-server lists them.
fn reachable(address: SocketAddr) -> Vec<SocketAddr> {
    if !address.ip().is_unspecified() {
        return vec![address];
    }
    let all = addresses::own(address.is_ipv6()).into_iter();
    all.map(|ip| SocketAddr::new(ip, address.port())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listener_is_named_with_its_addresses() {
        let one: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let two: SocketAddr = "[::1]:2".parse().unwrap();
        let text = text(&[("nats", "tls", one), ("monitoring", "http", two)]);
        let found: Value = serde_json::from_str(&text).unwrap();
        let expected =
            serde_json::json!({"nats": ["tls://127.0.0.1:1"], "monitoring": ["http://[::1]:2"]});
        assert_eq!(found, expected);
    }

    #[test]
    fn who_listens_everywhere_is_reached_here() {
        let all = reachable("0.0.0.0:7".parse().unwrap());
        assert_eq!(all[0], "127.0.0.1:7".parse().unwrap());
        assert!(all.iter().all(|address| !address.ip().is_unspecified()));
        let all = reachable("[::]:7".parse().unwrap());
        assert!(all.contains(&"[::1]:7".parse().unwrap()), "{all:?}");
    }

    #[test]
    fn the_file_goes_with_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let file = PortsFile::write(folder.path(), "a", &[]).unwrap();
        let path = folder
            .path()
            .join(format!("a_{}.ports", std::process::id()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
        drop(file);
        assert!(!path.exists());
        let error = PortsFile::write(Path::new("/nonexistent"), "a", &[]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("error writing ports file /nonexistent/a_")
        );
    }
}
