//! `temper run`.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

use anyhow::{Context, anyhow};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use temper_crds::{job::Job, validation};
use temper_runner::agent::protocol::MetricsSource;

use super::{Exit, Failure, Shell, source::Manifest, warm_start};
use crate::{
    local::{
        self, LocalJob, Remembered, RunEnd, RunError,
        live::{self, Progress},
        slots::{self, Inventory, Slots},
        store::{self, Store, StoreError},
        summary::{Standing, Summary},
        workload::Workload,
    },
    plan::{self, Event, JobState, Millis, Observation},
    view::ReportView,
};

/// Run a job on this machine, or go on with it
///
/// Trials run as processes of this machine. Everything is kept in the store: a run that was interrupted, or killed,
/// goes on where it was when the same command is given again. Ctrl-C pauses the trials and ends the run; a second
/// Ctrl-C ends it at once.
#[derive(clap::Args)]
#[command(after_help = "\
# Tune, or go on tuning
temper run job.yaml
# More trials than the manifest says, for a job that is over: raise budget.maxTrials in it and run it again
temper run job.yaml
# In a script
temper run job.yaml --store /data/tuning --progress none -o json")]
pub(super) struct Run {
    /// The job, a YAML file; - reads stdin.
    #[arg(value_name = "FILE")]
    job: PathBuf,
    /// Where the job is kept [default: ./.temper/NAME-OF-THE-JOB].
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Begin anew: what is in the store already is moved aside.
    #[arg(long)]
    fresh: bool,
    /// Run without the GPUs that the job asks for.
    #[arg(long)]
    ignore_gpus: bool,
    /// How progress is shown: auto (live on a terminal, else plain), live, plain, json, none.
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true
    )]
    progress: Progress,
    /// How the result is printed: text or json.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    output: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    #[default]
    Text,
    Json,
}

