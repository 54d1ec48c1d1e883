//! What became of the trials, as one loss each at one resource.
//!
//! Trials that a scheduler stopped or paused early are not dropped, and their losses are not mistaken for final ones:
//! the loss is modelled at the largest resource that enough trials reached (as BOHB does, Falkner et al. 2018), and
//! that of a trial which has not reached it is carried over by the shift between the two resources seen in the trials
//! that did, with the spread about that shift as extra noise.

use std::collections::BTreeMap;

use crate::{
    Resource,
    history::{History, Trial, TrialState},
};

/// Trials that must have reached a resource before the loss is modelled there.
const ENOUGH: usize = 3;

/// How a trial turned out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    /// A loss at the modelled resource.
    Known(f64),
    /// What the loss at the modelled resource may be, by that at a lower one.
    Expected { loss: f64, from: Resource },
    /// It failed: as bad as can be.
    Failed,
}

impl Outcome {
    /// Known or expected; `None` of a failure.
    pub(super) fn loss(&self) -> Option<f64> {
        match *self {
            Self::Known(loss) | Self::Expected { loss, .. } => Some(loss),
            Self::Failed => None,
        }
    }
}

/// What became of all trials.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcomes {
    /// The resource at which the loss is modelled; `None`: at each trial's own end.
    pub(super) target: Option<Resource>,
    /// By position in the history, rising.
    pub(super) told: Vec<(usize, Outcome)>,
    /// Positions of trials of which nothing is known yet.
    pub(super) pending: Vec<usize>,
    /// For each lower resource, of the trials that went on to the modelled one: expected from there, and actual.
    pub(super) checks: BTreeMap<Resource, Vec<(f64, f64)>>,
}

/// Losses of one trial, in order of resource.
struct Series<'a> {
    trial: &'a Trial,
    losses: Vec<(Resource, f64)>,
}

impl Series<'_> {
    fn reached(&self) -> Option<Resource> {
        self.losses.last().map(|(resource, _)| *resource)
    }

    /// At the last report up to `resource`, if the trial got that far.
    fn at(&self, resource: Resource) -> Option<f64> {
        let reports = self.losses.partition_point(|(at, _)| *at <= resource);
        (self.reached()? >= resource && reports > 0).then(|| self.losses[reports - 1].1)
    }
}

impl Outcomes {
    /// `loss` makes one loss of a report's losses.
    pub(super) fn new(history: &History, loss: impl Fn(&[f64]) -> Option<f64>) -> Self {
        let series: Vec<Series<'_>> = history
            .known()
            .iter()
            .map(|trial| Series {
                trial,
                losses: trial
                    .reports
                    .iter()
                    .filter_map(|report| Some((report.resource, loss(&report.losses)?)))
                    .collect(),
            })
            .collect();
        let target = target(&series);
        let mut outcomes = Self { target, ..Self::default() };
        let mut shifts: BTreeMap<Resource, f64> = BTreeMap::new();
        for (position, one) in series.iter().enumerate() {
            let Some(last) = one.losses.last().filter(|_| one.trial.state != TrialState::Failed) else {
                match one.trial.state {
                    TrialState::Live | TrialState::Paused => outcomes.pending.push(position),
                    _ => outcomes.told.push((position, Outcome::Failed)),
                }
                continue;
            };
            let outcome = match target {
                // Without early endings every trial's own end is what counts.
                None if one.trial.state == TrialState::Live => {
                    outcomes.pending.push(position);
                    continue;
                }
                None => Outcome::Known(last.1),
                Some(target) => match one.at(target) {
                    Some(loss) => Outcome::Known(loss),
                    None if one.trial.state == TrialState::Completed => Outcome::Known(last.1),
                    None => {
                        let shift = *shifts.entry(last.0).or_insert_with(|| {
                            let (shift, checks) = shift(&series, last.0, target);
                            outcomes.checks.insert(last.0, checks);
                            shift
                        });
                        Outcome::Expected { loss: last.1 + shift, from: last.0 }
                    }
                },
            };
            outcomes.told.push((position, outcome));
        }
        outcomes
    }

    /// Losses that are known or expected.
    pub(super) fn losses(&self) -> Vec<f64> {
        self.told.iter().filter_map(|(_, outcome)| outcome.loss()).collect()
    }
}

