//! The median stopping rule (Golovin et al. 2017, "Google Vizier", section 3.2.2).

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Context, Ending, Goal, Scheduler, Verdict, read,
    standing::{Loss, Split},
};
use crate::{Invalid, Resource, TrialIndex, registry::Registration};

/// `MedianStopping`.
pub(super) const REGISTRATION: Registration<super::BuildScheduler> = Registration {
    name: "MedianStopping",
    summary: "Ends a trial whose best is worse than the median of what the others had on average by then: \
              careful, and needs neither a maximum nor checkpoints.",
    options: || schemars::schema_for!(MedianOptions),
    build: |context, options| Ok(Box::new(MedianStopping::new(*context, read(options)?)?)),
};

/// Options of `MedianStopping`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MedianOptions {
    /// How many other trials must have reported at a step before one is judged there, at least 1.
    #[schemars(range(min = 1))]
    pub grace_trials: usize,
    /// The first step at which trials are judged, at least 1; not below `min`.
    #[schemars(range(min = 1))]
    pub start_step: u64,
}

impl Default for MedianOptions {
    /// Katib's `min_trials_required` and `start_step`.
    fn default() -> Self {
        Self { grace_trials: 3, start_step: 4 }
    }
}

/// What a trial that has not ended has reported.
#[derive(Clone, Copy, Debug)]
struct Running {
    best: f64,
    sum: f64,
    reports: u32,
}

struct MedianStopping {
    grace_trials: usize,
    start: u64,
    max: Option<Resource>,
    /// By step: the running averages up to it of all trials that reported there, split at their median.
    averages: BTreeMap<Resource, Split<Loss>>,
    running: BTreeMap<TrialIndex, Running>,
}

impl MedianStopping {
    fn new(context: Context, options: MedianOptions) -> Result<Self, Vec<Invalid>> {
        let at_least_one = |name: &str, zero: bool| {
            zero.then(|| Invalid::new(format!("options.{name}"), "0 must be at least 1"))
        };
        let errors: Vec<Invalid> = [
            at_least_one("graceTrials", options.grace_trials == 0),
            at_least_one("startStep", options.start_step == 0),
            context.max.filter(|max| *max < context.min).map(|max| {
                Invalid::new("max", format!("{max} must not be below min, which is {}", context.min))
            }),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            grace_trials: options.grace_trials,
            start: options.start_step.max(context.min.get()),
            max: context.max,
            averages: BTreeMap::new(),
            running: BTreeMap::new(),
        })
    }
}

impl Scheduler for MedianStopping {
    fn goal(&self, _: TrialIndex) -> Option<Goal> {
        Some(Goal { run_to: self.max, bracket: 0 })
    }

    fn started(&mut self, trial: TrialIndex, _: Goal) {
        self.running.insert(trial, Running { best: f64::INFINITY, sum: 0.0, reports: 0 });
    }

    fn reported(&mut self, trial: TrialIndex, resource: Resource, loss: f64) -> Verdict {
        let Some(running) = self.running.get_mut(&trial) else { return Verdict::Continue };
        running.best = running.best.min(loss);
        running.sum += loss;
        running.reports += 1;
        let others = self.averages.entry(resource).or_insert_with(Split::new);
        let judged = resource.get() >= self.start && self.max.is_none_or(|max| resource < max);
        let stop = judged
            && others.len() >= self.grace_trials
            && median(others).is_some_and(|median| running.best > median);
        // Of an odd number the median is the last of the lower half.
        others.insert(Loss::new(running.sum / f64::from(running.reports)), |count| count.div_ceil(2));
        if stop { Verdict::Stop } else { Verdict::Continue }
    }

    fn ended(&mut self, trial: TrialIndex, _: Ending) {
        self.running.remove(&trial);
    }

    fn rungs(&self) -> Vec<Resource> {
        Vec::new()
    }

    fn explain(&self) -> String {
        format!(
            "A trial ends when, from step {} on, its best is worse than the median of the running averages of at \
             least {} others at the same step.",
            self.start, self.grace_trials
        )
    }
}

fn median(averages: &Split<Loss>) -> Option<f64> {
    let lower = averages.last_low()?.get();
    if averages.len() % 2 == 1 {
        return Some(lower);
    }
    Some(f64::midpoint(lower, averages.first_high()?.get()))
}
