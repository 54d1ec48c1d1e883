//! `temper simulate`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, anyhow};
use temper_crds::job::Job;

use super::{
    Exit, Failure, Shell,
    run::{self, Finished, Format},
    warm_start,
};
use crate::{
    local::{
        RunEnd,
        store::{self, Store, StoreError},
    },
    plan::{Event, JobState, Millis},
    simulate::{
        self, Source,
        synthetic::Synthetic,
        table::{
            Table,
            rows::{read_csv, read_jsonl},
        },
    },
};

/// Events written in one transaction.
const BATCH: usize = 10_000;
/// Errors of a table that are shown.
const SHOWN: usize = 20;
/// Most trials that a job may create.
const MOST_TRIALS: u128 = 1_000_000;

/// Run a job in virtual time, over recorded learning curves or a known function
///
/// Ten thousand trials take seconds. What `temper run` would have kept is in the store, so every other command looks
/// at a simulated job as at a real one.
#[derive(clap::Args)]
#[command(after_help = "\
# How many epochs ASHA saves on curves recorded before
temper simulate job.yaml --curves curves.csv
# How another scheduler would have done on the curves of a job that was run
temper export --reports --out curves.csv && temper simulate other.yaml --curves curves.csv
# How a searcher does on a function whose optimum is known
temper simulate job.yaml --function hartmann6")]
pub(super) struct Simulate {
    /// The job, a YAML file; - reads stdin.
    job: PathBuf,
    /// Recorded learning curves: a CSV file with a header, or .jsonl with an object on each line. A row is one step of
    /// one configuration: its parameters, the resource, the metrics, and `seconds`, which the step took [default 1];
    /// of a job without a scheduler the rows of a configuration are counted. Or what `temper export --reports` wrote.
    #[arg(long, value_name = "FILE", conflicts_with = "function", required_unless_present = "function")]
    curves: Option<PathBuf>,
    /// Each trial nears the value of this function: branin, hartmann3, hartmann6, sixhumpcamel, ackley, levy,
    /// rastrigin, rosenbrock, sphere.
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// Where the job is kept [default: ./.temper/NAME-OF-THE-JOB-simulated].
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Begin anew: what is in the store already is moved aside.
    #[arg(long)]
    fresh: bool,
    /// How the result is printed: text or json.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    output: Format,
}

impl Simulate {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        let (manifest, job) = run::read_job(shell, &self.job.clone().into())?;
        let source = self.source(&job)?;
        check_end(&job, source.as_ref())?;
        let mut state = run::state_of(&job)?;
        let path = self
            .store
            .clone()
            .unwrap_or_else(|| Path::new(".temper").join(format!("{}-simulated", job.name)));
        if self.fresh
            && let Some(aside) = store::set_aside(&path).map_err(|error| run::explain(error, &path))?
        {
            shell.note(&format!("what was in {} is now in {}", path.display(), aside.display()));
        }
        let learned = warm_start::learn(&job, warm_start::beside(&path).simulated())?;
        let (mut store, made) = Store::open(&path, &manifest).map_err(|error| run::explain(error, &path))?;
        if !made {
            return Err(Failure::wrong_input(anyhow!("the store {} holds a job already", path.display()))
                .hint("--fresh moves it aside; --store names another"));
        }
        let begin = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let begin = Millis(begin);
        if let Some(learned) = learned {
            shell.note(&learned.message);
            warm_start::record(learned, &mut state, begin, &mut store)
                .map_err(|error| run::explain(error, &path))?;
        }
        let seconds = record(&mut state, source.as_ref(), begin, &mut store)
            .map_err(|error| run::explain(error, &path))?;
        let at = Millis(begin.0 + (seconds * 1e3) as u64);
        let finished = Finished { end: RunEnd::Finished, state, at };
        run::conclude(shell, self.output, &job, &finished, &store, &path)
    }

    fn source<'a>(&self, job: &'a Job) -> Result<Box<dyn Source + 'a>, Failure> {
        let settings = &job.settings;
        if let Some(name) = &self.function {
            let steps = settings.max_resource();
            let function = Synthetic::new(name, &settings.space, &job.objectives, steps, settings.seed);
            return Ok(Box::new(function.map_err(Failure::wrong_input)?));
        }
        let file = self.curves.as_deref().unwrap_or(Path::new(""));
        let text = fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))
            .map_err(Failure::wrong_input)?;
        let is_jsonl = file.extension().is_some_and(|suffix| suffix == "jsonl" || suffix == "ndjson");
        let rows = if is_jsonl { read_jsonl(&text) } else { read_csv(&text) };
        let table = rows
            .and_then(|rows| Table::new(&rows, &settings.space, job.resource.as_deref(), &job.objectives))
            .map_err(|wrong| Failure::wrong_input(anyhow!("{}", listed(file, &wrong))))?;
        Ok(Box::new(table))
    }
}

/// What is wrong with a table, a line for each.
fn listed(file: &Path, wrong: &[String]) -> String {
    let mut lines: Vec<String> =
        wrong.iter().take(SHOWN).map(|wrong| format!("{}: {wrong}", file.display())).collect();
    if let Some(more) = wrong.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

/// A run without an end is ended by whoever waits for it; virtual time costs nothing, and fills the disk in minutes.
fn check_end(job: &Job, source: &dyn Source) -> Result<(), Failure> {
    let budget = &job.budget;
    let is_finite = job.settings.space.cardinality().is_some_and(|size| size <= MOST_TRIALS);
    if budget.max_trials.is_some() || is_finite {
        return Ok(());
    }
    let problem = if budget.max_duration.is_some() {
        if source.takes_time() {
            return Ok(());
        }
        "budget.maxDuration may never be over: some of the curves take no time"
    } else if job.objectives.iter().any(|objective| objective.target.is_some()) {
        "nothing ends this simulation if the target is never reached"
    } else {
        "nothing ends this simulation"
    };
    Err(Failure::wrong_input(anyhow!("{problem}")).hint(format!(
        "set budget.maxTrials{}",
        if budget.max_duration.is_some() { "" } else { " or budget.maxDuration" }
    )))
}

/// Simulates and writes the journal, a batch of events at a time.
fn record(
    state: &mut JobState,
    source: &dyn Source,
    begin: Millis,
    store: &mut Store,
) -> Result<f64, StoreError> {
    let mut batch: Vec<(Millis, Event)> = Vec::with_capacity(BATCH);
    let seconds = simulate::simulate(state, source, begin, |at, event| {
        batch.push((at, event));
        if batch.len() == BATCH {
            store.append(&batch)?;
            batch.clear();
        }
        Ok(())
    })?;
    store.append(&batch)?;
    Ok(seconds)
}
