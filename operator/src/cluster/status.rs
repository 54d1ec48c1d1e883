//! The status of a job, from its state. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use temper_advisor::TrialIndex;
use temper_crds::{
    job::Job,
    tuning_job::{BestTrial, SearchStatus, TrialCounts, TuningJobStatus},
};

use super::{names::JobKey, observe::Trouble, trial::time};
use crate::{
    plan::{Counts, JobState, Millis},
    plot::brief,
    view::pareto_front,
};

/// Most trials of a Pareto front that the status names.
const LONGEST_FRONT: usize = 50;

/// What keeps trials from running, and how many.
pub(super) type Troubles = std::collections::BTreeMap<Trouble, Vec<TrialIndex>>;

/// One condition before it is known since when it holds.
struct Holds {
    kind: &'static str,
    is: bool,
    reason: String,
    message: String,
}

/// Where a job stands; its Pareto front as it was `before`.
#[allow(clippy::too_many_arguments, reason = "all that a status says comes from somewhere else")]
pub(super) fn of(
    key: &JobKey,
    job: &Job,
    state: &JobState,
    troubles: &Troubles,
    generation: Option<i64>,
    before: Option<&TuningJobStatus>,
    is_over: bool,
    now: Millis,
) -> TuningJobStatus {
    let counts = state.counts();
    let outcome = state.outcome();
    let (word, mut conditions) = match outcome {
        Some(outcome) => {
            let (kind, word) =
                if outcome.succeeded { ("Complete", "Complete") } else { ("Failed", "Failed") };
            let reason = format!("{:?}", outcome.reason);
            let ended = Holds { kind, is: true, reason: reason.clone(), message: outcome.message.clone() };
            let message = if is_over { "all trials have ended" } else { "the last trials are being ended" };
            let progressing =
                Holds { kind: "Progressing", is: !is_over, reason, message: message.to_owned() };
            (
                if is_over { word } else { "Running" },
                if is_over { vec![ended, progressing] } else { vec![progressing] },
            )
        }
        None if state.is_suspended() => {
            let message = "spec.suspend is true; set it to false to go on".to_owned();
            let progressing = Holds { kind: "Progressing", is: false, reason: "Suspended".into(), message };
            ("Suspended", vec![progressing])
        }
        None => ("Running", vec![progress(counts, troubles)]),
    };
    conditions.push(accepted(job));
    if let Some(learned) = state.learned() {
        conditions.push(Holds {
            kind: "WarmStarted",
            is: true,
            reason: "Learned".to_owned(),
            message: learned.to_owned(),
        });
    }
    let (suspended, reason) =
        if state.is_suspended() { (true, "Suspended") } else { (false, "NotSuspended") };
    conditions.push(Holds {
        kind: "Suspended",
        is: suspended,
        reason: reason.to_owned(),
        message: String::new(),
    });
    let max = job.budget.max_trials.map_or_else(|| "?".to_owned(), |max| max.to_string());
    let active = state.active();
    TuningJobStatus {
        conditions: since(conditions, before, generation, now),
        observed_generation: generation,
        state: word.to_owned(),
        progress: format!("{}/{max}", counts.finished()),
        trials: counts_of(counts),
        best: state.best().and_then(|trial| named(key, state, trial)),
        pareto_front: before.map(|before| before.pareto_front.clone()).unwrap_or_default(),
        search: Some(search(job, state)),
        start_time: state.started().map(time),
        completion_time: is_over
            .then(|| before.and_then(|before| before.completion_time.clone()).unwrap_or_else(|| time(now))),
        active_seconds: Some(active.0 / 1_000),
        active_since: active.1.map(time),
    }
}

/// A job that has not begun: it waits for something.
pub(super) fn waiting(
    job: &Job,
    reason: &str,
    message: &str,
    generation: Option<i64>,
    before: Option<&TuningJobStatus>,
    now: Millis,
) -> TuningJobStatus {
    let progressing =
        Holds { kind: "Progressing", is: false, reason: reason.to_owned(), message: message.to_owned() };
    TuningJobStatus {
        conditions: since(vec![accepted(job), progressing], before, generation, now),
        observed_generation: generation,
        state: "Pending".to_owned(),
        ..before.cloned().unwrap_or_default()
    }
}

