//! The name under which the program was started: what a link or a copy called `nats-server` says of
//! itself is what those expect who start it so.

use std::path::Path;

/// The name of the program as it is built.
pub(crate) const OWN: &str = "dunlin-server";
/// The name of the program whose place it can take.
pub(crate) const REFERENCE: &str = "nats-server";

/// The file name of the word that started the program.
pub(crate) fn started() -> String {
    of(std::env::args_os().next().unwrap_or_default().as_ref())
}

fn of(word: &Path) -> String {
    let name = word.file_name().map(|name| name.to_string_lossy());
    let name = name.unwrap_or_default();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    match name {
        "" => OWN.to_owned(),
        name => name.to_owned(),
    }
}

/// What `--version` says: where nats-server is expected its version comes first, since tools read it.
pub(crate) fn version() -> String {
    let own = env!("CARGO_PKG_VERSION");
    let commit = option_env!("DUNLIN_COMMIT").map(|commit| format!(" ({commit})"));
    let commit = commit.unwrap_or_default();
    match started() == REFERENCE {
        true => format!(
            "v{} (dunlin {own}{commit})",
            crate::server::REFERENCE_VERSION
        ),
        false => format!("v{own}{commit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_last_part_of_the_path() {
        assert_eq!(of(Path::new("/usr/bin/nats-server")), "nats-server");
        assert_eq!(of(Path::new("dunlin-server")), "dunlin-server");
        assert_eq!(of(Path::new("")), "dunlin-server");
        assert_eq!(
            of(Path::new(
                "..\\nats-server.exe".split('\\').next_back().unwrap()
            )),
            REFERENCE
        );
    }
}
