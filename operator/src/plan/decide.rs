//! The one place where a job is decided.

use temper_advisor::TrialIndex;

use super::{
    event::{Action, Event, FinishReason, JobOutcome, Millis, StopReason},
    state::JobState,
    trial::{Asked, Phase},
};
use crate::spans;

/// Everything that is to be done now, in order, already taken into the state. Record it, then carry it out.
///
/// Deterministic: it depends on the recorded events, the rules and `now` alone.
pub fn plan(state: &mut JobState, now: Millis) -> Vec<Action> {
    plan_for(state, now, state.rules.budget.parallelism)
}

/// As [`plan`], with so many places for live trials whatever the budget's parallelism: for an executor that is told by
/// somebody else when a place is free.
pub fn plan_for(state: &mut JobState, now: Millis, places: u32) -> Vec<Action> {
    let mut actions = Vec::new();
    while let Some(action) = next_action(state, now, places) {
        let event = Event::Decided(action);
        state.apply(now, &event);
        if let Event::Decided(action) = event {
            actions.push(action);
        }
    }
    actions
}

/// Whether a job that its budget ended would not be over with the budget it has now.
pub fn may_reopen(state: &mut JobState, now: Millis) -> bool {
    let by_budget = state.outcome.as_ref().is_some_and(|outcome| match outcome.reason {
        FinishReason::TargetReached | FinishReason::SearchSpaceExhausted => false,
        FinishReason::MaxTrialsReached
        | FinishReason::MaxDurationReached
        | FinishReason::TooManyFailedTrials
        | FinishReason::NoTrialSucceeded => true,
    });
    by_budget && finish(state, now).is_none()
}

fn next_action(state: &mut JobState, now: Millis, places: u32) -> Option<Action> {
    if state.outcome.is_some() {
        return wind_up(state);
    }
    if let Some(outcome) = finish(state, now) {
        return Some(Action::Finish(outcome));
    }
    if let Some(&trial) = state.to_ask.first() {
        return Some(match state.trials[trial.at()].verdict {
            Some(Asked::Stop(reason)) => Action::Stop { trial, reason },
            _ => Action::Pause { trial },
        });
    }
    if state.suspended {
        return unasked(state).map(|trial| Action::Pause { trial });
    }
    // After parallelism was lowered more trials may be live than places are left.
    let has_place = state.counts.running < places;
    if let Some(trial) = state.next_pending(now).filter(|_| has_place) {
        return Some(Action::Start { trial, attempt: state.trials[trial.at()].attempts + 1 });
    }
    // Finding the space exhausted may be what ends the job.
    compact(state).or_else(|| occupy(state, places)).or_else(|| finish(state, now).map(Action::Finish))
}

/// A finished job lets nothing run on, wait or stand at a rung.
fn wind_up(state: &JobState) -> Option<Action> {
    let trial = unasked(state)
        .or_else(|| state.pending.first().copied())
        .or_else(|| state.paused.first().copied())?;
    Some(Action::Stop { trial, reason: StopReason::JobFinished })
}

fn unasked(state: &JobState) -> Option<TrialIndex> {
    state
        .running
        .iter()
        .copied()
        .find(|trial| matches!(state.trials[trial.at()].phase, Phase::Running { asked: None }))
}

/// Gives a free place to the paused trial that should go on, else to a new one.
fn occupy(state: &mut JobState, places: u32) -> Option<Action> {
    if state.counts.live() >= places {
        return None;
    }
    if let Some(promotion) = state.advisor.promotion() {
        return Some(Action::Promote { trial: promotion.trial, run_to: promotion.run_to });
    }
    if state.exhausted || !may_create(state) {
        return None;
    }
    let trial = TrialIndex(state.counts.created);
    let goal = state.advisor.goal(trial)?;
    let suggestion = tracing::info_span!(target: spans::TARGET, "suggest", temper.trial.index = trial.0);
    let Some(parameters) = suggestion.in_scope(|| state.advisor.propose(trial)) else {
        state.exhausted = true;
        // A scheduler that waited for more trials now knows that none will come.
        return state
            .advisor
            .promotion()
            .map(|promotion| Action::Promote { trial: promotion.trial, run_to: promotion.run_to });
    };
    Some(Action::Create { trial, parameters, run_to: goal.run_to, bracket: goal.bracket })
}

fn may_create(state: &JobState) -> bool {
    state.rules.budget.max_trials.is_none_or(|limit| state.counts.created < limit)
}

/// Whether the job is over, and why.
fn finish(state: &mut JobState, now: Millis) -> Option<JobOutcome> {
    let counts = state.counts;
    let objective = &state.rules.objectives[0];
    let outcome = |succeeded, reason, message| Some(JobOutcome { succeeded, reason, message });
    if let Some(trial) = state.target_reached_by {
        return outcome(true, FinishReason::TargetReached, format!("trial {trial} reached the target"));
    }
    if state.too_many_failed() {
        let last = last_failure(state);
        let message = match state.rules.budget.max_failed_trials {
            Some(limit) => {
                format!("{} trials failed, more than maxFailedTrials ({limit}) allows{last}", counts.failed)
            }
            None => format!("the first {} trials all failed{last}", counts.failed),
        };
        return outcome(false, FinishReason::TooManyFailedTrials, message);
    }
    let (reason, message) = if state
        .rules
        .budget
        .max_duration
        .is_some_and(|limit| u128::from(state.active_millis(now)) >= limit.as_millis())
    {
        (FinishReason::MaxDurationReached, "the time of the budget (maxDuration) is used up".to_owned())
    } else if counts.live() > 0 || state.advisor.promotion().is_some() {
        return None;
    } else if !may_create(state) {
        (FinishReason::MaxTrialsReached, format!("all {} trials have ended", counts.created))
    } else if state.exhausted {
        (FinishReason::SearchSpaceExhausted, format!("all {} configurations have been tried", counts.created))
    } else {
        return None;
    };
    if state.best().is_none() && counts.created > 0 {
        let message =
            format!("{message}, and not one trial reported {}{}", objective.metric, last_failure(state));
        return outcome(false, FinishReason::NoTrialSucceeded, message);
    }
    outcome(true, reason, message)
}

fn last_failure(state: &JobState) -> String {
    state
        .kept
        .iter()
        .rev()
        .find_map(|trial| Some((trial, state.trials[trial.at()].message.as_ref()?)))
        .map_or_else(String::new, |(trial, message)| {
            format!("; the last failure, of trial {trial}: {message}")
        })
}

/// Beyond `retention` by a tenth, at least ten, the oldest finished trials are no longer kept in full, but for the best:
/// with several objectives those of the front, which are kept besides.
fn compact(state: &JobState) -> Option<Action> {
    let keep = state.rules.retention? as usize;
    let kept = state.kept.len().saturating_sub(state.front.kept());
    if kept < keep + (keep / 10).max(10) {
        return None;
    }
    let best = state.best();
    let is_spared = |trial: TrialIndex| Some(trial) == best || state.front.contains(trial);
    let trials: Vec<_> =
        state.kept.iter().copied().filter(|&trial| !is_spared(trial)).take(kept - keep).collect();
    (!trials.is_empty()).then_some(Action::Compact { trials })
}
