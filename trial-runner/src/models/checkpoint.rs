//! Checkpoints: folders that are complete or not there.
//!
//! ```text
//! CHECKPOINTS/epoch-0003/            after three epochs
//! CHECKPOINTS/epoch-0003-step-00120/ after three epochs and 120 steps of the fourth
//!     model.safetensors              weights and running statistics by name, float32
//!     optimizer.safetensors          the moments, flat
//!     state.json                     everything else
//! CHECKPOINTS/*.tmp/                 being written or removed, or left by a process that was killed: never read
//! ```

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Tensor;

use super::{
    data::{Draw, Normalisation, SampleShape},
    network::{Architecture, Weights},
    optimizer::{Optimizer, Rule},
    schedule::Schedule,
};

/// Raised when an older reader would misread what a newer writer wrote.
const FORMAT: u32 = 1;

/// How far a training is: whole epochs, and steps of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Position {
    pub(crate) epoch: u32,
    pub(crate) step: u32,
}

impl Position {
    fn folder(self) -> String {
        match self.step {
            0 => format!("epoch-{:04}", self.epoch),
            step => format!("epoch-{:04}-step-{step:05}", self.epoch),
        }
    }

    fn parse(folder: &str) -> Option<Self> {
        let numbers = folder.strip_prefix("epoch-")?;
        let (epoch, step) = numbers.split_once("-step-").unwrap_or((numbers, "0"));
        Some(Self { epoch: epoch.parse().ok()?, step: step.parse().ok()? })
    }
}

/// Everything of a training but the tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    pub(crate) format: u32,
    pub(crate) position: Position,
    pub(crate) architecture: Architecture,
    /// What the data was called, and its shape.
    pub(crate) data: String,
    pub(crate) shape: SampleShape,
    pub(crate) classes: i64,
    pub(crate) normalisation: Normalisation,
    /// What the parts were drawn from.
    pub(crate) draw: Draw,
    pub(crate) rule: Rule,
    pub(crate) optimizer_steps: i64,
    pub(crate) schedule: Schedule,
    pub(crate) seed: i64,
    /// Of the steps since the last whole epoch: what the epoch's mean needs.
    pub(crate) loss_sum: f64,
    pub(crate) seconds: f64,
    /// The metric line of each epoch.
    pub(crate) history: Vec<Value>,
    /// The epoch with the highest validation accuracy.
    pub(crate) best_epoch: Option<u32>,
}

/// A folder of checkpoints.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoints {
    folder: PathBuf,
}

/// A committed checkpoint that was read.
pub(crate) struct Saved {
    pub(crate) state: State,
    pub(crate) weights: Vec<(String, Tensor)>,
    pub(crate) moments: Vec<(String, Tensor)>,
}

/// How many of the newest to keep beside the best.
const KEEP: usize = 2;

impl Checkpoints {
    /// Opens the folder for writing, and clears away what a killed process left half written.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        let make = || -> Result<()> {
            fs::create_dir_all(folder)?;
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let stem = name.strip_suffix(".tmp").map(|stem| stem.strip_suffix(".old").unwrap_or(stem));
                if stem.and_then(Position::parse).is_some() {
                    fs::remove_dir_all(&path)?;
                }
            }
            Ok(())
        };
        make().with_context(|| format!("checkpoint folder {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Opens the folder for reading.
    pub(crate) fn open(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Writes a checkpoint under a temporary name, makes it durable, and only then gives it its own.
    pub(crate) fn commit(&self, state: &State, weights: &Weights, optimizer: &Optimizer) -> Result<PathBuf> {
        let folder = self.folder.join(state.position.folder());
        self.write(&folder, state, weights, optimizer)
            .with_context(|| format!("checkpoint {}", folder.display()))?;
        self.prune(state)?;
        Ok(folder)
    }

    fn write(&self, folder: &Path, state: &State, weights: &Weights, optimizer: &Optimizer) -> Result<()> {
        let temporary = folder.with_added_extension("tmp");
        if temporary.exists() {
            fs::remove_dir_all(&temporary)?;
        }
        fs::create_dir(&temporary)?;
        let moments: Vec<(&str, Tensor)> =
            optimizer.moments().map(|(name, moment)| (name, moment.to_device(tch::Device::Cpu))).collect();
        Tensor::write_safetensors(&weights.named(), temporary.join("model.safetensors"))?;
        Tensor::write_safetensors(&moments, temporary.join("optimizer.safetensors"))?;
        fs::write(temporary.join("state.json"), serde_json::to_vec_pretty(state)?)?;
        for file in ["model.safetensors", "optimizer.safetensors", "state.json"] {
            File::open(temporary.join(file))?.sync_all()?;
        }
        File::open(&temporary)?.sync_all()?;
        // The same position again, after a run with other settings in the same folder: the newer one counts.
        if folder.exists() {
            remove(folder)?;
        }
        fs::rename(&temporary, folder)?;
        Ok(File::open(&self.folder)?.sync_all()?)
    }

    /// Removes what is neither among the newest, nor the best, nor newer than `state`.
    fn prune(&self, state: &State) -> Result<()> {
        let older = self.positions()?.into_iter().filter(|position| *position <= state.position);
        for position in older.rev().skip(KEEP) {
            if position.step > 0 || Some(position.epoch) != state.best_epoch {
                let folder = self.folder.join(position.folder());
                remove(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
            }
        }
        Ok(())
    }

    /// The committed checkpoints, oldest first.
    pub(crate) fn positions(&self) -> Result<Vec<Position>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| self.folder.display().to_string()),
        };
        let mut positions = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            positions.extend(name.to_str().and_then(Position::parse));
        }
        positions.sort_unstable();
        Ok(positions)
    }

    /// The newest committed checkpoint, if there is one.
    pub(crate) fn newest(&self) -> Result<Option<Saved>> {
        self.positions()?.last().map(|position| read(&self.folder.join(position.folder()))).transpose()
    }
}

/// Takes the name away before the files, so that what has a checkpoint's name is whole at any moment.
fn remove(folder: &Path) -> Result<()> {
    let going = folder.with_added_extension("old.tmp");
    fs::rename(folder, &going)?;
    Ok(fs::remove_dir_all(going)?)
}

/// Reads the best checkpoint of a folder of checkpoints (the newest where the best is not there), or the one
/// checkpoint that `folder` is.
///
/// # Errors
/// When there is none, or it is damaged.
pub(crate) fn read_best(folder: &Path) -> Result<Saved> {
    if folder.join("state.json").is_file() {
        return read(folder);
    }
    let checkpoints = Checkpoints::open(folder);
    let Some(newest) = checkpoints.newest()? else {
        bail!("{} holds no checkpoint (no folder named epoch-0001 or the like)", folder.display());
    };
    let best = newest.state.best_epoch.map(|epoch| folder.join(Position { epoch, step: 0 }.folder()));
    match best {
        Some(best) if best.is_dir() => read(&best),
        _ => Ok(newest),
    }
}

fn read(folder: &Path) -> Result<Saved> {
    let read = || {
        let state: State =
            serde_json::from_slice(&fs::read(folder.join("state.json"))?).context("state.json")?;
        ensure!(
            state.format == FORMAT,
            "written in format {}; this version reads format {FORMAT}",
            state.format
        );
        Ok(Saved {
            state,
            weights: Tensor::read_safetensors(folder.join("model.safetensors"))?,
            moments: Tensor::read_safetensors(folder.join("optimizer.safetensors"))?,
        })
    };
    read().with_context(|| format!("checkpoint {}", folder.display()))
}

impl State {
    pub(crate) const FORMAT: u32 = FORMAT;
}
