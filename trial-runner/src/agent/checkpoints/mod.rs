//! Checkpoints: what a command saves is committed to a store, and given back to an attempt that resumes.
//!
//! A checkpoint lies at `<prefix>/<trial>/<resource>-<sequence>/`: the files as the command wrote them, and last of
//! all the [`manifest`]. Without a manifest it was never committed, and is not read.

mod commit;
mod file;
mod keeper;
mod manifest;
mod restore;
mod watch;

use std::{io, path::Path, sync::Arc};

use anyhow::{Result, bail};

use super::nearest::did_you_mean;
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

type Open = fn(&str) -> Result<Arc<dyn Store>>;

/// Every kind of place there is, by the scheme of its URI.
const SCHEMES: [(&str, Open); 1] = [("file", file::open)];

/// Opens the place that a URI names.
fn open(uri: &str) -> Result<Arc<dyn Store>> {
    let supported = || SCHEMES.map(|(scheme, _)| format!("{scheme}://")).join(", ");
    let Some((scheme, _)) = uri.split_once("://") else {
        bail!("{uri:?} is no URI of a place for checkpoints: it begins with one of {}", supported());
    };
    match SCHEMES.iter().find(|(known, _)| *known == scheme) {
        Some((_, open)) => open(uri),
        None => bail!(
            "{uri:?}: this agent knows no {scheme}://{}; it keeps checkpoints in {}",
            did_you_mean(scheme, SCHEMES.map(|(known, _)| known)),
            supported()
        ),
    }
}

#[cfg(test)]
mod tests;
