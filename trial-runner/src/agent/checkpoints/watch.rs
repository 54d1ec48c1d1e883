//! Notices what a command saves.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::manifest::RelativePath;

/// A folder that has not changed for so long holds no file that is being written: commands write a checkpoint in
/// one go, and what takes longer is written to a temporary name first.
pub(super) const QUIET: Duration = Duration::from_millis(500);
/// Deeper is no checkpoint but a link's loop or a mistake.
const DEEPEST: usize = 16;

/// The files of a folder and all that tells whether they were written to, sorted by path.
pub(super) type Fingerprint = Vec<(RelativePath, Stamp)>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

/// What may be committed of a folder: plain files (and links to them), but nothing hidden and nothing named `*.tmp`,
/// nor anything below such a folder.
pub(super) fn fingerprint(folder: &Path) -> io::Result<Fingerprint> {
    let mut found = Vec::new();
    walk(folder, "", 0, &mut found)?;
    found.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok(found)
}

fn walk(folder: &Path, prefix: &str, depth: usize, found: &mut Fingerprint) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| {
            io::Error::other(format!("the name of {} is not UTF-8", folder.join(name).display()))
        })?;
        if name.starts_with('.') || name.ends_with(".tmp") {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            if depth < DEEPEST {
                walk(&entry.path(), &format!("{path}/"), depth + 1, found)?;
            }
            continue;
        }
        // A file may go while the folder is read, and a link lead nowhere.
        let Ok(metadata) = fs::metadata(entry.path()) else { continue };
        if metadata.is_file() {
            let stamp = Stamp {
                inode: metadata.ino(),
                size: metadata.size(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
            };
            found.push((RelativePath::try_from(path).map_err(io::Error::other)?, stamp));
        }
    }
    Ok(())
}

/// Watches the folder that a command saves to.
pub(super) struct Watch {
    folder: PathBuf,
    seen: Fingerprint,
    changed: Instant,
    /// What is committed, or was found impossible to commit.
    settled: Fingerprint,
}

impl Watch {
    /// What the folder holds now needs no commit.
    pub(super) fn new(folder: PathBuf, now: Instant) -> Self {
        let seen = fingerprint(&folder).unwrap_or_default();
        Self { folder, settled: seen.clone(), seen, changed: now }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Looks at the folder.
    pub(super) fn look(&mut self, now: Instant) {
        // A folder that cannot be read (a command may remove and remake it) is looked at again later.
        let Ok(found) = fingerprint(&self.folder) else { return };
        if found != self.seen {
            self.seen = found;
            self.changed = now;
        }
    }

    /// It holds something that is not committed.
    pub(super) fn has_news(&self) -> bool {
        !self.seen.is_empty() && self.seen != self.settled
    }

    /// It has not changed for a while.
    pub(super) fn is_quiet(&self, now: Instant) -> bool {
        now.duration_since(self.changed) >= QUIET
    }

    /// What it holds, as of the last look.
    pub(super) fn seen(&self) -> &Fingerprint {
        &self.seen
    }

    /// This needs no commit any more.
    pub(super) fn settle(&mut self, content: Fingerprint) {
        self.settled = content;
    }
}