impl Run {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        let (manifest, mut job) = read_job(shell, &self.source())?;
        let (workload, slots) = self.prepare(shell, &mut job)?;
        let store_path = self.store.clone().unwrap_or_else(|| Path::new(".temper").join(&job.name));
        if self.fresh {
            let aside = store::set_aside(&store_path).map_err(|error| explain(error, &store_path))?;
            if let Some(aside) = aside {
                shell.note(&format!("what was in {} is now in {}", store_path.display(), aside.display()));
            }
        }
        // Before anything is made: a job that cannot learn what it is to learn leaves nothing behind.
        let is_new = !store_path.join(store::FILE).is_file();
        let learned = if is_new { warm_start::learn(&job, warm_start::beside(&store_path))? } else { None };
        let (mut store, made) =
            Store::open(&store_path, &manifest).map_err(|error| explain(error, &store_path))?;
        if !made {
            self.accept_manifest(&mut store, &manifest, &job, &store_path)?;
        }
        let state = state_of(&job)?;
        let mut remembered =
            local::remember(state, |take| store.replay(take)).map_err(|error| explain(error, &store_path))?;
        let has_begun = remembered.state.started().is_some() || remembered.state.learned().is_some();
        if !has_begun {
            // An earlier run may have made the store and not got further.
            let learned = match learned {
                None if !is_new => warm_start::learn(&job, warm_start::beside(&store_path))?,
                learned => learned,
            };
            let state = &mut remembered.state;
            if let Some(learned) = learned {
                warm_start::record(learned, state, super::store::now(), &mut store)
                    .map_err(|error| explain(error, &store_path))?;
            }
        }
        let end = if is_over(&mut remembered) {
            shell.note(
                "this job is over already; here is its result. Raise its budget, or use --fresh, to go on",
            );
            Finished { end: RunEnd::Finished, state: remembered.state, at: remembered.last }
        } else {
            say_what_begins(shell, &job, &remembered.state, &store_path, made);
            self.go(shell, &job, workload, slots, remembered, &mut store)
                .map_err(|error| explain_run(error, &store_path))?
        };
        conclude(shell, self.output, &job, &end, &store, &store_path)
    }

    fn source(&self) -> Manifest {
        self.job.clone().into()
    }

    /// What one trial runs, and how many at once; the job's parallelism becomes what this machine gives.
    fn prepare(&self, shell: Shell, job: &mut Job) -> Result<(Workload, Vec<slots::Slot>), Failure> {
        let mut workload = Workload::read(&job.trial.template).map_err(|wrong| {
            let at = |invalid: temper_advisor::Invalid| {
                let name = &job.trial.template.container().name;
                format!("spec.trial.template, container {name}, {invalid}")
            };
            Failure::wrong_input(anyhow!("{}", wrong.into_iter().map(at).collect::<Vec<_>>().join("\n")))
        })?;
        for ignored in &workload.ignored {
            shell.warn(&format!("not used on this machine: {ignored}"));
        }
        if self.ignore_gpus {
            workload.request.gpus = 0;
        }
        let machine = Inventory::of_this_machine();
        let set = local::variables_set(&workload);
        let Slots { slots, warning } =
            slots::share_out(job.budget.parallelism, workload.request, &machine, &set).map_err(|error| {
                Failure::wrong_input(error)
                    .hint("--ignore-gpus runs the trials without the GPUs they ask for")
            })?;
        if let Some(warning) = warning {
            shell.warn(&warning);
        }
        job.budget.parallelism = slots.len() as u32;
        job.settings.parallelism = job.budget.parallelism;
        Ok((workload, slots))
    }

    /// A store goes on with its own job only; what may change is taken over.
    fn accept_manifest(
        &self,
        store: &mut Store,
        manifest: &str,
        job: &Job,
        path: &Path,
    ) -> Result<(), Failure> {
        if store.meta().manifest == manifest {
            return Ok(());
        }
        let known = validation::parse_job(&store.meta().manifest)
            .context("cannot compare the store's manifest with this one")?;
        let mut differences = known.spec.frozen_differences(&job.spec);
        if known.name != job.name {
            differences.insert(0, "metadata.name".to_owned());
        }
        if !differences.is_empty() {
            return Err(Failure::wrong_input(anyhow!(
                "the store {} holds another job; {} differs from it in\n  {}",
                path.display(),
                self.source(),
                differences.join("\n  ")
            ))
            .hint(
                "of a job that has begun only budget, suspend and retention may change: give another --store, or begin \
                 anew with --fresh, which moves what is there aside",
            ));
        }
        store.set_manifest(manifest).map_err(|error| explain(error, path))
    }

    fn go(
        &self,
        shell: Shell,
        job: &Job,
        workload: Workload,
        slots: Vec<slots::Slot>,
        remembered: Remembered,
        store: &mut Store,
    ) -> Result<Finished, RunError> {
        let checkpoints = job.trial.checkpoints.as_ref().map(|checkpoints| checkpoints.uri.clone());
        let local_job = LocalJob {
            name: job.name.clone(),
            workload,
            metrics: MetricsSource {
                format: job.trial.metrics.format.to_string(),
                file: job.trial.metrics.file.clone(),
                patterns: job.trial.metrics.patterns.clone(),
            },
            resource: job.resource.clone(),
            checkpoints: checkpoints.filter(|uri| {
                let is_here = uri.starts_with("file://");
                if !is_here {
                    shell.warn(&format!(
                        "checkpoints at {uri} are for a cluster: here they are kept in the store"
                    ));
                }
                is_here
            }),
            policies: job.policies.iter().map(ToString::to_string).collect(),
            suspended: job.suspend,
        };
        let mut watcher = live::watcher(self.progress, &remembered.state, remembered.last);
        let interrupted = on_interrupt(shell);
        let ended = local::run(&local_job, remembered, store, slots, interrupted, watcher.as_mut());
        drop(watcher);
        let (end, state, at) = ended?;
        Ok(Finished { end, state, at })
    }
}

/// A job's manifest, as text and as what it says; what deserves a warning is said.
pub(super) fn read_job(shell: Shell, source: &Manifest) -> Result<(String, Job), Failure> {
    let manifest = source.read()?;
    let job = validation::parse_job(&manifest)
        .map_err(|errors| Failure::wrong_input(anyhow!("{}", errors.render(&source.to_string()))))?;
    for warning in &job.warnings {
        shell.warn(&format!("{source}:{warning}"));
    }
    Ok((manifest, job))
}

/// A job to which nothing has happened yet.
pub(super) fn state_of(job: &Job) -> Result<JobState, Failure> {
    JobState::of(job).map_err(|wrong| {
        let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        Failure::wrong_input(anyhow!("{}", lines.join("\n")))
    })
}

