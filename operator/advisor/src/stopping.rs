//! Rules that end a trial by its own reports, beside any scheduler.
//!
//! A scheduler compares trials; these look at one alone: it no longer improves ([`EarlyStopping`]), or it has reached
//! what was asked ([`Threshold`]).

#[cfg(test)]
mod tests;

use std::fmt;

use crate::{Invalid, Resource, schedule::Ending};

/// Ends a trial after so many reports in a row without an improvement.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlyStopping {
    metric: String,
    rounds: u32,
    min_delta: f64,
}

impl EarlyStopping {
    /// `metric` is the first objective's; `min_delta`, in its unit, is the least that counts as an improvement.
    ///
    /// # Errors
    /// When `rounds` is 0 (field `rounds`), or `min_delta` is negative or no number (field `minDelta`).
    pub fn new(metric: impl Into<String>, rounds: u32, min_delta: f64) -> Result<Self, Vec<Invalid>> {
        let mut errors = Vec::new();
        if rounds == 0 {
            errors
                .push(Invalid::new("rounds", "0 must be at least 1: so many reports without an improvement"));
        }
        if !(min_delta.is_finite() && min_delta >= 0.0) {
            errors.push(Invalid::new(
                "minDelta",
                format!("{min_delta} must be at least 0: the least that counts as an improvement"),
            ));
        }
        if errors.is_empty() { Ok(Self { metric: metric.into(), rounds, min_delta }) } else { Err(errors) }
    }

    /// Subtracting two decimal numbers is off by their rounding: an improvement of exactly `min_delta` is one.
    fn is_improvement(&self, best: f64, loss: f64) -> bool {
        loss < best && best - loss >= self.min_delta - 4.0 * f64::EPSILON * best.abs()
    }
}

/// How a reported value is compared with a threshold's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// At least.
    AtLeast,
    /// At most.
    AtMost,
    /// More than.
    Above,
    /// Less than.
    Below,
}

impl Comparison {
    fn holds(self, reported: f64, value: f64) -> bool {
        match self {
            Self::AtLeast => reported >= value,
            Self::AtMost => reported <= value,
            Self::Above => reported > value,
            Self::Below => reported < value,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::Below => "<",
        })
    }
}

/// Ends a trial, as complete, once it holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Threshold {
    /// A metric's latest value, in its own unit, compares so with a value.
    Metric {
        /// As the trial reports it.
        name: String,
        /// How its value is compared.
        comparison: Comparison,
        /// With what.
        value: f64,
    },
    /// It has come this far.
    Resource {
        /// What the resource is called: `epoch`.
        name: String,
        /// How far.
        at_least: Resource,
    },
}

impl Threshold {
    fn holds(&self, resource: Resource, metric: &impl Fn(&str) -> Option<f64>) -> bool {
        match self {
            Self::Metric { name, comparison, value } => {
                metric(name).is_some_and(|reported| comparison.holds(reported, *value))
            }
            Self::Resource { at_least, .. } => resource >= *at_least,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metric { name, comparison, value } => write!(f, "{name} {comparison} {value}"),
            Self::Resource { name, at_least } => write!(f, "{name} >= {at_least}"),
        }
    }
}

/// The rules of a job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StopRules {
    /// Ends trials that no longer improve.
    pub early_stopping: Option<EarlyStopping>,
    /// Any of them ends a trial.
    pub stop_when: Vec<Threshold>,
}

/// What the rules remember of one trial.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    furthest: Option<Resource>,
    best: Option<f64>,
    /// Reports since the best.
    since: u32,
}

impl StopRules {
    /// Takes in a trial's report, in order: its first objective's loss, and `metric`, which gives the report's value
    /// of a metric. Why the trial is to end, if it is.
    ///
    /// A report at or below a resource reported before is no news: a trial that is retried repeats its steps.
    pub fn observe(
        &self,
        progress: &mut Progress,
        resource: Resource,
        loss: f64,
        metric: impl Fn(&str) -> Option<f64>,
    ) -> Option<StopReason> {
        if progress.furthest.is_some_and(|furthest| resource <= furthest) {
            return None;
        }
        progress.furthest = Some(resource);
        let threshold = self.stop_when.iter().find(|threshold| threshold.holds(resource, &metric));
        let stale = self.early_stopping.as_ref().filter(|rule| {
            if progress.best.is_none_or(|best| rule.is_improvement(best, loss)) {
                progress.best = Some(loss);
                progress.since = 0;
            } else {
                progress.since = progress.since.saturating_add(1);
            }
            progress.since >= rule.rounds
        });
        threshold
            .map(|threshold| StopReason::Reached(threshold.clone()))
            .or_else(|| stale.map(|rule| StopReason::NoImprovement(rule.clone())))
    }
}

/// Why a trial ends by its own reports; displayed, in words for users.
#[derive(Clone, Debug, PartialEq)]
pub enum StopReason {
    /// It no longer improves.
    NoImprovement(EarlyStopping),
    /// It has reached what was asked.
    Reached(Threshold),
}

impl StopReason {
    /// How the trial ends: what reached its threshold is complete.
    pub fn ending(&self) -> Ending {
        match self {
            Self::NoImprovement(_) => Ending::Stopped,
            Self::Reached(_) => Ending::Completed,
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoImprovement(EarlyStopping { metric, rounds, min_delta }) => {
                f.write_str("no improvement ")?;
                if *min_delta > 0.0 {
                    write!(f, "of {min_delta} ")?;
                }
                write!(f, "in {metric} for {rounds} report{}", if *rounds == 1 { "" } else { "s" })
            }
            Self::Reached(threshold) => write!(f, "reached {threshold}"),
        }
    }
}
