//! `TensorBoard`: scalars in the event files below a folder.

mod event;
mod record;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
};

use crate::agent::process::is_written_by_others;

use super::{FolderFormat, Format, Found, Reader, Reading, Settings, follow::Follow};
use record::Records;

pub(super) const FORMAT: Format = Format {
    name: "TensorBoard",
    open: |settings| Ok(Reader::Folder(Box::new(TensorBoard::new(settings)))),
    shape: |metric| format!("event files with a scalar {metric}"),
};

/// Part of the name of every event file.
const MARK: &str = "tfevents";
/// What writers nest is two or three deep: run, then train or validation.
const DEEPEST: usize = 8;

/// The step of a scalar is the trial's resource.
///
/// A scalar is known by its tag. Those of a folder below (Keras writes `train/` and `validation/`) are known by
/// `folder/tag` when the job asks for that name, by their tag otherwise.
struct TensorBoard {
    objectives: Vec<String>,
    files: HashMap<PathBuf, EventFile>,
    /// For each objective known by its tag alone, the folders it was found in.
    found_in: BTreeMap<String, BTreeSet<PathBuf>>,
    /// What was there before the trial is not its own.
    first: bool,
}

struct EventFile {
    follow: Follow,
    /// `None` when the file turned out to be damaged, or another trial's.
    records: Option<Records>,
}

impl EventFile {
    /// What is there at `first` is not the trial's own, nor what comes up later while somebody else writes to it: trials
    /// that run side by side may share a folder.
    fn found(path: PathBuf, first: bool) -> Self {
        let is_own = first || !is_written_by_others(&path);
        let follow = if first { Follow::from_end(path) } else { Follow::from_start(path) };
        Self { follow, records: is_own.then(Records::default) }
    }
}

impl TensorBoard {
    fn new(settings: &Settings) -> Self {
        Self {
            objectives: settings.objectives.to_vec(),
            files: HashMap::new(),
            found_in: BTreeMap::new(),
            first: true,
        }
    }

    fn name(&mut self, tag: String, folder: &Path, found: &mut Found) -> String {
        let nested = folder.join(&tag).to_string_lossy().into_owned();
        if self.objectives.contains(&nested) {
            return nested;
        }
        if self.objectives.contains(&tag) {
            let folders = self.found_in.entry(tag.clone()).or_default();
            if folders.insert(folder.to_owned()) && folders.len() == 2 {
                let names: Vec<_> =
                    folders.iter().map(|folder| folder.join(&tag).display().to_string()).collect();
                found.warn(format!(
                    "{tag} is written in more than one folder, and all of it is taken for the objective: \
                     ask for one of them by its full name, {}",
                    names.join(" or ")
                ));
            }
        }
        tag
    }
}

impl FolderFormat for TensorBoard {
    fn poll(&mut self, root: &Path, found: &mut Found) {
        let mut paths = Vec::new();
        event_files(root, 0, &mut paths);
        paths.sort();
        // Files are read one after the other, but their steps belong together.
        let mut steps: BTreeMap<i64, Vec<(String, f64)>> = BTreeMap::new();
        for path in paths {
            let first = self.first;
            let file =
                self.files.entry(path.clone()).or_insert_with(|| EventFile::found(path.clone(), first));
            let mut events = Vec::new();
            let mut damage = None;
            while let Some(records) = &mut file.records {
                let chunk = file.follow.read();
                if chunk.is_empty() {
                    break;
                }
                if let Err(problem) = records.push(chunk, |record| events.extend(event::scalars(record))) {
                    damage = Some(problem);
                    file.records = None;
                }
            }
            if let Some(problem) = damage {
                found.warn(format!("{}: {problem}; the rest of the file is not read", path.display()));
            }
            let folder =
                path.parent().and_then(|folder| folder.strip_prefix(root).ok()).unwrap_or(Path::new(""));
            for event in events {
                let name = self.name(event.tag, folder, found);
                steps.entry(event.step).or_default().push((name, event.value));
            }
        }
        self.first = false;
        found
            .readings
            .extend(steps.into_iter().map(|(step, values)| Reading { resource: Some(step as f64), values }));
    }
}

fn event_files(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) {
    // A folder that cannot be read has nothing to say; that no metric came is reported in the end.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth < DEEPEST {
            event_files(&entry.path(), depth + 1, paths);
        } else if !kind.is_dir() && entry.file_name().to_string_lossy().contains(MARK) {
            paths.push(entry.path());
        }
    }
}

#[cfg(test)]
mod tests;
