//! What `--data` names.

use std::{fmt, path::PathBuf, str::FromStr};

use anyhow::{Context, Result};

use super::{DataSet, cifar, csv, idx, locate, npy};
use crate::models::parameters::did_you_mean;

/// A data set by name, or files in a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Zalando's 28 x 28 grey images of clothes in 10 classes.
    FashionMnist,
    /// 28 x 28 grey images of digits.
    Mnist,
    /// 32 x 32 colour images in 10 classes.
    Cifar10,
    /// A folder with MNIST's four files.
    Idx(PathBuf),
    /// A table, one sample a line.
    Csv(PathBuf),
    /// A folder with x.npy and y.npy, or one .npz file.
    Npy(PathBuf),
}

const NAMES: [&str; 3] = ["fashion-mnist", "mnist", "cifar10"];
const FORMATS: [&str; 3] = ["idx", "csv", "npy"];

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((format, path)) = text.split_once(':') {
            let path = PathBuf::from(path);
            return match format {
                _ if path.as_os_str().is_empty() => Err(format!("{text} names no file")),
                "idx" => Ok(Self::Idx(path)),
                "csv" => Ok(Self::Csv(path)),
                "npy" => Ok(Self::Npy(path)),
                _ => Err(format!(
                    "no format {format}, only {}{}",
                    FORMATS.join(", "),
                    did_you_mean(format, &FORMATS)
                )),
            };
        }
        match text.to_lowercase().replace(['-', '_'], "").as_str() {
            "fashionmnist" => Ok(Self::FashionMnist),
            "mnist" => Ok(Self::Mnist),
            "cifar10" => Ok(Self::Cifar10),
            _ => Err(format!(
                "no data set {text}, only {}, idx:DIR, csv:FILE and npy:FILE{}",
                NAMES.join(", "),
                did_you_mean(text, &NAMES)
            )),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FashionMnist => f.write_str("fashion-mnist"),
            Self::Mnist => f.write_str("mnist"),
            Self::Cifar10 => f.write_str("cifar10"),
            Self::Idx(path) => write!(f, "idx:{}", path.display()),
            Self::Csv(path) => write!(f, "csv:{}", path.display()),
            Self::Npy(path) => write!(f, "npy:{}", path.display()),
        }
    }
}

impl Source {
    /// Reads it, after finding or downloading it where it is known by name.
    ///
    /// # Errors
    /// When it is nowhere to be had (each place tried is named) or is not what it should be (file and reason).
    pub(crate) fn read(&self) -> Result<DataSet> {
        let read = || match self {
            Self::FashionMnist => idx::read(&locate::find(&locate::FASHION_MNIST)?),
            Self::Mnist => idx::read(&locate::find(&locate::MNIST)?),
            Self::Cifar10 => cifar::read(&locate::find(&locate::CIFAR10)?),
            Self::Idx(folder) => idx::read(folder),
            Self::Csv(file) => csv::read(file),
            Self::Npy(path) => npy::read(path),
        };
        read().with_context(|| format!("data {self}"))
    }
}
