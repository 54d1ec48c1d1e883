//! Putting a checkpoint into its store.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result, bail};

use super::{
    Store,
    manifest::{Entry, MANIFEST, Manifest, VERSION, digest},
    watch::{Fingerprint, fingerprint},
};

/// So many committed checkpoints of a trial are kept, the newest, and the one that is on record: however many are
/// committed while nobody hears of them, that is where whoever follows goes on.
const KEPT: usize = 2;

/// A checkpoint about to be committed.
pub(super) struct Commit {
    pub(super) store: Arc<dyn Store>,
    pub(super) folder: PathBuf,
    /// What the folder must hold, before and after.
    pub(super) content: Fingerprint,
    pub(super) trial: u32,
    pub(super) attempt: u32,
    pub(super) resource: u64,
    pub(super) from_zero: bool,
    /// On record as the one to go on from.
    pub(super) recorded: Option<Known>,
    /// The command is dead: its files may be taken away.
    pub(super) may_move: bool,
}

/// What came of a commit.
pub(super) enum Committed {
    /// It can be resumed from; its key.
    Yes(String),
    /// The command has written to the folder meanwhile: to be tried again when it is quiet.
    Changed,
}

impl Commit {
    /// Commits, then removes what is older than the newest two and not on record.
    ///
    /// # Errors
    /// When the store cannot take it. Nothing that was committed before is touched then.
    pub(super) fn run(&self) -> Result<Committed> {
        let store = self.store.as_ref();
        let known = known(store, self.trial)?;
        let last =
            known.iter().filter(|known| known.attempt == self.attempt).map(|known| known.sequence).max();
        let own = Known { attempt: self.attempt, sequence: last.unwrap_or(0) + 1, resource: self.resource };
        let key = own.key(self.trial);
        match self.put(&key) {
            Ok(true) => {
                // What cannot be removed now is removed with the next.
                let older = known.into_iter().filter(|known| *known < own);
                let _ = prune(store, self.trial, older, self.recorded);
                Ok(Committed::Yes(key))
            }
            Ok(false) => {
                store.remove(&key).with_context(|| format!("removing {key}, which was not committed"))?;
                Ok(Committed::Changed)
            }
            Err(error) => {
                // What was moved is nowhere else: it stays, uncommitted, until a newer one is committed.
                if !self.may_move {
                    let _ = store.remove(&key);
                }
                Err(error)
            }
        }
    }

    fn put(&self, key: &str) -> Result<bool> {
        let mut files = Vec::with_capacity(self.content.len());
        for (path, _) in &self.content {
            if path.as_str() == MANIFEST {
                bail!("a file named {MANIFEST} cannot be part of a checkpoint: the name is Temper's own");
            }
            let file = self.folder.join(path.as_str());
            let Ok((size, sha256)) = digest(&file) else { return Ok(false) };
            files.push(Entry { path: path.clone(), size, sha256 });
        }
        for entry in &files {
            let path = entry.path.as_str();
            let file = self.folder.join(path);
            if let Err(error) = self.store.put(&format!("{key}/{path}"), &file, self.may_move) {
                if !file.exists() {
                    return Ok(false);
                }
                return Err(error).with_context(|| format!("saving {path}"));
            }
        }
        // What was hashed is what was put: had anything been written in between, it would show.
        if !self.may_move && fingerprint(&self.folder)? != self.content {
            return Ok(false);
        }
        let manifest = Manifest {
            version: VERSION,
            trial: self.trial,
            attempt: self.attempt,
            resource: self.resource,
            from_zero: self.from_zero,
            files,
        };
        let text = serde_json::to_vec_pretty(&manifest)?;
        self.store.put_last(&format!("{key}/{MANIFEST}"), &text).context("saving the manifest")?;
        Ok(true)
    }
}

/// The name of a checkpoint, committed or not. Ordered from the oldest to the newest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Known {
    attempt: u32,
    /// Within the attempt, from 1.
    sequence: u64,
    resource: u64,
}

impl Known {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('-');
        let (resource, attempt, sequence) = (parts.next()?, parts.next()?, parts.next()?);
        let known = Self {
            resource: resource.parse().ok()?,
            attempt: attempt.parse().ok()?,
            sequence: sequence.parse().ok()?,
        };
        parts.next().is_none().then_some(known)
    }

    fn key(self, trial: u32) -> String {
        let Self { attempt, sequence, resource } = self;
        format!("{trial}/{resource}-{attempt}-{sequence}")
    }
}

/// The checkpoints of a trial, oldest first.
fn known(store: &dyn Store, trial: u32) -> Result<Vec<Known>> {
    let names = store
        .list(&trial.to_string())
        .with_context(|| format!("listing the checkpoints of trial {trial}"))?;
    let mut known: Vec<_> = names.iter().filter_map(|name| Known::parse(name)).collect();
    known.sort();
    Ok(known)
}

/// Of those that are older than the one just committed, given oldest first, leaves the newest that were committed, and
/// the one on record.
fn prune(
    store: &dyn Store,
    trial: u32,
    older: impl DoubleEndedIterator<Item = Known>,
    recorded: Option<Known>,
) -> Result<()> {
    let mut committed = 1;
    for known in older.rev() {
        let key = known.key(trial);
        if committed < KEPT && store.read(&format!("{key}/{MANIFEST}"))?.is_some() {
            committed += 1;
        } else if Some(known) != recorded {
            store.remove(&key)?;
        }
    }
    Ok(())
}
