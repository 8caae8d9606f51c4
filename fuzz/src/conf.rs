//! Configuration files: reading ends, and everything that is said of a file can be shown.

use std::io;
use std::path::Path;

use dunlin_server::conf::{Surroundings, load};

/// A file that includes nothing but itself, and an environment of the same text.
struct Alone<'d>(&'d [u8]);

impl Surroundings for Alone<'_> {
    fn file(&self, _: &Path) -> io::Result<Vec<u8>> {
        Ok(self.0.to_vec())
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "E").then(|| String::from_utf8_lossy(self.0).into_owned())
    }
}

/// A whole configuration file.
pub fn conf(data: &[u8]) {
    let loaded = load(Path::new("a/b.conf"), &Alone(data)).expect("the file can be read");
    for diagnostic in &loaded.diagnostics {
        let shown = diagnostic.render(&loaded.sources);
        assert!(shown.contains(&diagnostic.text), "{shown}");
        if let Some(span) = diagnostic.span {
            let place = loaded.sources.place(span);
            assert!(place.line > 0 && place.column > 0, "{shown}");
        }
    }
}
