//! Which trials were good.

use std::cmp::Ordering;

use crate::history::{History, TrialState};

/// The trials' positions in the history, each list in order of creation.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Split {
    /// The good ones: l(x) is drawn from these.
    pub(super) good: Vec<usize>,
    /// All others, the live ones among them: what runs already need not be run again (a constant liar).
    pub(super) rest: Vec<usize>,
}

/// A finished trial to be ranked: smaller is better.
#[derive(Clone, Copy)]
struct Ranked<'a> {
    at: usize,
    class: Class,
    losses: &'a [f64],
}

/// Trials of an earlier class are better than those of a later one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Completed,
    /// Ended or paused before its end: those that went further first.
    Partial(std::cmp::Reverse<u64>),
    Failed,
}

/// The share of finished trials that are good, and the most that are (Optuna's; Bergstra et al. 2011 have 15 %).
pub(super) fn good_among(finished: usize) -> usize {
    finished.div_ceil(10).min(25)
}

/// Trials that are not live.
pub(super) fn finished(history: &History) -> usize {
    history.trials().iter().filter(|trial| trial.state != TrialState::Live).count()
}

/// Splits the trials by what came of them. With several objectives the better fronts come first, and within the
/// last one that fits in part, the trials that stand apart from the others.
pub(super) fn split(history: &History) -> Split {
    let mut ranked: Vec<Ranked> = Vec::with_capacity(history.trials().len());
    for (at, trial) in history.trials().iter().enumerate() {
        let last = trial.last();
        let losses = last.map_or(&[][..], |report| &report.losses);
        let class = match (trial.state, last) {
            (TrialState::Live, _) => continue,
            (TrialState::Failed, _) | (_, None) => Class::Failed,
            (TrialState::Completed, Some(_)) => Class::Completed,
            (TrialState::Stopped | TrialState::Paused, Some(report)) => {
                Class::Partial(std::cmp::Reverse(report.resource.get()))
            }
        };
        ranked.push(Ranked { at, class, losses });
    }
    let wanted = good_among(ranked.len());
    ranked.retain(|trial| trial.class != Class::Failed);
    let mut good = best(ranked, wanted);
    good.sort_unstable();
    let is_good = |at: &usize| good.binary_search(at).is_ok();
    Split { rest: (0..history.trials().len()).filter(|at| !is_good(at)).collect(), good }
}

fn best(mut ranked: Vec<Ranked>, wanted: usize) -> Vec<usize> {
    if wanted == 0 || ranked.is_empty() {
        return vec![];
    }
    let by_first = |a: &Ranked, b: &Ranked| {
        let losses = a.losses.iter().zip(b.losses).map(|(a, b)| a.total_cmp(b));
        a.class.cmp(&b.class).then(losses.fold(Ordering::Equal, Ordering::then)).then(a.at.cmp(&b.at))
    };
    if ranked.iter().all(|trial| trial.losses.len() == 1) {
        if wanted < ranked.len() {
            ranked.select_nth_unstable_by(wanted - 1, by_first);
        }
        return ranked.iter().take(wanted).map(|trial| trial.at).collect();
    }
    ranked.sort_unstable_by(by_first);
    let mut good = Vec::with_capacity(wanted);
    while good.len() < wanted && !ranked.is_empty() {
        let (front, behind) = first_front(ranked);
        let room = wanted - good.len();
        good.extend(spread(front, room).into_iter().map(|trial| trial.at));
        ranked = behind;
    }
    good
}

/// The trials of the best class that no other of it dominates, and all others. In the order of their losses, a trial
/// can only be dominated by an earlier one.
fn first_front(ranked: Vec<Ranked>) -> (Vec<Ranked>, Vec<Ranked>) {
    let mut front: Vec<Ranked> = Vec::new();
    let mut behind = Vec::new();
    for trial in ranked {
        let dominates = |other: &Ranked| other.losses.iter().zip(trial.losses).all(|(o, t)| o <= t);
        if front.iter().any(|other| other.class != trial.class || dominates(other)) {
            behind.push(trial);
        } else {
            front.push(trial);
        }
    }
    (front, behind)
}

/// At most `room` of a front: the ones with the most room around them (crowding distance, Deb et al. 2002).
fn spread(mut front: Vec<Ranked<'_>>, room: usize) -> Vec<Ranked<'_>> {
    if front.len() <= room {
        return front;
    }
    let objectives = front.first().map_or(0, |trial| trial.losses.len());
    let mut distance = vec![0.0; front.len()];
    let mut order: Vec<usize> = (0..front.len()).collect();
    for objective in 0..objectives {
        let loss = |at: usize| front[at].losses[objective];
        order.sort_by(|a, b| loss(*a).total_cmp(&loss(*b)));
        let width = loss(order[order.len() - 1]) - loss(order[0]);
        distance[order[0]] = f64::INFINITY;
        distance[order[order.len() - 1]] = f64::INFINITY;
        for around in order.windows(3).filter(|_| width > 0.0) {
            distance[around[1]] += (loss(around[2]) - loss(around[0])) / width;
        }
    }
    order.sort_by(|a, b| distance[*b].total_cmp(&distance[*a]).then(front[*a].at.cmp(&front[*b].at)));
    order.truncate(room);
    order.sort_unstable();
    let mut at = 0;
    front.retain(|_| {
        at += 1;
        order.binary_search(&(at - 1)).is_ok()
    });
    front
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
    fn a_tenth_is_good_up_to_25() {
        assert_eq!([0, 1, 10, 11, 240, 250, 9999].map(good_among), [0, 1, 1, 2, 24, 25, 25]);
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
        // Each further failure of many makes room for one more good trial in ten.
        let good_of = |finished: usize| {
            let failures = vec![(Failed, &[] as &[(u64, &[f64])]); finished - 6];
            split(&history(&[trials, &failures].concat())).good
        };
        assert_eq!(good_of(10), [5]);
        assert_eq!(good_of(20), [4, 5]);
        assert_eq!(good_of(30), [3, 4, 5]);
        assert_eq!(good_of(40), [2, 3, 4, 5]);
        assert_eq!(good_of(90), [2, 3, 4, 5]);
        let rest = split(&history(trials)).rest;
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
        let mut losses = vec![[3.0, 3.0]; 27];
        losses[4] = [0.0, 2.0];
        losses[9] = [2.0, 0.0];
        losses[20] = [1.0, 1.0];
        assert_eq!(split(&completed(&losses)).good, [4, 9, 20]);
    }

    #[test]
    fn of_a_front_that_does_not_fit_the_spread_out_are_good() {
        // All on one front; 0.5 is close to its neighbours, the ends and 0.8 are not.
        let mut losses: Vec<[f64; 2]> = vec![[9.0, 9.0]; 25];
        for (at, x) in [(3, 0.0), (5, 0.49), (8, 0.5), (13, 0.51), (21, 1.0)] {
            losses[at] = [x, 1.0 - x];
        }
        assert_eq!(split(&completed(&losses)).good, [3, 5, 21]);
    }
}
