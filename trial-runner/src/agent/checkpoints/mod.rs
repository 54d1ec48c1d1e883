//! Checkpoints: what a command saves is committed to a store, and given back to an attempt that resumes.
//!
//! A checkpoint lies at `<prefix>/<trial>/<resource>-<attempt>-<sequence>/`: the files as the command wrote them, and
//! last of all the [`manifest`]. Without a manifest it was never committed, and is not read. No two attempts commit
//! under one name: one that was given up, and does not know it yet, cannot spoil what its successor commits.

mod commit;
mod file;
mod keeper;
mod manifest;
mod mounted;
#[cfg(feature = "stores")]
mod object;
mod restore;
mod watch;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Result, bail};

use super::nearest::did_you_mean;
pub use file::is_committed;
pub(super) use keeper::{Keeper, Mark};
pub(super) use restore::restore;

/// A place that keeps files under keys, such as `3/9-1/model.pt`, below the URI it was opened with.
///
/// To add one: its file, and its line in [`SCHEMES`].
trait Store: Send + Sync {
    /// Keeps a file under the key. `may_move`: the file may be taken away.
    fn put(&self, key: &str, file: &Path, may_move: bool) -> io::Result<()>;
    /// Keeps the content under the key: whole or not at all, and only when everything put before it is sure to stay.
    fn put_last(&self, key: &str, content: &[u8]) -> io::Result<()>;
    /// Copies what is under the key to a file.
    fn get(&self, key: &str, file: &Path) -> io::Result<()>;
    /// What is under the key; `None` when nothing is.
    fn read(&self, key: &str) -> io::Result<Option<Vec<u8>>>;
    /// The names right below a key; none when there is nothing.
    fn list(&self, key: &str) -> io::Result<Vec<String>>;
    /// Removes everything below a key, what was put last first.
    fn remove(&self, key: &str) -> io::Result<()>;
}

/// How this machine reaches the places that URIs name.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// Where it has mounted what `pvc://` URIs name: from `pvc://claim` to a folder.
    pub(super) mounts: BTreeMap<String, PathBuf>,
    /// A folder with one file for each variable that a store needs, beside those of the process.
    #[cfg_attr(not(feature = "stores"), allow(dead_code, reason = "no store here needs any"))]
    pub(super) credentials: Option<PathBuf>,
}

type Open = fn(&str, &Places) -> Result<Arc<dyn Store>>;

/// Every kind of place there is, by the scheme of its URI.
const SCHEMES: &[(&str, Open)] = &[
    ("file", file::open),
    ("pvc", mounted::open),
    #[cfg(feature = "stores")]
    ("s3", object::s3),
    #[cfg(feature = "stores")]
    ("gs", object::gs),
    #[cfg(feature = "stores")]
    ("az", object::az),
];

/// Opens the place that a URI names. Nothing is asked of it yet.
fn open(uri: &str, places: &Places) -> Result<Arc<dyn Store>> {
    let schemes = || SCHEMES.iter().map(|(scheme, _)| *scheme);
    let supported = || schemes().map(|scheme| format!("{scheme}://")).collect::<Vec<_>>().join(", ");
    let Some((scheme, _)) = uri.split_once("://") else {
        bail!("{uri:?} is no URI of a place for checkpoints: it begins with one of {}", supported());
    };
    match SCHEMES.iter().find(|(known, _)| *known == scheme) {
        Some((_, open)) => open(uri, places),
        None => bail!(
            "{uri:?}: this agent knows no {scheme}://{}; it keeps checkpoints in {}",
            did_you_mean(scheme, schemes()),
            supported()
        ),
    }
}

#[cfg(test)]
mod tests;
