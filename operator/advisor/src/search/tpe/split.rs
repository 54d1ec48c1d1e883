//! Which trials were good.

use std::cmp::{Ordering, Reverse};

use super::fronts;
use crate::{
    Resource,
    history::{History, Standing, TrialState},
};

/// The trials' positions in the history, each list in order of creation.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Split {
    /// The good ones: l(x) is drawn from these.
    pub(super) good: Vec<usize>,
    /// All others, the live ones among them: what runs already need not be run again (a constant liar).
    pub(super) rest: Vec<usize>,
}

/// A trial with a result: smaller is better.
#[derive(Clone, Copy, Debug)]
struct Ranked {
    at: usize,
    class: Class,
    /// The first objective's.
    loss: f64,
}

/// Trials of an earlier class are better than those of a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Completed,
    /// Ended or paused before its end: those that went further first.
    Partial(Reverse<Resource>),
}

impl Ranked {
    fn new(at: usize, standing: Standing) -> Option<Self> {
        let (resource, loss) = standing.furthest?;
        let class = match standing.state {
            TrialState::Live | TrialState::Failed => return None,
            TrialState::Completed => Class::Completed,
            TrialState::Stopped | TrialState::Paused => Class::Partial(Reverse(resource)),
        };
        Some(Self { at, class, loss })
    }

    fn told(self, history: &History) -> fronts::Told<'_> {
        let losses = history.known()[self.at].last().map_or(&[][..], |report| &report.losses);
        fronts::Told { at: self.at, class: self.class, losses }
    }

    fn order(&self, other: &Self) -> Ordering {
        self.class.cmp(&other.class).then(self.loss.total_cmp(&other.loss)).then(self.at.cmp(&other.at))
    }
}

/// The share of finished trials that are good, and the most that are.
pub(super) fn good_among(finished: usize) -> usize {
    (3 * finished).div_ceil(20).min(50)
}

/// Splits the trials by what came of them. With several objectives the better fronts come first, and within the
/// last one that fits in part, the trials that stand apart from the others.
pub(super) fn split(history: &History, objectives: usize) -> Split {
    let wanted = good_among(history.not_live());
    let standings = history.standings().iter().enumerate();
    let mut ranked: Vec<Ranked> = standings.filter_map(|(at, standing)| Ranked::new(at, *standing)).collect();
    let mut good = if objectives == 1 {
        if wanted > 0 && wanted < ranked.len() {
            ranked.select_nth_unstable_by(wanted - 1, Ranked::order);
        }
        ranked.iter().take(wanted).map(|trial| trial.at).collect()
    } else {
        fronts::best(ranked.into_iter().map(|trial| trial.told(history)).collect(), wanted)
    };
    good.sort_unstable();
    let is_good = |at: &usize| good.binary_search(at).is_ok();
    Split { rest: (0..history.known().len()).filter(|at| !is_good(at)).collect(), good }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Resource,
        history::{Report, Trial},
        space::Configuration,
    };

    /// State and reports: resource and losses.
    type Told<'a> = (TrialState, &'a [(u64, &'a [f64])]);

    fn history(trials: &[Told]) -> History {
        let mut history = History::default();
        for (state, reports) in trials {
            let reports = reports.iter().map(|(resource, losses)| Report {
                resource: Resource::new(*resource).unwrap(),
                losses: losses.to_vec(),
            });
            let reports = reports.collect();
            history.push(Trial {
                configuration: Configuration::default(),
                point: vec![],
                state: *state,
                reports,
            });
        }
        history
    }

    #[test]
    fn three_in_twenty_are_good_up_to_50() {
        assert_eq!([0, 1, 6, 7, 20, 21, 333, 9999].map(good_among), [0, 1, 1, 2, 3, 4, 50, 50]);
    }

    #[test]
    fn whoever_went_further_is_better_and_failures_never_are() {
        use TrialState::{Completed, Failed, Live, Paused, Stopped};
        let trials: &[Told] = &[
            (Failed, &[(9, &[0.0])]),
            (Live, &[(8, &[0.0])]),
            (Stopped, &[(1, &[0.1])]),
            (Paused, &[(1, &[0.9]), (3, &[0.8])]),
            (Stopped, &[(3, &[0.7])]),
            (Completed, &[(9, &[5.0])]),
            (Completed, &[]),
        ];
        // More failures make room for more good trials.
        let good_of = |finished: usize| {
            let failures = vec![(Failed, &[] as &[(u64, &[f64])]); finished - 6];
            split(&history(&[trials, &failures].concat()), 1).good
        };
        assert_eq!(good_of(6), [5]);
        assert_eq!(good_of(7), [4, 5]);
        assert_eq!(good_of(20), [3, 4, 5]);
        assert_eq!(good_of(21), [2, 3, 4, 5]);
        assert_eq!(good_of(90), [2, 3, 4, 5]);
        let rest = split(&history(trials), 1).rest;
        assert_eq!(rest, [0, 1, 2, 3, 4, 6]);
    }

    fn completed(losses: &[[f64; 2]]) -> History {
        let reports: Vec<[(u64, &[f64]); 1]> = losses.iter().map(|losses| [(1, losses.as_slice())]).collect();
        let trials: Vec<Told> =
            reports.iter().map(|reports| (TrialState::Completed, reports.as_slice())).collect();
        history(&trials)
    }

    #[test]
    fn with_two_objectives_the_front_is_good() {
        // Three on the front, the others behind it.
        let mut losses = vec![[3.0, 3.0]; 20];
        losses[4] = [0.0, 2.0];
        losses[9] = [2.0, 0.0];
        losses[15] = [1.0, 1.0];
        assert_eq!(split(&completed(&losses), 2).good, [4, 9, 15]);
    }

    #[test]
    fn of_a_front_that_does_not_fit_the_spread_out_are_good() {
        // All on one front; the ends have nobody beyond them, and 0.49 and 0.51 the most room of the others.
        let mut losses: Vec<[f64; 2]> = vec![[9.0, 9.0]; 20];
        for (at, x) in [(3, 0.0), (5, 0.49), (8, 0.5), (13, 0.51), (17, 1.0)] {
            losses[at] = [x, 1.0 - x];
        }
        assert_eq!(split(&completed(&losses), 2).good, [3, 5, 17]);
    }
}
