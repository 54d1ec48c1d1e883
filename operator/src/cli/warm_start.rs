//! What a job on this machine learns from earlier ones, whose stores lie beside its own.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use temper_advisor::{advisor::Advisor, suggest::did_you_mean};
use temper_crds::{job::Job, validation};

use super::{
    Failure,
    store::{HOME, listed, stores_in},
};
use crate::{
    local::{
        self,
        store::{FILE, Reader, Store, StoreError},
    },
    plan::{Event, JobState, Millis},
    warm_start::{self, Earlier, Learned},
};

/// Where earlier jobs are looked for.
#[derive(Clone, Copy)]
pub(super) struct Kept<'a> {
    folder: &'a Path,
    /// Whether of a job that was both run and simulated the simulation is meant.
    is_simulated: bool,
}

impl Kept<'_> {
    /// A simulated job learns from simulated ones, where there are such.
    pub(super) fn simulated(self) -> Self {
        Self { is_simulated: true, ..self }
    }
}

/// In the folder in which this store is.
pub(super) fn beside(store: &Path) -> Kept<'_> {
    let folder = store.parent().filter(|folder| !folder.as_os_str().is_empty());
    Kept { folder: folder.unwrap_or(Path::new(".")), is_simulated: false }
}

/// Where stores are when nothing else is said.
pub(super) fn at_home() -> Kept<'static> {
    Kept { folder: Path::new(HOME), is_simulated: false }
}

/// What the job learns from the jobs that it names; `None` when it names none.
///
/// # Errors
/// Every one of them that is not there, not over, or of no use.
pub(super) fn learn(job: &Job, kept: Kept<'_>) -> Result<Option<Learned>, Failure> {
    try_to_learn(job, kept).map_err(|wrong| {
        Failure::wrong_input(anyhow!("{}", wrong.join("\n"))).hint(
            "a job learns from finished jobs whose stores lie beside its own: run them to their end first, or name \
             others",
        )
    })
}

/// The same; what keeps it from that is told in words.
pub(super) fn try_to_learn(job: &Job, kept: Kept<'_>) -> Result<Option<Learned>, Vec<String>> {
    if job.warm_start_from.is_empty() {
        return Ok(None);
    }
    let (mut earlier, mut wrong) = (Vec::new(), Vec::new());
    for name in &job.warm_start_from {
        match read(name, kept) {
            Ok((theirs, state)) => earlier.push((name, theirs, state)),
            Err(problem) => wrong.push(problem),
        }
    }
    let advisor = Advisor::new(job.settings.clone())
        .map_err(|invalid| invalid.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let earlier: Vec<Earlier<'_>> =
        earlier.iter().map(|(name, job, state)| Earlier { name, job, state }).collect();
    let learned = warm_start::learn(job, &advisor, &earlier, warm_start::MOST);
    match learned {
        Ok(learned) if wrong.is_empty() => return Ok(Some(learned)),
        Ok(_) => {}
        Err(unfit) => wrong.extend(unfit.iter().map(ToString::to_string)),
    }
    Err(wrong.into_iter().map(|problem| format!("spec.warmStartFrom: {problem}")).collect())
}

/// Makes what was learned a part of the job: on the disk, so that whoever resumes it searches on as it would have.
pub(super) fn record(
    learned: Learned,
    state: &mut JobState,
    at: Millis,
    store: &mut Store,
) -> Result<(), StoreError> {
    let event = Event::Observed(learned.into());
    state.apply(at, &event);
    store.append(&[(at, event)])
}

/// The job of this name, and what became of it; or what is wrong with that.
fn read(name: &str, kept: Kept<'_>) -> Result<(Job, JobState), String> {
    let path = find(name, kept)?;
    let told = |problem: String| format!("{name}, in {}: {problem}", path.display());
    let reader = Reader::open(&path).map_err(|error| told(error.to_string()))?;
    let job = validation::parse_job(&reader.meta().manifest).map_err(|errors| {
        told(format!("its manifest is not one that this temper takes\n{}", errors.render("it")))
    })?;
    let state = JobState::of(&job).map_err(|invalid| told(format!("{invalid:?}")))?;
    let remembered =
        local::remember(state, |take| reader.replay(take)).map_err(|error| told(error.to_string()))?;
    Ok((job, remembered.state))
}

/// The store called so, else the one whose job is: a run that began anew leaves several of one job.
fn find(name: &str, Kept { folder, is_simulated }: Kept<'_>) -> Result<PathBuf, String> {
    let called = |name: &str| Some(folder.join(name)).filter(|path| path.join(FILE).is_file());
    let simulated = is_simulated.then(|| called(&format!("{name}-simulated"))).flatten();
    if let Some(path) = simulated.or_else(|| called(name)) {
        return Ok(path);
    }
    let stores: Vec<(PathBuf, String)> = stores_in(folder)
        .into_iter()
        .filter_map(|path| {
            let job = job_of(&path)?;
            Some((path, job))
        })
        .collect();
    let mut of_job: Vec<PathBuf> =
        stores.iter().filter(|(_, job)| job == name).map(|(path, _)| path.clone()).collect();
    match (of_job.pop(), of_job.as_slice()) {
        (Some(path), []) => Ok(path),
        (Some(last), _) => {
            of_job.push(last);
            Err(format!("several stores are of {name}, and none is called so: {}", listed(&of_job)))
        }
        (None, _) => {
            let folders = stores.iter().filter_map(|(path, _)| path.file_name()?.to_str());
            let near = did_you_mean(name, stores.iter().map(|(_, job)| job.as_str()).chain(folders));
            Err(format!("there is no job {name} in {}{near}", folder.display()))
        }
    }
}

/// Name of the job that a store holds, where it can be read.
fn job_of(store: &Path) -> Option<String> {
    let reader = Reader::open(store).ok()?;
    Some(validation::parse_job(&reader.meta().manifest).ok()?.name)
}
