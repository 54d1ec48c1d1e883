//! `temper crds`.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};

use super::{Exit, Failure, Shell};

/// Print the custom resource definitions
///
/// The YAML of TuningJob, Trial and TrialHistory, for kubectl apply. The Helm chart installs the same.
#[derive(clap::Args)]
#[command(after_help = "\
temper crds | kubectl apply --server-side -f -
# One file for each
temper crds --out crds/manifests
# Fail when files are not what this program would write
temper crds --out crds/manifests --check")]
#[allow(clippy::doc_markdown, reason = "the comments are the command's help")]
pub(super) struct Crds {
    /// Folder for the files; it is created where it is missing.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write nothing; fail when a file in --out is missing or differs.
    #[arg(long, requires = "out")]
    check: bool,
}

impl Crds {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        let manifests = temper_crds::manifests::manifests().map_err(anyhow::Error::from)?;
        match self.out {
            None => {
                let mut out = shell.out();
                for (_, yaml) in manifests {
                    write!(out, "---\n{yaml}")?;
                }
                out.flush()?;
                Ok(Exit::Done)
            }
            Some(folder) if self.check => check(&folder, &manifests),
            Some(folder) => {
                write(&folder, &manifests)?;
                shell.note(&format!("{} files written to {}", manifests.len(), folder.display()));
                Ok(Exit::Done)
            }
        }
    }
}

fn write(folder: &Path, manifests: &[(String, String)]) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create the folder {}", folder.display()))?;
    for (name, yaml) in manifests {
        let file = folder.join(name);
        fs::write(&file, yaml).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

fn check(folder: &Path, manifests: &[(String, String)]) -> Result<Exit, Failure> {
    let mut differing = Vec::new();
    for (name, yaml) in manifests {
        let file = folder.join(name);
        match fs::read_to_string(&file) {
            Ok(text) if text == *yaml => {}
            Ok(_) => differing.push(format!("{} differs", file.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                differing.push(format!("{} is missing", file.display()));
            }
            Err(error) => {
                let context = format!("cannot read {}", file.display());
                return Err(anyhow::Error::from(error).context(context).into());
            }
        }
    }
    if differing.is_empty() {
        return Ok(Exit::Done);
    }
    let error = anyhow!("the definitions have drifted:\n  {}", differing.join("\n  "));
    Err(Failure::from(error).hint(format!("write them anew: temper crds --out {}", folder.display())))
}
