//! `pvc://claim/path`: a persistent volume claim, wherever the pod has mounted it.

use std::sync::Arc;

use anyhow::{Result, bail};

use super::{Places, Store, file};

/// The folder that the longest matching mount gives.
pub(super) fn open(uri: &str, places: &Places) -> Result<Arc<dyn Store>> {
    let found = places.mounts.iter().filter_map(|(mounted, folder)| {
        let below = uri.strip_prefix(mounted.trim_end_matches('/'))?;
        (below.is_empty() || below.starts_with('/')).then_some((mounted.len(), folder, below))
    });
    let Some((_, folder, below)) = found.max_by_key(|(length, ..)| *length) else {
        if places.mounts.is_empty() {
            bail!(
                "{uri:?}: no volume claim is mounted here; on one machine checkpoints are kept in file:///..."
            );
        }
        let mounted: Vec<_> = places.mounts.keys().map(String::as_str).collect();
        bail!("{uri:?}: this claim is not mounted here; these are: {}", mounted.join(", "));
    };
    Ok(file::within(folder.join(below.trim_matches('/'))))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_claim_is_the_folder_that_it_is_mounted_at() {
        let [outer, inner] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        fs::create_dir_all(inner.path().join("jobs/3")).unwrap();
        fs::write(inner.path().join("jobs/3/state"), "x").unwrap();
        let places = Places {
            mounts: [
                ("pvc://models".to_owned(), outer.path().to_owned()),
                ("pvc://models/deep".to_owned(), inner.path().to_owned()),
            ]
            .into(),
            ..Places::default()
        };
        let read = |uri: &str| open(uri, &places).unwrap().read("3/state").unwrap();
        assert_eq!(read("pvc://models/deep/jobs"), Some(b"x".to_vec()));
        assert_eq!(read("pvc://models/deep/jobs/"), Some(b"x".to_vec()));
        assert_eq!(read("pvc://models/deeper/jobs"), None, "which is below the other claim");
        let problem = open("pvc://modelsets/x", &places).err().unwrap().to_string();
        assert!(problem.contains("these are: pvc://models, pvc://models/deep"), "{problem}");
        let problem = open("pvc://models/x", &Places::default()).err().unwrap().to_string();
        assert!(problem.contains("no volume claim is mounted here"), "{problem}");
    }
}
