//! `temper completions`.

use std::io::Write;

use clap_complete::Shell as Language;

use super::{Exit, Failure, Invoked, Shell, command};

/// Print completions for a shell
///
/// The script completes commands, options, their values and file names. Let the shell read it at its start.
#[derive(clap::Args)]
#[command(after_help = "\
temper completions bash > ~/.local/share/bash-completion/completions/temper
# with ~/.zfunc in fpath
temper completions zsh > ~/.zfunc/_temper
temper completions fish > ~/.config/fish/completions/temper.fish")]
pub(super) struct Completions {
    /// Which shell.
    #[arg(value_enum)]
    language: Language,
}

impl Completions {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        // The generator panics where it cannot write, so it writes to memory.
        let mut script = Vec::new();
        clap_complete::generate(self.language, &mut command(Invoked::Temper), "temper", &mut script);
        let mut out = shell.out();
        out.write_all(&script)?;
        out.flush()?;
        Ok(Exit::Done)
    }
}
