//! Giving a committed checkpoint to an attempt.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use super::{
    Places,
    manifest::{MANIFEST, Manifest, VERSION, digest},
    open,
};

/// Fills a folder with a committed checkpoint, every file of it checked against the manifest.
///
/// # Errors
/// When it is not there, was never committed, or is not what was committed.
pub(in crate::agent) fn restore(uri: &str, places: &Places, folder: &Path) -> Result<Manifest> {
    fill(uri, places, folder).with_context(|| format!("the checkpoint {uri} is refused"))
}

fn fill(uri: &str, places: &Places, folder: &Path) -> Result<Manifest> {
    let store = open(uri, places)?;
    let Some(text) = store.read(MANIFEST).with_context(|| format!("reading its {MANIFEST}"))? else {
        bail!("it has no {MANIFEST}: it was never committed, or was removed in favour of newer ones");
    };
    let manifest: Manifest =
        serde_json::from_slice(&text).with_context(|| format!("its {MANIFEST} is not one of Temper's"))?;
    if manifest.version != VERSION {
        bail!(
            "its {MANIFEST} is of version {}, and this agent knows version {VERSION} only",
            manifest.version
        );
    }
    for entry in &manifest.files {
        let path = entry.path.as_str();
        let file = folder.join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        store.get(path, &file).with_context(|| format!("{path} cannot be read"))?;
        let (size, sha256) = digest(&file).with_context(|| format!("{path} cannot be read"))?;
        if size != entry.size {
            bail!("{path} has {size} bytes where the {MANIFEST} says {}", entry.size);
        }
        if sha256 != entry.sha256 {
            bail!("{path} has the SHA-256 {sha256} where the {MANIFEST} says {}", entry.sha256);
        }
    }
    Ok(manifest)
}