/// The largest resource that [`ENOUGH`] trials reached, or the largest that as many as there are did; `None` where no
/// trial was ended or paused early.
fn target(series: &[Series<'_>]) -> Option<Resource> {
    if !series.iter().any(|one| matches!(one.trial.state, TrialState::Stopped | TrialState::Paused)) {
        return None;
    }
    let mut reached: Vec<Resource> = series
        .iter()
        .filter(|one| one.trial.state != TrialState::Failed)
        .filter_map(Series::reached)
        .collect();
    reached.sort_unstable();
    reached.get(reached.len().saturating_sub(ENOUGH)).copied()
}

/// The median change of the loss from one resource to another over the trials that have both, and for each of these
/// what is expected and what was. A median: one diverged trial shifts nothing.
fn shift(series: &[Series<'_>], from: Resource, to: Resource) -> (f64, Vec<(f64, f64)>) {
    let both: Vec<(f64, f64)> = series.iter().filter_map(|one| Some((one.at(from)?, one.at(to)?))).collect();
    let mut changes: Vec<f64> = both.iter().map(|(before, after)| after - before).collect();
    changes.sort_by(f64::total_cmp);
    let shift = match changes.len() {
        0 => 0.0,
        n if n % 2 == 1 => changes[n / 2],
        n => changes[n / 2 - 1] / 2.0 + changes[n / 2] / 2.0,
    };
    (shift, both.into_iter().map(|(before, after)| (before + shift, after)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{history::Report, space::Configuration};

    /// A trial with these losses at these resources.
    fn push(history: &mut History, state: TrialState, reports: &[(u64, f64)]) {
        let reports = reports
            .iter()
            .map(|(at, loss)| Report { resource: Resource::new(*at).unwrap(), losses: vec![*loss] })
            .collect();
        history.push(Trial { configuration: Configuration::default(), point: vec![], state, reports });
    }

    fn outcomes(history: &History) -> Outcomes {
        Outcomes::new(history, |losses| losses.first().copied())
    }

    #[test]
    fn without_early_endings_each_trials_own_end_counts() {
        let mut history = History::default();
        push(&mut history, TrialState::Completed, &[(1, 3.0), (5, 1.0)]);
        push(&mut history, TrialState::Completed, &[(1, 3.0), (20, 0.5)]);
        push(&mut history, TrialState::Live, &[(1, 3.0)]);
        push(&mut history, TrialState::Failed, &[(1, 3.0)]);
        let found = outcomes(&history);
        assert_eq!(found.target, None);
        assert_eq!(found.told, [(0, Outcome::Known(1.0)), (1, Outcome::Known(0.5)), (3, Outcome::Failed)]);
        assert_eq!(found.pending, [2]);
    }

    #[test]
    fn the_loss_is_modelled_where_three_trials_have_been() {
        let mut history = History::default();
        push(&mut history, TrialState::Completed, &[(1, 5.0), (3, 4.0), (9, 3.0)]);
        push(&mut history, TrialState::Paused, &[(1, 6.0), (3, 5.0)]);
        push(&mut history, TrialState::Live, &[(1, 7.0), (3, 6.0)]);
        push(&mut history, TrialState::Stopped, &[(1, 9.0)]);
        push(&mut history, TrialState::Live, &[]);
        let found = outcomes(&history);
        assert_eq!(found.target, Resource::new(3));
        let expected = Outcome::Expected { loss: 8.0, from: Resource::ONE };
        assert_eq!(
            found.told,
            [(0, Outcome::Known(4.0)), (1, Outcome::Known(5.0)), (2, Outcome::Known(6.0)), (3, expected)]
        );
        assert_eq!(found.pending, [4]);
        assert_eq!(found.checks[&Resource::ONE], [(4.0, 4.0), (5.0, 5.0), (6.0, 6.0)]);
    }

    #[test]
    fn one_diverged_trial_shifts_nothing() {
        let mut history = History::default();
        for last in [1e30_f64, 0.5, 0.6, 0.7] {
            push(&mut history, TrialState::Completed, &[(1, 1.0 + last.min(0.8)), (9, last)]);
        }
        push(&mut history, TrialState::Stopped, &[(1, 2.5)]);
        assert!(
            matches!(outcomes(&history).told[4].1, Outcome::Expected { loss, .. } if (loss - 1.5).abs() < 1e-12)
        );
    }
}
