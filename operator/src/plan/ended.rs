//! What becomes of a trial when an attempt at it has ended.

use temper_advisor::{TrialIndex, schedule};

use super::{
    event::{Ending, Millis, StopReason},
    state::{JobState, Loss},
    trial::{Asked, Outcome, Phase},
};

/// First wait after a disruption that followed another without a report between them; doubles up to
/// [`LONGEST_BACKOFF`].
const FIRST_BACKOFF: u64 = 1_000;
/// Longest wait after a disruption, in milliseconds: Kubernetes' own bound for a crashing container.
const LONGEST_BACKOFF: u64 = 300_000;

impl JobState {
    pub(super) fn attempt_ended(&mut self, at: Millis, index: TrialIndex, ending: &Ending) {
        let trial = &mut self.trials[index.at()];
        let asked = match trial.phase {
            Phase::Running { asked } => asked,
            _ => None,
        };
        let verdict = trial.verdict.or(asked);
        let stop = match verdict {
            Some(Asked::Stop(reason)) => Some(reason),
            _ => None,
        };
        let next = match ending {
            // It got to its end before the request to stop got to it.
            Ending::Succeeded => match verdict {
                Some(Asked::Pause) if trial.verdict.is_some() => Phase::Paused,
                Some(Asked::Stop(reason)) if !reason.completes() && reason != StopReason::JobFinished => {
                    Phase::Finished(Outcome::Stopped(reason))
                }
                _ => Phase::Finished(Outcome::Completed),
            },
            Ending::Paused if trial.verdict == Some(Asked::Pause) => Phase::Paused,
            Ending::Paused => Phase::Pending { not_before: at },
            Ending::Stopped => match stop {
                Some(reason) if reason.completes() => Phase::Finished(Outcome::Completed),
                reason => Phase::Finished(Outcome::Stopped(reason.unwrap_or(StopReason::JobFinished))),
            },
            // What a command does on being told to end is no failure of the trial, and nor is losing a worker then.
            Ending::Failed { .. } | Ending::Disrupted { .. } if verdict.is_some() => match verdict {
                Some(Asked::Stop(reason)) if reason.completes() => Phase::Finished(Outcome::Completed),
                Some(Asked::Stop(reason)) => Phase::Finished(Outcome::Stopped(reason)),
                _ if trial.verdict == Some(Asked::Pause) => Phase::Paused,
                _ => Phase::Pending { not_before: at },
            },
            Ending::Failed { reason, message, retryable } => {
                trial.failures += 1;
                trial.message = Some(message.clone());
                if *retryable && trial.failures <= self.rules.retries {
                    Phase::Pending { not_before: at }
                } else {
                    Phase::Finished(Outcome::Failed { reason: reason.clone(), message: message.clone() })
                }
            }
            Ending::Disrupted { message } => {
                trial.message = Some(message.clone());
                trial.disruptions += 1;
                let wait = match trial.disruptions {
                    1 => 0,
                    n => FIRST_BACKOFF.saturating_mul(1 << (n - 2).min(20)).min(LONGEST_BACKOFF),
                };
                Phase::Pending { not_before: Millis(at.0 + wait) }
            }
        };
        match next {
            Phase::Finished(outcome) => self.finish(at, index, outcome),
            Phase::Paused => {
                self.trials[index.at()].verdict = None;
                self.set_phase(index, Phase::Paused);
                self.advisor.paused(index);
            }
            other => self.set_phase(index, other),
        }
    }

    pub(super) fn finish(&mut self, at: Millis, index: TrialIndex, outcome: Outcome) {
        let ending = match &outcome {
            Outcome::Completed => schedule::Ending::Completed,
            Outcome::Stopped(_) => schedule::Ending::Stopped,
            Outcome::Failed { .. } => schedule::Ending::Failed,
        };
        let trial = &mut self.trials[index.at()];
        trial.ended = Some(at);
        trial.verdict = None;
        match (ending, &trial.losses) {
            (schedule::Ending::Failed, Some(losses)) => {
                self.ranking.remove(&(Loss(losses[0]), index));
            }
            (_, Some(losses)) => self.front.add(index, losses),
            (_, None) => {}
        }
        self.set_phase(index, Phase::Finished(outcome));
        self.kept.push_back(index);
        self.advisor.ended(index, ending);
    }
}
