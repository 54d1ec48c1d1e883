//! What came of a job: for a person, and for a program.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;
use temper_advisor::TrialIndex;

use super::{RunEnd, picture, trials::attempt_dir};
use crate::{
    plan::{FinishReason, JobState, Millis, Outcome, Phase},
    view::{self, CountsView, ReportView, TrialView},
};

/// Trials named for each kind of failure.
const EXAMPLES: usize = 5;

/// What came of a job.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Its name.
    pub job: String,
    /// Where it stands.
    pub state: Standing,
    /// Why it is over, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<FinishReason>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How many trials stand where.
    pub counts: CountsView,
    /// How many there may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_trials: Option<u32>,
    /// The trial with the best result by the first objective.
    pub best: Option<TrialView>,
    /// What went wrong with those that failed.
    pub failures: Vec<Failures>,
    /// Milliseconds it has run.
    pub active_millis: u64,
    /// The store's folder.
    pub store: String,
    #[serde(skip)]
    result: String,
}

/// Where a job stands when a run of it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Standing {
    /// It did what was asked.
    Complete,
    /// It could not.
    Failed,
    /// The user interrupted it.
    Interrupted,
    /// The manifest says that it is suspended.
    Suspended,
}

/// Trials that failed for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    /// For programs.
    pub reason: String,
    /// What the last of them says.
    pub message: String,
    /// Which trials.
    pub trials: Vec<u32>,
    /// What the last of them wrote, where that may say more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

impl Summary {
    /// `store` as the user would name it; `reports` those of the best trial.
    pub fn of(
        name: &str,
        state: &JobState,
        end: RunEnd,
        now: Millis,
        store: &Path,
        reports: Vec<ReportView>,
    ) -> Self {
        let outcome = state.outcome();
        let standing = match (outcome, end) {
            (Some(outcome), _) if outcome.succeeded => Standing::Complete,
            (Some(_), _) => Standing::Failed,
            (None, RunEnd::Suspended) => Standing::Suspended,
            (None, _) => Standing::Interrupted,
        };
        Self {
            job: name.to_owned(),
            state: standing,
            reason: outcome.map(|outcome| outcome.reason),
            message: outcome.map(|outcome| outcome.message.clone()),
            counts: view::counts_view(state.counts()),
            max_trials: state.rules().budget.max_trials,
            best: state.best().map(|best| view::trial_view(state, best, reports)),
            failures: failures(state, store),
            active_millis: state.active_millis(now),
            store: store.display().to_string(),
            result: state.best().map(|best| picture::result(state, best)).unwrap_or_default(),
        }
    }

    /// For a person.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        let elapsed = picture::duration(self.active_millis);
        line(match (self.state, &self.message) {
            (Standing::Complete, Some(message)) => {
                format!("{} is complete after {elapsed}: {message}", self.job)
            }
            (Standing::Failed, Some(message)) => {
                format!("{} has failed after {elapsed}: {message}", self.job)
            }
            (Standing::Suspended, _) => format!("{} is suspended (spec.suspend)", self.job),
            _ => format!("{} was interrupted after {elapsed}", self.job),
        });
        line(format!("trials: {}", self.counted()));
        if let Some(best) = &self.best {
            line(format!("\nbest: trial {}  {}", best.index, self.result));
            let width = best.parameters.0.keys().map(|name| name.as_str().len()).max().unwrap_or(0);
            for (name, value) in &best.parameters.0 {
                line(format!("  {:width$}  {value}", name.as_str()));
            }
            if let Some(checkpoint) = &best.checkpoint {
                line(format!("  checkpoint: {checkpoint}"));
            }
        }
        if !self.failures.is_empty() {
            line("\nfailed:".to_owned());
        }
        for Failures { reason, message, trials, log } in &self.failures {
            let named: Vec<_> = trials.iter().take(EXAMPLES).map(u32::to_string).collect();
            let more = if trials.len() > EXAMPLES { ", ..." } else { "" };
            let plural = if trials.len() == 1 { "trial" } else { "trials" };
            let message = message.trim_end().replace('\n', "\n    ");
            let see = log.as_ref().map_or_else(String::new, |log| format!("\n    see {log}"));
            line(format!("  {reason}: {plural} {}{more}: {message}{see}", named.join(", ")));
        }
        text.push_str(&self.commands());
        text
    }

    fn counted(&self) -> String {
        let CountsView { created, pending, running, paused, completed, stopped, failed } = self.counts;
        let of = self.max_trials.map_or_else(String::new, |max| format!(" of {max}"));
        let mut counted = format!("{created}{of} created");
        for (count, what) in [
            (completed, "completed"),
            (stopped, "stopped early"),
            (failed, "failed"),
            (paused, "paused"),
            (pending + running, "to be continued"),
        ] {
            if count > 0 {
                // Writing to a string does not fail.
                let _ = write!(counted, ", {count} {what}");
            }
        }
        counted
    }

    fn commands(&self) -> String {
        if self.counts.created == 0 {
            return String::new();
        }
        let store = shell_word(&self.store);
        format!(
            "\nto look further:\n  temper best --store {store}\n  temper trials --store {store}\n  temper plot --store {store}\n"
        )
    }
}

