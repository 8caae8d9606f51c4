//! The configuration language of nats-server, and what a file in it asks of this server.
//!
//! In: a path and its surroundings. Out: [`Loaded`]: plain settings, and everything there is to
//! say about the file, each thing with its place. Knows nothing of the server; opens no file by
//! itself; ends for any bytes.
//!
//! ```text
//! language    text to a tree of values with places
//! sections    tree to settings: every key obeyed, warned about, or refused
//! settings    what is asked for, as plain values
//! report      what is wrong, with the line and a caret
//! ```

mod language;
mod nearest;
mod report;
mod sections;
mod settings;
mod source;

use std::io;
use std::path::Path;

pub use language::{Entry, Map, Node, Surroundings, Value};
pub use report::{Diagnostic, Severity};
pub use sections::obeyed_keys;
pub use settings::*;
pub use source::{Place, Source, Sources, Span};

pub(crate) use nearest::nearest;

use language::Shared;
use report::SAID_MAX;

/// A configuration that was read.
#[derive(Debug)]
pub struct Loaded {
    /// What it asks for; not to be used when there are errors.
    pub settings: Settings,
    /// The files, for the places of the diagnostics.
    pub sources: Sources,
    /// What there is to say, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether something of this kind was found.
    pub fn has(&self, severity: Severity) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == severity)
    }
}

/// Reads a configuration file and all it includes.
///
/// # Errors
///
/// The file itself cannot be read. Everything else is a diagnostic.
pub fn load(path: &Path, surroundings: &dyn Surroundings) -> io::Result<Loaded> {
    let mut shared = Shared::new(surroundings);
    let map = shared.file(path)?;
    let mut diagnostics = shared.diagnostics;
    if map.is_empty() && diagnostics.is_empty() {
        let text = format!("{}: config has no values or is empty", path.display());
        diagnostics.push(Diagnostic::error(None, text).as_severity(Severity::Warning));
    }
    let settings = sections::settings(&map, &shared.sources, &mut diagnostics);
    in_order(&mut diagnostics);
    Ok(Loaded {
        settings,
        sources: shared.sources,
        diagnostics,
    })
}

/// Sorts what is said by its place, the worst [`SAID_MAX`] of it if it is too much.
fn in_order(diagnostics: &mut Vec<Diagnostic>) {
    let more = diagnostics.len().saturating_sub(SAID_MAX);
    if more > 0 {
        diagnostics.sort_by_key(|diagnostic| diagnostic.severity);
        diagnostics.truncate(SAID_MAX);
    }
    let worst = diagnostics.first().map(|diagnostic| diagnostic.severity);
    diagnostics.sort_by_key(|diagnostic| match diagnostic.span {
        Some(span) => (span.source, span.start),
        None => (u32::MAX, 0),
    });
    if let Some(worst) = worst.filter(|_| more > 0) {
        let text = format!("and {more} more");
        diagnostics.push(Diagnostic::error(None, text).as_severity(worst));
    }
}
