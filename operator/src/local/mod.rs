//! The local executor: a job on this machine, with `SQLite` as the store and child processes as workers.
//!
//! - [`store`]: the journal; `checkpoints`: how it names what the store keeps
//! - [`slots`], [`workload`]: what each trial may use, and what it runs
//! - `executor`: the loop; `crew`: the agents; `sieve`: which reports are recorded
//! - `lock`, `orphans`: one run at a time, and nothing left of the one before

mod checkpoints;
mod clock;
mod crew;
mod executor;
pub mod live;
mod lock;
mod orphans;
mod picture;
mod sieve;
pub mod slots;
pub mod store;
pub mod summary;
mod trials;
pub mod workload;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::mpsc,
    thread,
};

use temper_runner::agent::protocol::MetricsSource;

pub use executor::{RunEnd, RunError, Watcher};

use self::{
    checkpoints::Own,
    clock::Clock,
    crew::{Crew, Input, Launch},
    executor::Executor,
    slots::Slot,
    store::{Store, StoreError},
    trials::{Place, Trials},
    workload::Workload,
};
use crate::plan::{JobState, Millis};

/// Messages from agents that may wait; an agent that has more to say waits itself, and coalesces its reports.
const MESSAGES_WAITING: usize = 4_096;

/// A job as this machine runs it.
#[derive(Clone, Debug)]
pub struct LocalJob {
    /// Its name.
    pub name: String,
    /// How one trial is run.
    pub workload: Workload,
    /// How trials say what they have measured.
    pub metrics: MetricsSource,
    /// The metric that counts how far a trial is; absent: reports are counted.
    pub resource: Option<String>,
    /// Where the job wants its checkpoints, beside those of others; absent: in the store.
    pub checkpoints: Option<String>,
    /// What trials may do to save time, for `TEMPER_POLICIES`.
    pub policies: Vec<String>,
    /// Whether the manifest says that nothing is to run.
    pub suspended: bool,
}

/// What a store remembers.
pub struct Remembered {
    /// Folded from its events.
    pub state: JobState,
    /// When the last of them was.
    pub last: Millis,
}

/// Folds what `replay` passes on into `state`.
///
/// # Errors
/// Those of `replay`.
pub fn remember(
    mut state: JobState,
    replay: impl FnOnce(&mut dyn FnMut(Millis, crate::plan::Event)) -> Result<(), StoreError>,
) -> Result<Remembered, StoreError> {
    let mut last = Millis(0);
    replay(&mut |at, event| {
        state.apply(at, &event);
        last = at;
    })?;
    Ok(Remembered { state, last })
}

/// Runs a job until it is over, interrupted or suspended; a place for each of `slots`.
///
/// `interrupted` yields once for each time the user asks for an end: at the first the trials are paused, and the
/// second is the caller's.
///
/// # Errors
/// [`RunError`]: the store cannot be written, agents die.
pub fn run(
    job: &LocalJob,
    remembered: Remembered,
    store: &mut Store,
    slots: Vec<Slot>,
    interrupted: mpsc::Receiver<()>,
    watcher: &mut dyn Watcher,
) -> Result<(RunEnd, JobState, Millis), RunError> {
    let dir = store.dir().to_owned();
    let marker = format!("{}@{}", store.meta().uid, dir.display());
    let trials = Trials {
        dir,
        job: job.name.clone(),
        workload: job.workload.clone(),
        metrics: job.metrics.clone(),
        resource: job.resource.clone(),
        checkpoints: match &job.checkpoints {
            // Two jobs may share a place: each has its own folder in it.
            Some(uri) => Place::Shared(format!("{}/{}", uri.trim_end_matches('/'), store.meta().uid)),
            None => Place::Own(Own::of(store.dir())),
        },
        policies: job.policies.join(","),
    };
    // Whatever loses its parent becomes this process's child, where it is found and ended.
    if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
        watcher
            .say(&format!("a trial's detached processes will not be found if its agent is killed: {error}"));
    }
    let alive = orphans::end_those_of(&marker);
    if !alive.is_empty() {
        return Err(RunError::Orphans(alive));
    }
    let (sender, inputs) = mpsc::sync_channel(MESSAGES_WAITING);
    let interruptions = sender.clone();
    thread::spawn(move || {
        for () in interrupted {
            // The loop that would hear of it has ended.
            let _ = interruptions.send(Input::Interrupted);
        }
    });
    let launch = Launch { marker, log: trials.agents_log(), inputs: sender };
    let executor = Executor {
        state: remembered.state,
        store,
        crew: Crew::new(slots, launch),
        trials,
        inputs,
        clock: Clock::after(remembered.last),
        watcher,
        sieves: BTreeMap::new(),
        unsaved: Vec::new(),
        once_saved: Vec::new(),
        interrupted: false,
        deaths: 0,
    };
    executor.run(job.suspended)
}

/// Names of the variables that what a job runs finds in its environment, without those of its slot.
pub fn variables_set(workload: &Workload) -> BTreeSet<String> {
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .chain(workload.variables().map(str::to_owned))
        .collect()
}
