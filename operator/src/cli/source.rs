//! Manifests as commands are given them: a file, or stdin.

use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use temper_crds::{job::Job, validation};

use super::{Failure, Shell};

/// A YAML file, or `-` for stdin.
#[derive(Clone, Debug)]
pub(super) struct Manifest(PathBuf);

impl From<PathBuf> for Manifest {
    fn from(path: PathBuf) -> Self {
        Self(path)
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_stdin() { f.write_str("stdin") } else { self.0.display().fmt(f) }
    }
}

impl Manifest {
    fn is_stdin(&self) -> bool {
        self.0 == Path::new("-")
    }

    /// Its text.
    pub(super) fn read(&self) -> Result<String, Failure> {
        let mut text = String::new();
        let read = if self.is_stdin() {
            io::stdin().read_to_string(&mut text).map(drop)
        } else {
            fs::read_to_string(&self.0).map(|whole| text = whole)
        };
        read.with_context(|| format!("cannot read {self}")).map_err(Failure::wrong_input)?;
        Ok(text)
    }

    /// The job in it; what deserves a warning is said.
    pub(super) fn job(&self, shell: Shell) -> Result<Job, Failure> {
        let job = validation::parse_job(&self.read()?).map_err(|errors| {
            Failure::wrong_input(anyhow!("the job is not valid\n{}", errors.render(&self.to_string())))
        })?;
        for warning in &job.warnings {
            shell.warn(&format!("{self}:{warning}"));
        }
        Ok(job)
    }
}
