//! A job's state from its objects. Pure.

use std::collections::BTreeMap;

use temper_crds::{Trial, TrialHistory, TuningJob};

use super::trial::{self, millis};
use crate::plan::{FinishReason, JobOutcome, Millis, Objective, Recorded, Resumed};

/// What is kept of every trial, by index from 0; `None` where neither an object nor the history has anything of it.
pub(super) fn recorded(
    trials: &[Trial],
    histories: &[TrialHistory],
    objectives: &[Objective],
) -> Vec<Option<Recorded>> {
    let finished = histories
        .iter()
        .flat_map(|history| &history.spec.trials)
        .map(|finished| (finished.index, trial::from_history(finished, objectives)));
    // A trial that is in the history is over, though its object may not be gone yet.
    let mut kept: BTreeMap<u32, Recorded> =
        trials.iter().map(|trial| (trial.spec.index, trial::recorded(trial, objectives))).collect();
    kept.extend(finished);
    let count = kept.last_key_value().map_or(0, |(index, _)| index + 1);
    (0..count).map(|index| kept.remove(&index)).collect()
}

/// What is kept of the job itself, in its status.
pub(super) fn resumed(job: &TuningJob, now: Millis) -> Resumed {
    let Some(status) = &job.status else { return Resumed::default() };
    let holds = |kind: &str| {
        status.conditions.iter().find(|condition| condition.type_ == kind && condition.status == "True")
    };
    let ended = [("Complete", true), ("Failed", false)]
        .into_iter()
        .find_map(|(kind, succeeded)| Some((holds(kind)?, succeeded)));
    let outcome = ended.and_then(|(condition, succeeded)| {
        Some(JobOutcome {
            succeeded,
            reason: finish_reason(&condition.reason)?,
            message: condition.message.clone(),
        })
    });
    let suspended = holds("Suspended").is_some();
    let started = status.start_time.as_ref().map(millis);
    // Without an operator its pods ran on: that time counts.
    let is_active = started.is_some() && !suspended && outcome.is_none();
    Resumed {
        started,
        active_before: status.active_seconds.unwrap_or(0) * 1_000,
        active_since: is_active.then(|| status.active_since.as_ref().map_or(now, millis)),
        suspended,
        outcome,
    }
}

fn finish_reason(name: &str) -> Option<FinishReason> {
    use FinishReason::{
        MaxDurationReached, MaxTrialsReached, NoTrialSucceeded, SearchSpaceExhausted, TargetReached,
        TooManyFailedTrials,
    };
    [
        TargetReached,
        MaxTrialsReached,
        MaxDurationReached,
        SearchSpaceExhausted,
        TooManyFailedTrials,
        NoTrialSucceeded,
    ]
    .into_iter()
    .find(|reason| format!("{reason:?}") == name)
}
