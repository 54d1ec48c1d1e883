//! What a committed checkpoint consists of.

use std::{
    fs::File,
    io::{self, Read},
    path::{Component, Path},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The manifest's name beside the checkpoint's files.
pub(super) const MANIFEST: &str = "manifest.json";
/// The only version there is.
pub(super) const VERSION: u32 = 1;

/// Put last: a checkpoint that has one is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::agent) struct Manifest {
    pub(super) version: u32,
    pub(super) trial: u32,
    pub(super) attempt: u32,
    /// The last resource reported before it was taken; 0 before the first report.
    pub(in crate::agent) resource: u64,
    /// The command counts its resource from 0.
    #[serde(default)]
    pub(in crate::agent) from_zero: bool,
    pub(super) files: Vec<Entry>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) path: RelativePath,
    /// In bytes.
    pub(super) size: u64,
    /// In hexadecimal.
    pub(super) sha256: String,
}

/// A path that stays below the folder it is relative to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RelativePath(String);

impl RelativePath {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RelativePath {
    type Error = String;
    fn try_from(path: String) -> Result<Self, String> {
        let stays = !path.is_empty()
            && Path::new(&path).components().all(|part| matches!(part, Component::Normal(_)));
        if stays { Ok(Self(path)) } else { Err(format!("{path:?} is no path below the checkpoint")) }
    }
}

/// Size and SHA-256 of a file.
pub(super) fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut chunk = vec![0; 1 << 18];
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            let mut sha256 = String::with_capacity(64);
            for byte in hash.finalize() {
                sha256.extend(
                    [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])),
                );
            }
            return Ok((size, sha256));
        }
        size += length as u64;
        hash.update(&chunk[..length]);
    }
}
