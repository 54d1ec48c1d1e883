//! `file://`: a folder of this machine, or one that is mounted.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Result, bail};

use super::{Places, Store, manifest::MANIFEST};
use crate::agent::file_uri::file_path;

/// The folder that the URI names.
pub(super) fn open(uri: &str, _: &Places) -> Result<Arc<dyn Store>> {
    let Some(folder) = folder(uri) else {
        bail!(
            "{uri:?}: a path on this machine is written in full, with three slashes: file:///data/checkpoints"
        );
    };
    Ok(within(folder))
}

/// Whether a committed checkpoint is where the URI says; `None` where that cannot be told without asking somebody else.
pub fn is_committed(uri: &str) -> Option<bool> {
    folder(uri).map(|folder| folder.join(MANIFEST).is_file())
}

/// Before escapes were read, the path of a URI was taken as it stands: what was committed then is found where it is.
fn folder(uri: &str) -> Option<PathBuf> {
    let (path, as_it_stands) = (file_path(uri)?, Path::new(uri.strip_prefix("file://")?));
    let holds_one = |folder: &Path| folder.join(MANIFEST).is_file();
    if path != as_it_stands && !holds_one(&path) && holds_one(as_it_stands) {
        return Some(as_it_stands.to_owned());
    }
    Some(path)
}

/// Everything below a folder.
pub(super) fn within(folder: PathBuf) -> Arc<dyn Store> {
    Arc::new(Folder(folder))
}

struct Folder(PathBuf);

impl Folder {
    /// Makes the folders above a key, each of which is sure to stay.
    fn place(&self, key: &str) -> io::Result<PathBuf> {
        let path = self.0.join(key);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(path)
    }
}

impl Store for Folder {
    fn put(&self, key: &str, file: &Path, may_move: bool) -> io::Result<()> {
        let path = self.place(key)?;
        // Only what no command writes to any more may be moved; a link would let a later write into the committed.
        if !(may_move && is_plain(file) && fs::rename(file, &path).is_ok()) {
            fs::copy(file, &path)?;
        }
        File::open(path)?.sync_all()
    }

    fn put_last(&self, key: &str, content: &[u8]) -> io::Result<()> {
        let path = self.place(key)?;
        let folder = path.parent().unwrap_or(&self.0);
        let mut unnamed = tempfile::NamedTempFile::new_in(folder)?;
        io::Write::write_all(&mut unnamed, content)?;
        unnamed.as_file().sync_all()?;
        // The names of the files before it come first.
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                sync_folders(&entry.path())?;
            }
        }
        File::open(folder)?.sync_all()?;
        unnamed.persist(&path)?;
        let above = folder.ancestors().take_while(|above| above.starts_with(&self.0));
        for folder in above {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    fn get(&self, key: &str, file: &Path) -> io::Result<()> {
        fs::copy(self.0.join(key), file).map(drop)
    }

    fn read(&self, key: &str) -> io::Result<Option<Vec<u8>>> {
        none_if_missing(fs::read(self.0.join(key)))
    }

    fn list(&self, key: &str) -> io::Result<Vec<String>> {
        let Some(entries) = none_if_missing(fs::read_dir(self.0.join(key)))? else { return Ok(Vec::new()) };
        let names =
            entries.filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose());
        names.collect()
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        let folder = self.0.join(key);
        none_if_missing(fs::remove_file(folder.join(MANIFEST)))?;
        none_if_missing(fs::remove_dir_all(folder)).map(drop)
    }
}

/// Not a link to something elsewhere.
fn is_plain(file: &Path) -> bool {
    fs::symlink_metadata(file).is_ok_and(|metadata| metadata.is_file())
}

fn none_if_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}
