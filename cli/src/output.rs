//! Where text goes: results to stdout, everything else to stderr, and that only where a person
//! reads it or asked for it.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use clap::Args;

use crate::failure::Failure;

/// How much is said, and in which form.
#[derive(Debug, Clone, Args)]
pub(crate) struct Style {
    /// Write results as JSON lines, errors too
    #[arg(short = 'j', long = "json", global = true, help_heading = "Output")]
    pub(crate) is_json: bool,

    /// Say what happens on stderr even where that is no terminal
    #[arg(short = 'v', long = "verbose", global = true, help_heading = "Output")]
    is_verbose: bool,
}

impl Style {
    /// Tells a person at the terminal; a pipe hears nothing.
    pub(crate) fn tell(&self, text: impl FnOnce() -> String) {
        if self.is_verbose || (!self.is_json && io::stderr().is_terminal()) {
            eprintln!("{}", text());
        }
    }
}

/// Stdout, written when whoever fills it has nothing more to say for the moment.
pub(crate) struct Output(BufWriter<Stdout>);

impl Output {
    pub(crate) fn new() -> Self {
        Self(BufWriter::with_capacity(BUFFER_SIZE, io::stdout()))
    }

    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.0.write_all(bytes);
        written.map_err(|error| Failure::of_output(&error))
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.0.flush().map_err(|error| Failure::of_output(&error))
    }
}

/// Writes one text and a line end to stdout, at once.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    let mut output = Output::new();
    output.line(text)?;
    output.flush()
}

/// One write for a few hundred small messages. A guess.
const BUFFER_SIZE: usize = 64 * 1024;