/// By reason, the most frequent first.
fn failures(state: &JobState, store: &Path) -> Vec<Failures> {
    let mut by_reason: BTreeMap<&str, (Failures, PathBuf)> = BTreeMap::new();
    for (index, trial) in state.trials().iter().enumerate() {
        let Phase::Finished(Outcome::Failed { reason, message }) = &trial.phase else { continue };
        let index = TrialIndex(index as u32);
        let (failures, dir) = by_reason.entry(reason).or_insert_with(|| {
            let failures =
                Failures { reason: reason.clone(), message: String::new(), trials: Vec::new(), log: None };
            (failures, PathBuf::new())
        });
        failures.trials.push(index.0);
        failures.message.clone_from(message);
        *dir = attempt_dir(store, index, trial.attempts);
    }
    let with_log = |(failures, dir): (Failures, PathBuf)| {
        let log = log_of(&failures.reason, &dir).map(|log| log.display().to_string());
        Failures { log, ..failures }
    };
    let mut failures: Vec<Failures> = by_reason.into_values().map(with_log).collect();
    failures.sort_by_key(|failures| std::cmp::Reverse(failures.trials.len()));
    failures
}

/// The log of an attempt that says most of why it failed: stderr, but where something was missed in what it printed. One
/// that is empty says nothing, and a command that did not start has none.
fn log_of(reason: &str, attempt: &Path) -> Option<PathBuf> {
    let mut names = ["stderr.log", "stdout.log"];
    if reason == "NoMetric" {
        names.reverse();
    }
    let has_something = |log: &PathBuf| fs::metadata(log).is_ok_and(|metadata| metadata.len() > 0);
    names.map(|name| attempt.join(name)).into_iter().find(has_something)
}

/// As a shell reads it as one word.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+@%:,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_logs_that_is_named_which_is_there_and_says_more() {
        let dir = tempfile::tempdir().unwrap();
        let named = |reason: &str| {
            log_of(reason, dir.path()).map(|log| log.file_name().unwrap().to_str().unwrap().to_owned())
        };
        assert_eq!(named("CannotStart"), None);
        fs::write(dir.path().join("stderr.log"), "").unwrap();
        assert_eq!(named("Diverged"), None);
        fs::write(dir.path().join("stdout.log"), "loss nan").unwrap();
        assert_eq!(named("Diverged").as_deref(), Some("stdout.log"));
        fs::write(dir.path().join("stderr.log"), "warning").unwrap();
        assert_eq!(named("ExitCode").as_deref(), Some("stderr.log"));
        assert_eq!(named("NoMetric").as_deref(), Some("stdout.log"));
    }

    #[test]
    fn a_shell_reads_back_what_was_written() {
        for text in ["plain/path-1.2", "with space", "it's", "$HOME; rm", ""] {
            let script = format!("printf %s {}", shell_word(text));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }
}
