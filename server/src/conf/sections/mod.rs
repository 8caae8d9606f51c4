//! The keys of a file, each read into the settings, or answered where it is not obeyed.
//!
//! ```text
//! keys → authorization → permissions      tables of keys, and what reads each
//!      → tls, listeners, limits, watching, top
//! table → field                           a key by its row, a value by its type
//! together                                settings that contradict each other
//! ```

mod authorization;
mod ciphers;
mod field;
mod keys;
mod lag;
mod limits;
mod listeners;
mod permissions;
mod reach;
mod table;
mod tls;
mod together;
mod top;
mod watching;

use super::language::Map;
use super::report::Diagnostic;
use super::settings::Settings;
use super::source::Sources;
use field::Field;
use keys::KNOWN;
use table::{Standing, find};

/// Reads every key of the top of a file.
pub(crate) fn settings(
    map: &Map,
    sources: &Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Settings {
    let mut settings = Settings::default();
    let Some(first) = map.entries().first() else {
        return settings;
    };
    let mut field = Field {
        key: "",
        node: &first.node,
        sources,
        diagnostics,
    };
    for entry in map.entries() {
        match find(KNOWN, &entry.key) {
            Some(known) if field.read_entry(entry, known, &mut settings) => {
                settings.places.insert(known.names[0], entry.node.span);
            }
            Some(_) => {}
            None if entry.is_used => {}
            None => field.unknown(entry, "", KNOWN),
        }
    }
    together::check(&settings, diagnostics);
    settings
}

/// The names of every key that is obeyed, all names of a key together.
pub fn obeyed_keys() -> Vec<&'static [&'static str]> {
    KNOWN
        .iter()
        .filter(|known| matches!(known.standing, Standing::Obeyed(_)))
        .map(|known| known.names)
        .collect()
}
