//! `temper man`.

use std::{fs, io::Write, path::PathBuf};

use anyhow::Context;

use super::{Exit, Failure, Invoked, Shell, command};

/// Write the manual pages
///
/// One page for `temper` and one for each command (`temper-trials.1`). Without --out the main page goes to stdout.
#[derive(clap::Args)]
#[command(after_help = "\
# Read the main page
temper man | man -l -
# Install them all
temper man --out /usr/local/share/man/man1")]
pub(super) struct Man {
    /// Folder for the pages; it is created where it is missing.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        let mut whole = command(Invoked::Temper).disable_help_subcommand(true);
        whole.build();
        let Some(folder) = self.out else {
            let mut out = shell.out();
            clap_mangen::Man::new(whole).render(&mut out)?;
            out.flush()?;
            return Ok(Exit::Done);
        };
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        clap_mangen::generate_to(whole, &folder)
            .with_context(|| format!("cannot write the manual pages to {}", folder.display()))?;
        shell.note(&format!("manual pages written to {}", folder.display()));
        Ok(Exit::Done)
    }
}
