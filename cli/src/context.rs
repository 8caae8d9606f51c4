//! The official CLI's contexts: named JSON files that say where a server is and who to be there.
//!
//! In: a name, or nothing for the context that is selected. Out: [`Context`]. What a context asks
//! for and this program cannot do is an error: connecting without it would surprise.
//!
//! ```text
//! $XDG_CONFIG_HOME/nats/context.txt           the name of the selected one
//! $XDG_CONFIG_HOME/nats/context/<name>.json   {"url": …, "user": …, …}
//! ```
//!
//! `~/.config` stands in for a missing XDG_CONFIG_HOME.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::failure::Failure;

/// Where a server is and who to be there; each as far as the context says it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Context {
    pub(crate) url: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) creds: Option<PathBuf>,
    pub(crate) nkey: Option<PathBuf>,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) inbox_prefix: Option<String>,
    pub(crate) is_tls_first: bool,
}

impl Context {
    /// The context of that name, or the selected one; nothing where none is selected.
    pub(crate) fn load(name: Option<&str>) -> Result<Self, Failure> {
        let Some(folder) = folder() else {
            return match name {
                Some(name) => Err(Failure::usage(format_args!(
                    "no context {name:?}: neither XDG_CONFIG_HOME nor HOME is set"
                ))),
                None => Ok(Self::default()),
            };
        };
        match name.map(str::to_owned).or_else(|| selected(&folder)) {
            Some(name) => Self::read(&folder, &name),
            None => Ok(Self::default()),
        }
    }

    fn read(folder: &Path, name: &str) -> Result<Self, Failure> {
        if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
            return Err(Failure::usage(format_args!(
                "no name of a context: {name:?}"
            )));
        }
        let path = folder.join("context").join(format!("{name}.json"));
        let text = std::fs::read_to_string(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                let known = known(folder).join(", ");
                Failure::usage(format_args!("no context {name:?}; there are: {known}"))
            }
            _ => Failure::because(path.display(), error),
        })?;
        Self::parse(&text).map_err(|error| Failure::because(path.display(), error))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let object: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let text_of = |key: &str| {
            let value = object.get(key).and_then(Value::as_str);
            value.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        for key in UNKNOWN_HERE {
            if text_of(key).is_some() {
                return Err(format!("asks for {key}, which this program cannot do"));
            }
        }
        let path_of = |key: &str| text_of(key).map(|text| expanded(&text));
        Ok(Self {
            url: text_of("url"),
            user: text_of("user"),
            password: text_of("password"),
            token: text_of("token"),
            creds: path_of("creds"),
            nkey: path_of("nkey"),
            cert: path_of("cert"),
            key: path_of("key"),
            ca: path_of("ca"),
            inbox_prefix: text_of("inbox_prefix"),
            is_tls_first: object.get("tls_first") == Some(&Value::Bool(true)),
        })
    }
}

/// Where the official CLI keeps its files.
fn folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let config = set("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| Some(PathBuf::from(set("HOME")?).join(".config")));
    config.map(|config| config.join("nats"))
}

/// The name that `context.txt` holds.
fn selected(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("context.txt")).ok()?;
    let name = text.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The names of all contexts, in order.
fn known(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder.join("context")) else {
        return Vec::new();
    };
    let name = |path: PathBuf| {
        Some(
            path.file_name()?
                .to_str()?
                .strip_suffix(".json")?
                .to_owned(),
        )
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| name(entry.ok()?.path()))
        .collect();
    names.sort();
    names
}

/// `~/` is the home of the user, as shells have it.
fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}

/// What a context may ask for that would silently be missing.
const UNKNOWN_HERE: [&str; 4] = ["nsc", "user_jwt", "socks_proxy", "windows_cert_store"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_of_the_official_cli_is_read() {
        let context = Context::parse(
            r#"{"description": "x", "url": "nats://a:4222,nats://b:4222", "user": "ada",
                "password": "s", "creds": "", "nkey": "/k", "inbox_prefix": "_I.ada",
                "nsc": "", "jetstream_domain": "", "tls_first": true}"#,
        );
        let context = context.unwrap();
        assert_eq!(context.url.as_deref(), Some("nats://a:4222,nats://b:4222"));
        assert_eq!(context.user.as_deref(), Some("ada"));
        assert_eq!((context.creds, context.nkey), (None, Some("/k".into())));
        assert!(context.is_tls_first);
        assert_eq!(context.inbox_prefix.as_deref(), Some("_I.ada"));
    }

    #[test]
    fn what_cannot_be_done_is_told() {
        let error = Context::parse(r#"{"socks_proxy": "socks5://x"}"#).unwrap_err();
        assert_eq!(error, "asks for socks_proxy, which this program cannot do");
        assert!(Context::parse("[]").is_err());
    }

    #[test]
    fn the_selected_context_is_found_and_names_stay_in_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("context")).unwrap();
        std::fs::write(folder.path().join("context.txt"), "one\n").unwrap();
        std::fs::write(folder.path().join("context/one.json"), r#"{"url":"u"}"#).unwrap();
        assert_eq!(selected(folder.path()).as_deref(), Some("one"));
        let context = Context::read(folder.path(), "one").unwrap();
        assert_eq!(context.url.as_deref(), Some("u"));
        for name in ["../one", "", ".x", "two"] {
            assert!(Context::read(folder.path(), name).is_err(), "{name}");
        }
        assert_eq!(known(folder.path()), ["one"]);
    }
}