/// Prints what came of a job.
pub(super) fn conclude(
    shell: Shell,
    format: Format,
    job: &Job,
    finished: &Finished,
    store: &Store,
    path: &Path,
) -> Result<Exit, Failure> {
    let Finished { end, state, at } = finished;
    let reports = reports_of_best(state, store).map_err(|error| explain(error, path))?;
    let summary = Summary::of(&job.name, state, *end, *at, path, reports);
    let mut out = shell.out();
    match format {
        Format::Text => out.write_all(summary.text().as_bytes())?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &summary).map_err(io::Error::from)?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    drop(out);
    Ok(match summary.state {
        Standing::Complete | Standing::Suspended => Exit::Done,
        Standing::Failed => Exit::Failed,
        Standing::Interrupted => {
            shell.note("the same command goes on from here");
            Exit::Interrupted
        }
    })
}

/// As manifests write it.
/// How a run ended, and with what.
pub(super) struct Finished {
    pub(super) end: RunEnd,
    pub(super) state: JobState,
    pub(super) at: Millis,
}

fn is_over(remembered: &mut Remembered) -> bool {
    let state = &mut remembered.state;
    state.outcome().is_some() && state.running().next().is_none() && !plan::may_reopen(state, remembered.last)
}

fn say_what_begins(shell: Shell, job: &Job, state: &JobState, store: &Path, made: bool) {
    let counts = state.counts();
    if let Some(learned) = state.learned().filter(|_| counts.created == 0) {
        shell.note(learned);
    }
    let max = job.budget.max_trials;
    let (at_once, store) = (job.budget.parallelism, store.display());
    if made {
        let trials = max.map_or_else(|| "trials".to_owned(), |max| format!("{max} trials"));
        shell.note(&format!("tuning {}: {trials}, {at_once} at once, kept in {store}", job.name));
    } else {
        let of = max.map_or_else(String::new, |max| format!(" of {max}"));
        shell.note(&format!(
            "resuming {}: {}{of} done, {at_once} at once, kept in {store}",
            job.name,
            counts.finished()
        ));
    }
}

/// Reports of the best trial, in order of resource.
fn reports_of_best(state: &JobState, store: &Store) -> Result<Vec<ReportView>, StoreError> {
    let mut reports: Vec<ReportView> = Vec::new();
    let Some(best) = state.best() else { return Ok(reports) };
    store.replay(|at, event| {
        if let Event::Observed(Observation::Reported { trial, resource, metrics, .. }) = event
            && trial == best
        {
            let resource = resource.get();
            match reports.last_mut() {
                Some(last) if last.resource > resource => {}
                Some(last) if last.resource == resource => last.metrics.extend(metrics),
                _ => reports.push(ReportView { resource, metrics, at: at.0 }),
            }
        }
    })?;
    Ok(reports)
}

/// Yields once for the first Ctrl-C, SIGTERM or SIGHUP; the second ends this process. Its agents end what they run
/// when they find it gone.
fn on_interrupt(shell: Shell) -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel();
    // Under nohup, or in the background of a script, a signal may be ignored: that is the user's wish.
    let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| !is_ignored(signal));
    match signal_hook::iterator::Signals::new(wanted) {
        Ok(mut signals) => {
            thread::spawn(move || {
                for (nth, _) in signals.forever().enumerate() {
                    if nth == 0 {
                        shell.note("\npausing the trials; once more to end at once");
                        // The run may be over just now.
                        let _ = sender.send(());
                    } else {
                        std::process::exit(Exit::Interrupted.code().into());
                    }
                }
            });
        }
        Err(error) => {
            shell.warn(&format!("Ctrl-C will end the run at once, without pausing its trials: {error}"));
        }
    }
    receiver
}

/// Whether this process was started with the signal ignored (`SigIgn` in proc(5): bit n-1 for signal n, in hexadecimal).
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

/// Errors of the store, with what to do about them.
pub(super) fn explain(error: StoreError, path: &Path) -> Failure {
    match error {
        StoreError::InUse { .. } => {
            Failure::wrong_input(error).hint("wait for it to end, or give this run a --store of its own")
        }
        StoreError::Newer { .. } => Failure::wrong_input(error).hint("use that temper, or another --store"),
        StoreError::NotAStore(_) => Failure::wrong_input(error).hint("give another --store"),
        StoreError::Missing(_) => Failure::wrong_input(error).hint("temper run makes one"),
        StoreError::DiskFull(_) => Failure::from(anyhow::Error::from(error))
            .hint(format!("make space on the disk of {}; the same command then goes on", path.display())),
        StoreError::Corrupt { .. } | StoreError::Database { .. } | StoreError::Io { .. } => {
            anyhow::Error::from(error).into()
        }
    }
}

fn explain_run(error: RunError, path: &Path) -> Failure {
    match error {
        RunError::Store(error) => explain(error, path),
        other => anyhow::Error::from(other).into(),
    }
}
