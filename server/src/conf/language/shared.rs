//! What all files of one configuration share while they are read.

use std::io;
use std::path::{Path, PathBuf};

use crate::conf::report::Diagnostic;
use crate::conf::source::Sources;

/// What lies around a configuration file.
pub trait Surroundings {
    /// The bytes of a file.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    fn file(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// A variable of the environment.
    fn variable(&self, name: &str) -> Option<String>;
}

/// What all files of one configuration share.
pub(crate) struct Shared<'s> {
    pub(crate) surroundings: &'s dyn Surroundings,
    pub(crate) sources: Sources,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Variables of the environment whose text is being read.
    pub(crate) open_variables: Vec<String>,
    /// Files that are being read, the outermost first.
    pub(crate) open_files: Vec<PathBuf>,
    /// The open brackets around the cursor, in all open files.
    pub(crate) depth: u32,
}

impl<'s> Shared<'s> {
    pub(crate) fn new(surroundings: &'s dyn Surroundings) -> Self {
        Self {
            surroundings,
            sources: Sources::default(),
            diagnostics: Vec::new(),
            open_variables: Vec::new(),
            open_files: Vec::new(),
            depth: 0,
        }
    }
}