/// A job whose spec is right.
fn accepted(job: &Job) -> Holds {
    Holds {
        kind: "Accepted",
        is: true,
        reason: "Valid".to_owned(),
        message: job.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

/// A job whose spec is wrong, or cannot be served.
pub(super) fn refused(
    reason: &str,
    message: String,
    generation: Option<i64>,
    before: Option<&TuningJobStatus>,
    now: Millis,
) -> TuningJobStatus {
    let accepted = Holds { kind: "Accepted", is: false, reason: reason.to_owned(), message };
    TuningJobStatus {
        conditions: since(vec![accepted], before, generation, now),
        observed_generation: generation,
        state: "Invalid".to_owned(),
        ..before.cloned().unwrap_or_default()
    }
}

fn progress(counts: Counts, troubles: &Troubles) -> Holds {
    let Counts { running, paused, .. } = counts;
    let Some((first, _)) = troubles.first_key_value() else {
        let paused = if paused > 0 { format!(", {paused} paused at a rung") } else { String::new() };
        let message = format!("{running} trials have a pod{paused}");
        return Holds { kind: "Progressing", is: true, reason: "TrialsRunning".into(), message };
    };
    let message: Vec<String> = troubles
        .iter()
        .map(|(trouble, trials)| {
            let which = match trials.as_slice() {
                [only] => format!("trial {only} waits"),
                [first, ..] => format!("{} trials wait (trial {first} and others)", trials.len()),
                [] => "trials wait".to_owned(),
            };
            format!("{which}: {}", trouble.message)
        })
        .collect();
    // Some run all the same: it is not stuck, but somebody should look.
    let is = running as usize > troubles.values().map(Vec::len).sum::<usize>();
    Holds { kind: "Progressing", is, reason: first.reason.clone(), message: message.join("\n") }
}

/// Conditions with the time since when they hold: that of the ones before, where nothing changed.
fn since(
    holds: Vec<Holds>,
    before: Option<&TuningJobStatus>,
    generation: Option<i64>,
    now: Millis,
) -> Vec<Condition> {
    let known = |kind: &str| before?.conditions.iter().find(|condition| condition.type_ == kind);
    let mut conditions: Vec<Condition> = holds
        .into_iter()
        .map(|Holds { kind, is, reason, message }| {
            let status = if is { "True" } else { "False" }.to_owned();
            let since: Time = known(kind)
                .filter(|before| before.status == status)
                .map_or_else(|| time(now), |before| before.last_transition_time.clone());
            Condition {
                type_: kind.to_owned(),
                status,
                reason,
                message: truncated(message),
                last_transition_time: since,
                observed_generation: generation,
            }
        })
        .collect();
    conditions.sort_by(|one, other| one.type_.cmp(&other.type_));
    conditions
}

/// The API's own bound for the message of a condition.
fn truncated(mut message: String) -> String {
    const MOST: usize = 32_000;
    if message.len() > MOST {
        let end = (0..=MOST).rev().find(|&at| message.is_char_boundary(at)).unwrap_or(0);
        message.truncate(end);
    }
    message
}

fn counts_of(counts: Counts) -> TrialCounts {
    let Counts { created, pending, running, paused, completed, stopped, failed } = counts;
    TrialCounts { created, pending, running, paused, completed, stopped, failed }
}

fn named(key: &JobKey, state: &JobState, trial: TrialIndex) -> Option<BestTrial> {
    let known = state.trial(trial)?;
    let objective = &state.rules().objectives[0];
    let loss = known.losses.as_ref()?.first()?;
    Some(BestTrial {
        trial: key.trial(trial),
        index: trial.0,
        objective: brief(objective.value(*loss)),
        parameters: state.advisor().history().get(trial)?.configuration.clone(),
        metrics: known.metrics.clone(),
        checkpoint: known.checkpoint.as_ref().map(|checkpoint| checkpoint.uri.clone()),
    })
}

/// The best trials where there are several objectives.
pub(super) fn front(key: &JobKey, state: &JobState) -> Vec<BestTrial> {
    if state.rules().objectives.len() < 2 {
        return Vec::new();
    }
    let (trials, losses): (Vec<TrialIndex>, Vec<Vec<f64>>) =
        state.ranking().filter_map(|trial| Some((trial, state.trial(trial)?.losses.clone()?))).unzip();
    pareto_front(&losses)
        .into_iter()
        .take(LONGEST_FRONT)
        .filter_map(|at| named(key, state, trials[at]))
        .collect()
}

fn search(job: &Job, state: &JobState) -> SearchStatus {
    let scheduler = &job.settings.scheduler.kind;
    SearchStatus {
        algorithm: state.advisor().algorithm().to_owned(),
        scheduler: (scheduler != temper_advisor::schedule::NONE).then(|| scheduler.clone()),
        reason: state.advisor().explain(),
    }
}
