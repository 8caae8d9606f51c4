//! `dunlin completions` and `dunlin man`: what shells and `man` want to know, from the same
//! definitions as the help.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::output::Output;

/// Print the completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  dunlin completions bash > /etc/bash_completion.d/dunlin
  dunlin completions zsh > ~/.zfunc/_dunlin
  dunlin completions fish > ~/.config/fish/completions/dunlin.fish")]
pub(crate) struct Completions {
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the man page, or write those of all verbs
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write one page for each verb into this folder
    #[arg(short, long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl Completions {
    pub(crate) fn run(self, mut command: Command) -> Result<(), Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut command, "dunlin", &mut text);
        print(&text)
    }
}

impl Man {
    pub(crate) fn run(self, command: Command) -> Result<(), Failure> {
        if let Some(folder) = &self.dir {
            let failed = |error| Failure::because(folder.display(), error);
            std::fs::create_dir_all(folder).map_err(failed)?;
            return clap_mangen::generate_to(command, folder).map_err(failed);
        }
        let mut text = Vec::new();
        let rendered = clap_mangen::Man::new(command).render(&mut text);
        rendered.map_err(|error| Failure::because("cannot make the page", error))?;
        print(&text)
    }
}

fn print(text: &[u8]) -> Result<(), Failure> {
    let mut output = Output::new();
    output.bytes(text)?;
    output.flush()
}
