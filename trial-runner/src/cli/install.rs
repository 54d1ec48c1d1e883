//! `temper-runner install`: puts a copy of this program into a folder.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
};

use anyhow::{Context, Result};
use clap::Args;

use super::Exit;

/// The program that runs, whatever has become of its file.
const SELF: &str = "/proc/self/exe";
const NAME: &str = "temper-runner";

/// Copy this program into a folder
///
/// The copy appears under the name temper-runner, whole and executable by everybody, or not at all. In a pod an init
/// container does this, so that the agent is there for the container that trains, whatever its image.
#[derive(Args)]
pub(super) struct Install {
    /// The folder, made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Install {
    pub(super) fn run(self) -> Result<Exit> {
        let path = self.folder.join(NAME);
        self.copy(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Exit::Done)
    }

    fn copy(&self, path: &std::path::Path) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut unnamed = tempfile::NamedTempFile::new_in(&self.folder)?;
        io::copy(&mut File::open(SELF)?, &mut unnamed)?;
        unnamed.as_file().set_permissions(Permissions::from_mode(0o755))?;
        unnamed.persist(path)?;
        Ok(())
    }
}
