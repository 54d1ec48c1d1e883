//! Jobs that are kept on this machine.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, anyhow};
use temper_crds::{job::Job, validation};

use super::{Failure, Shell, run::explain};
use crate::{
    local::store::{FILE, Holder, Reader},
    plan::{JobState, Millis},
    view::{self, JobView, Recalled},
};

/// Where stores are made when nothing else is said.
pub(super) const HOME: &str = ".temper";

/// A store that is open for reading.
pub(super) struct Store {
    reader: Reader,
    job: Job,
    path: PathBuf,
}

fn only_store(home: &Path) -> Result<PathBuf, Failure> {
    let mut stores = stores_in(home);
    match (stores.pop(), stores.as_slice()) {
        (Some(store), []) => Ok(store),
        (None, _) => Err(Failure::wrong_input(anyhow!("there is no job in ./{}", home.display()))
            .hint("temper run job.yaml makes one; --store DIR says where one is kept, a name or -n NAMESPACE that it is on a cluster")),
        (Some(last), _) => {
            stores.push(last);
            Err(Failure::wrong_input(anyhow!("there are {} jobs in ./{}", stores.len(), home.display()))
                .hint(format!("say which: --store {}", listed(&stores))))
        }
    }
}

/// The stores within a folder, by name.
pub(super) fn stores_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut stores: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.join(FILE).is_file()).collect();
    stores.sort();
    stores
}

pub(super) fn listed(stores: &[PathBuf]) -> String {
    stores.iter().map(|store| store.display().to_string()).collect::<Vec<_>>().join(" | ")
}

impl Store {
    /// Opens the one at `path`, or the only one there is.
    pub(super) fn open(path: Option<&Path>, shell: Shell) -> Result<Self, Failure> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => only_store(Path::new(HOME))?,
        };
        shell.detail(&format!("looking at {}", path.display()));
        let reader = Reader::open(&path).map_err(|error| match stores_in(&path).as_slice() {
            [] => explain(error, &path),
            // The folder above was meant.
            inside => Failure::wrong_input(error).hint(format!("there are stores in it: {}", listed(inside))),
        })?;
        let job = validation::parse_job(&reader.meta().manifest)
            .map_err(|errors| anyhow!("{}", errors.render("its manifest")))
            .with_context(|| format!("the job of {} is not one that this temper takes", path.display()))?;
        Ok(Self { reader, job, path })
    }

    /// Where the job of this name would be, if it is there.
    pub(super) fn of_job(name: &str) -> Option<PathBuf> {
        let path = Path::new(HOME).join(name);
        path.join(FILE).is_file().then_some(path)
    }

    /// As the user would name it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether some process runs the job now.
    pub(super) fn is_running(&self) -> Result<bool, Failure> {
        let holder = self.reader.running();
        let holder = holder.with_context(|| format!("cannot see who uses {}", self.path.display()))?;
        Ok(holder != Holder::Nobody)
    }

    /// The job as it stands.
    pub(super) fn view(&self) -> Result<JobView, Failure> {
        let state = JobState::of(&self.job).map_err(|invalid| {
            let lines: Vec<String> = invalid.iter().map(ToString::to_string).collect();
            anyhow!("{}", lines.join("\n"))
        })?;
        let mut recalled = Recalled::new(state);
        let mut last = Millis(0);
        self.reader
            .replay(|at, event| {
                recalled.apply(at, &event);
                last = at;
            })
            .map_err(|error| explain(error, &self.path))?;
        // The time since the last event counts while somebody runs the job.
        let now = if self.is_running()? { now().max(last) } else { last };
        let mut view = recalled.view(&self.job, now);
        // A run that is interrupted suspends the job until another goes on with it.
        if view.state == view::JobState::Suspended && !self.job.suspend {
            view.state = view::JobState::Interrupted;
        }
        Ok(view)
    }
}

pub(super) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(since.as_millis() as u64)
}
