//! What there is to say about a job that runs, as text.

use temper_advisor::TrialIndex;

use crate::{
    plan::{Asked, JobState, Millis, Objective, Outcome, Phase, Trial},
    plot::brief,
};

/// A job at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    /// Trials that are over.
    pub(super) finished: u32,
    /// Trials there may be.
    pub(super) max: Option<u32>,
    /// What goes on, in a few words.
    pub(super) headline: String,
    /// The best, and the trials that run.
    pub(super) lines: Vec<String>,
}

impl Picture {
    /// With at most so many trials.
    pub(super) fn of(state: &JobState, now: Millis, trials: usize) -> Self {
        let counts = state.counts();
        let mut headline = String::new();
        if let Some(left) = time_left(state, now).filter(|_| state.outcome().is_none()) {
            headline.push_str(&format!(", about {} left", duration(left)));
        }
        for (count, what) in
            [(counts.running, "running"), (counts.paused, "paused"), (counts.failed, "failed")]
        {
            if count > 0 {
                headline.push_str(&format!("  {count} {what}"));
            }
        }
        let best = state.best().map(|best| format!("best   {}", described(state, best)));
        let running: Vec<TrialIndex> = state.running().collect();
        let shown =
            running.iter().take(trials).map(|&trial| format!("trial {trial:<4} {}", progress(state, trial)));
        let hidden = running.len().saturating_sub(trials);
        let rest = (hidden > 0).then(|| format!("and {hidden} more"));
        let lines = best.into_iter().chain(shown).chain(rest).collect();
        Self { finished: counts.finished(), max: state.rules().budget.max_trials, headline, lines }
    }
}

/// The whole job in a line.
pub(super) fn standing(state: &JobState, now: Millis) -> String {
    let picture = Picture::of(state, now, 0);
    let of = picture.max.map_or_else(String::new, |max| format!(" of {max}"));
    let best = state.best().map_or_else(String::new, |best| format!("; best {}", result(state, best)));
    let elapsed = duration(state.active_millis(now));
    format!("{}{of} trials done in {elapsed}{}{best}", picture.finished, picture.headline)
}

/// A trial whose attempt has just ended.
pub(super) fn ended(state: &JobState, index: TrialIndex) -> String {
    let Some(trial) = state.trial(index) else { return String::new() };
    let counts = state.counts();
    let of = state.rules().budget.max_trials.map_or_else(String::new, |max| format!("/{max}"));
    let metrics = result(state, index);
    let colon = if metrics.is_empty() { "" } else { ": " };
    let best = match state.best() {
        Some(best) if best == index && counts.finished() > 1 => " (the best so far)".to_owned(),
        _ => String::new(),
    };
    let why = failure(state, index).unwrap_or_else(|| {
        format!("trial {index} {}{colon}{metrics}{best}", state_name(trial).to_lowercase())
    });
    format!("[{}{of}] {why}", counts.finished())
}

/// Whether the end of an attempt is worth a line: it is not where the trial just goes on.
pub(super) fn says_something(state: &JobState, index: TrialIndex) -> bool {
    state.trial(index).is_some_and(|trial| trial.outcome().is_some() || trial.message.is_some())
}

/// What went wrong with a trial, if something did.
pub(super) fn failure(state: &JobState, index: TrialIndex) -> Option<String> {
    let trial = state.trial(index)?;
    match &trial.phase {
        Phase::Finished(Outcome::Failed { message, .. }) => Some(format!("trial {index} failed: {message}")),
        Phase::Pending { .. } => {
            trial.message.as_ref().map(|message| format!("trial {index} is tried again: {message}"))
        }
        _ => None,
    }
}

/// As the tables have it.
pub(super) fn state_name(trial: &Trial) -> &'static str {
    match trial.phase {
        Phase::Pending { .. } => "Pending",
        Phase::Running { .. } => "Running",
        Phase::Paused => "Paused",
        Phase::Finished(Outcome::Completed) => "Completed",
        Phase::Finished(Outcome::Stopped(_)) => "Stopped",
        Phase::Finished(Outcome::Failed { .. }) => "Failed",
    }
}

/// `accuracy=0.931 by trial 7 (rate=0.01 hidden=64)`
fn described(state: &JobState, index: TrialIndex) -> String {
    format!("{}  trial {index}  {}", result(state, index), parameters(state, index))
}

/// The objectives of a trial, as it reported them.
pub(super) fn result(state: &JobState, index: TrialIndex) -> String {
    let Some(losses) = state.trial(index).and_then(|trial| trial.losses.as_ref()) else {
        return String::new();
    };
    let value = |(objective, loss): (&Objective, &f64)| {
        format!("{}={}", objective.metric, brief(objective.value(*loss)))
    };
    state.rules().objectives.iter().zip(losses).map(value).collect::<Vec<_>>().join(" ")
}

/// A trial's configuration.
pub(super) fn parameters(state: &JobState, index: TrialIndex) -> String {
    let Some(trial) = state.advisor().history().get(index) else { return String::new() };
    let named = |(name, value): (&temper_advisor::ParamName, &temper_advisor::space::Value)| {
        let value = match value {
            temper_advisor::space::Value::Float(value) => brief(*value),
            other => other.to_string(),
        };
        format!("{name}={value}")
    };
    trial.configuration.0.iter().map(named).collect::<Vec<_>>().join(" ")
}

fn progress(state: &JobState, index: TrialIndex) -> String {
    let Some(trial) = state.trial(index) else { return String::new() };
    let end = match trial.phase {
        Phase::Running { asked: Some(Asked::Stop(_)) } => "  stopping",
        Phase::Running { asked: Some(Asked::Pause) } => "  pausing",
        _ => "",
    };
    let Some(reached) = trial.reached else { return format!("no report yet{end}") };
    let to = trial.run_to.map_or_else(String::new, |to| format!("/{to}"));
    let metrics: Vec<_> =
        trial.metrics.iter().map(|(name, value)| format!("{name}={}", brief(*value))).collect();
    format!("{reached}{to}  {}{end}", metrics.join(" "))
}

/// In milliseconds: as long as the trials so far took on average, or until the time is up.
fn time_left(state: &JobState, now: Millis) -> Option<u64> {
    let budget = &state.rules().budget;
    let (finished, active) = (u64::from(state.counts().finished()), state.active_millis(now));
    let by_trials = budget.max_trials.and_then(|max| {
        let left = u64::from(max).saturating_sub(finished);
        (active * left).checked_div(finished)
    });
    let by_time = budget.max_duration.map(|limit| (limit.as_millis() as u64).saturating_sub(active));
    // When no time is left others may still be at work, for nobody knows how long.
    by_trials.into_iter().chain(by_time).min().filter(|&left| left > 0)
}

/// `4s`, `3m 20s`, `2h 5m`.
pub(super) fn duration(millis: u64) -> String {
    let seconds = millis.div_ceil(1_000);
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds}s"),
        (hours, minutes, _) => format!("{hours}h {minutes}m"),
    }
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
