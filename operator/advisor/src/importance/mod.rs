//! Which parameters make the difference.
//!
//! Functional ANOVA on a random forest (Hutter, Hoos and Leyton-Brown, "An Efficient Approach for Assessing
//! Hyperparameter Importance", ICML 2014): trees are fitted to the trials, and since their leaves are boxes, the
//! share of the predictions' variance that a parameter causes by itself can be computed exactly. The variance is over
//! the whole space, not over the trials, so it makes no difference that a search tries good configurations more
//! often. A conditional parameter counts by how much it does where it is active and by how much of the space that is.

mod tree;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rand::RngExt;

use self::tree::{Samples, main_effects};
use crate::{ParamName, Resource, TrialIndex, history::History, rng, space::Space};

/// More trees change the shares by less than the choice of trials does.
const TREES: usize = 64;
/// Most trials that trees are grown from, the newest: more cost time and change little.
const MOST: usize = 1000;

/// The share of the differences in one objective that each parameter causes by itself, the largest first; all of them
/// make 1. Fixed parameters have no part in it. Empty when nothing can be said: fewer than four trials have a result,
/// or all results are alike.
///
/// Trials are compared at one resource: the largest that enough of them have reported.
pub fn importance(space: &Space, history: &History, objective: usize) -> Vec<(ParamName, f64)> {
    let samples = samples(space, history, objective);
    let mut rng = rng::for_trial(0, TrialIndex(samples.losses.len() as u32), "importance");
    let mut shares = vec![0.0; space.parameters().len()];
    for _ in 0..TREES {
        let count = samples.losses.len();
        let mut bootstrap: Vec<usize> = (0..count).map(|_| rng.random_range(0..count)).collect();
        let Some(effects) = main_effects(&samples, &mut bootstrap) else { continue };
        for (dimension, effect) in space.dimensions().iter().zip(effects) {
            shares[dimension.parameter] += effect;
        }
    }
    let total: f64 = shares.iter().sum();
    if total <= 0.0 {
        return vec![];
    }
    let parameters = space.parameters().iter().zip(shares).enumerate();
    let mut found: Vec<(ParamName, f64)> = parameters
        .filter(|(at, _)| !space.dimensions_of(*at).is_empty())
        .map(|(_, (parameter, share))| (parameter.name.clone(), share / total))
        .collect();
    found.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    found
}

fn samples<'a>(space: &'a Space, history: &'a History, objective: usize) -> Samples<'a> {
    let resource = common_resource(space, history);
    let told = history.trials().iter().rev().filter_map(|trial| {
        let report = trial.reports.iter().find(|report| Some(report.resource) == resource)?;
        Some((&trial.point, *report.losses.get(objective)?))
    });
    let (points, mut losses): (Vec<_>, Vec<f64>) = told.take(MOST).unzip();
    cap(&mut losses);
    Samples { dimensions: space.dimensions(), points, losses }
}

/// The largest resource that enough trials have reported for a forest to say something; where none has as many, the
/// one with the most.
fn common_resource(space: &Space, history: &History) -> Option<Resource> {
    let enough = (3 * space.dimensions().len()).max(30);
    let mut counts: BTreeMap<Resource, usize> = BTreeMap::new();
    for report in history.trials().iter().flat_map(|trial| &trial.reports) {
        *counts.entry(report.resource).or_default() += 1;
    }
    let most_told = || counts.iter().max_by_key(|(_, count)| **count);
    counts.iter().rev().find(|(_, count)| **count >= enough).or_else(most_told).map(|(resource, _)| *resource)
}

/// Losses more than twice as far from the best as the third quartile count as twice as far: how bad the bad ones are
/// says nothing of what makes good ones, and one trial that diverged would drown all others.
fn cap(losses: &mut [f64]) {
    let mut sorted = losses.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(least), Some(quartile)) = (sorted.first(), sorted.get(3 * sorted.len() / 4)) else { return };
    let most = quartile + (quartile - least);
    for loss in losses {
        *loss = loss.min(most);
    }
}
