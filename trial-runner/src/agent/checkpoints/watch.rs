//! Notices what a command saves.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use super::manifest::RelativePath;
use crate::agent::process::is_written_to;

/// A folder that has not changed for so long holds no checkpoint that is being written.
pub(super) const QUIET: Duration = Duration::from_millis(500);
/// A command that saves more often than that is never quiet. After so long with something to commit, a moment will do
/// in which nobody writes.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// Of such a moment: from the last write on. It bridges the gap between two files of one checkpoint.
const MOMENT: Duration = Duration::from_millis(20);
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
        if name.starts_with('.') || Path::new(&name).extension().is_some_and(|extension| extension == "tmp") {
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
    /// Since when there is something to commit.
    news_since: Option<Instant>,
    /// What is committed, or was found impossible to commit.
    settled: Fingerprint,
}

impl Watch {
    /// What the folder holds now needs no commit.
    pub(super) fn new(folder: PathBuf, now: Instant) -> Self {
        let seen = fingerprint(&folder).unwrap_or_default();
        Self { folder, settled: seen.clone(), seen, changed: now, news_since: None }
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
        self.news_since = if self.has_news() { self.news_since.or(Some(now)) } else { None };
    }

    /// It holds something that is not committed.
    pub(super) fn has_news(&self) -> bool {
        !self.seen.is_empty() && self.seen != self.settled
    }

    /// It has not changed for a while.
    pub(super) fn is_quiet(&self, now: Instant) -> bool {
        now.duration_since(self.changed) >= QUIET
    }

    /// What it holds, as of the last look, is whole and may be committed.
    pub(super) fn is_ripe(&self, now: Instant) -> bool {
        let waited = self.news_since.map_or(Duration::ZERO, |since| now.duration_since(since));
        self.has_news() && (self.is_quiet(now) || (waited >= PATIENCE && self.is_calm()))
    }

    /// Nobody is writing: no process below the agent has a file of it open for that, and the last write is a moment
    /// ago.
    pub(super) fn is_calm(&self) -> bool {
        let Ok(now) = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) else { return false };
        let newest = self.seen.iter().map(|(_, stamp)| stamp.modified).max().unwrap_or_default();
        let newest = Duration::new(newest.0.try_into().unwrap_or(0), newest.1.try_into().unwrap_or(0));
        now.saturating_sub(newest) >= MOMENT && !is_written_to(&self.folder)
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
