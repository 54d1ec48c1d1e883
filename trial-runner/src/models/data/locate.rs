//! Where a named data set is: a local copy, the cache, Debian's package, else a download into the cache.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::download::{self, Remote};

/// A data set known by name.
pub(crate) struct Named {
    pub(crate) name: &'static str,
    /// Where Debian's package puts it.
    debian: Option<&'static str>,
    /// A file that a folder with the set has, packed or not.
    telltale: &'static [&'static str],
    files: &'static [Remote],
    mirrors: &'static [&'static str],
}

// The checksums are those that the data sets' own pages (MD5) and TensorFlow Datasets (SHA-256) publish.
pub(crate) const FASHION_MNIST: Named = Named {
    name: "fashion-mnist",
    debian: Some("/usr/share/datasets/fashion-mnist"),
    telltale: &["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"],
    files: &[
        Remote {
            file: "train-images-idx3-ubyte.gz",
            sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        },
        Remote {
            file: "train-labels-idx1-ubyte.gz",
            sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        },
        Remote {
            file: "t10k-images-idx3-ubyte.gz",
            sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        },
        Remote {
            file: "t10k-labels-idx1-ubyte.gz",
            sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
    ],
    mirrors: &[
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    ],
};

pub(crate) const MNIST: Named = Named {
    name: "mnist",
    debian: None,
    telltale: FASHION_MNIST.telltale,
    files: &[
        Remote {
            file: "train-images-idx3-ubyte.gz",
            sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        },
        Remote {
            file: "train-labels-idx1-ubyte.gz",
            sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        },
        Remote {
            file: "t10k-images-idx3-ubyte.gz",
            sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        },
        Remote {
            file: "t10k-labels-idx1-ubyte.gz",
            sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    ],
    mirrors: &[
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ],
};

pub(crate) const CIFAR10: Named = Named {
    name: "cifar10",
    debian: None,
    telltale: &["cifar-10-batches-bin/data_batch_1.bin", "data_batch_1.bin", "cifar-10-binary.tar.gz"],
    files: &[Remote {
        file: "cifar-10-binary.tar.gz",
        sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    }],
    mirrors: &[
        "https://www.cs.toronto.edu/~kriz",
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10",
    ],
};

/// The folder that has `set`, which is downloaded if it is nowhere.
///
/// # Errors
/// When no place has it and no mirror gives it: every place and mirror tried, and why not.
pub(crate) fn find(set: &Named) -> Result<PathBuf> {
    let local = env::var_os("TEMPER_DATA").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    find_in(set, local.as_deref(), &cache()?)
}

/// [`find`] with its surroundings made plain: a local copy, and the cache's folder.
fn find_in(set: &Named, local: Option<&Path>, cache: &Path) -> Result<PathBuf> {
    let cached = cache.join(set.name);
    let mut places = Vec::new();
    if let Some(local) = local {
        places.extend([local.join(set.name), local.to_owned()]);
    }
    places.push(cached.clone());
    places.extend(set.debian.map(PathBuf::from));
    let has = |folder: &PathBuf| set.telltale.iter().any(|file| folder.join(file).is_file());
    if let Some(found) = places.iter().find(|folder| has(folder)) {
        return Ok(found.clone());
    }
    eprintln!("downloading {} into {}", set.name, cached.display());
    let downloaded = download::all(set.files, set.mirrors, &cached);
    let Err(problem) = downloaded else { return Ok(cached) };
    let places: Vec<String> = places.iter().map(|place| format!("  not in {}", place.display())).collect();
    bail!(
        "{} is not on this machine and could not be downloaded\n{}\n{problem:#}\n\
         Put a copy of {} in a folder and name it in TEMPER_DATA{}",
        set.name,
        places.join("\n"),
        set.files.iter().map(|remote| remote.file).collect::<Vec<_>>().join(", "),
        if set.debian.is_some() { ", or on Debian: apt-get install dataset-fashion-mnist" } else { "" },
    )
}

/// `$XDG_CACHE_HOME/temper/data`, by default under `~/.cache`.
fn cache() -> Result<PathBuf> {
    let named = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache")));
    Ok(base.context("neither XDG_CACHE_HOME nor HOME is set: no place to keep data")?.join("temper/data"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SET: Named = Named {
        name: "set",
        debian: None,
        telltale: &["part", "part.gz"],
        files: &[Remote { file: "part.gz", sha256: "00" }],
        // The reserved port 0 refuses at once.
        mirrors: &["http://127.0.0.1:0/a", "http://127.0.0.1:0/b"],
    };

    #[test]
    fn a_local_copy_goes_before_the_cache_and_may_be_a_folder_of_folders() {
        let root = tempfile::tempdir().unwrap();
        let (local, cache) = (root.path().join("local"), root.path().join("cache"));
        fs::create_dir_all(cache.join("set")).unwrap();
        fs::write(cache.join("set/part.gz"), "").unwrap();
        assert_eq!(find_in(&SET, Some(&local), &cache).unwrap(), cache.join("set"));
        fs::create_dir_all(local.join("set")).unwrap();
        fs::write(local.join("part"), "").unwrap();
        assert_eq!(find_in(&SET, Some(&local), &cache).unwrap(), local);
        fs::write(local.join("set/part.gz"), "").unwrap();
        assert_eq!(find_in(&SET, Some(&local), &cache).unwrap(), local.join("set"));
    }

    #[test]
    fn a_set_that_is_nowhere_names_every_place_and_mirror() {
        let root = tempfile::tempdir().unwrap();
        let error =
            format!("{:#}", find_in(&SET, Some(&root.path().join("local")), root.path()).unwrap_err());
        for part in ["local/set", "127.0.0.1:0/a/part.gz", "127.0.0.1:0/b/part.gz", "TEMPER_DATA"] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
    }
}
