//! A test of a configuration file, for programs that want to read what it found.
//!
//! In: a file. Out: what `-t` would say of it, in parts; and whether the server would take it.

use std::ffi::OsString;
use std::path::Path;

use crate::conf::{Diagnostic, Severity, Sources};

use crate::program::check::check as look_around;
use crate::program::flags;
use crate::program::setup;

/// What a test of a configuration file has found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// In the order in which they are said.
    pub findings: Vec<Finding>,
    /// SHA-256 of the file and all it includes, in hexadecimal digits; none where it has an error.
    pub digest: Option<String>,
    /// Whether `-t` ends with 0.
    pub is_valid: bool,
}

/// One thing to say.
#[derive(Debug, Clone)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// File, line and column, both from 1; none when it concerns no place in a file.
    pub place: Option<(String, usize, usize)>,
    /// What is wrong, in one line.
    pub text: String,
    /// What to do about it, a line each.
    pub help: Vec<String>,
}

/// Tests `file` as `-t -c` does, on this machine and now; with `is_strict` every warning makes it
/// invalid.
pub fn check(file: &Path, is_strict: bool) -> Checked {
    let loaded = match setup::read(file) {
        Ok(loaded) => loaded,
        Err(error) => {
            let text = format!("open {}: {error}", file.display());
            return conclude(
                vec![Finding::new(&Diagnostic::error(None, text), None)],
                None,
                is_strict,
            );
        }
    };
    let finding = |it: &Diagnostic, sources: &Sources| Finding::new(it, Some(sources));
    let said = loaded.diagnostics.iter();
    let mut findings: Vec<Finding> = said.map(|it| finding(it, &loaded.sources)).collect();
    let words = ["dunlin", "-t", "-c"].map(OsString::from).into_iter();
    let (flags, remarks) = flags::parse(words.chain([file.into()]));
    let mut digest = None;
    if let Ok((plan, _)) = setup::draft(&flags, &remarks)
        && let Some(read) = &plan.file
    {
        let found = look_around(&plan);
        findings.extend(found.iter().map(|it| finding(it, &read.sources)));
        digest = (!plan.is_broken).then(|| read.digest.clone());
    }
    conclude(findings, digest, is_strict)
}

fn conclude(findings: Vec<Finding>, digest: Option<String>, is_strict: bool) -> Checked {
    let harmless = |finding: &Finding| finding.severity > Severity::Warning && !is_strict;
    Checked {
        is_valid: findings.iter().all(harmless),
        findings,
        digest,
    }
}

impl Finding {
    fn new(diagnostic: &Diagnostic, sources: Option<&Sources>) -> Self {
        let place = diagnostic.span.zip(sources).map(|(span, sources)| {
            let (name, place) = (&sources.of(span).name, sources.place(span));
            (name.display().to_string(), place.line, place.column)
        });
        Self {
            severity: diagnostic.severity,
            place,
            text: diagnostic.text.clone(),
            help: diagnostic.help.clone(),
        }
    }
}
