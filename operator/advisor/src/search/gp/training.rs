//! What the process is trained on: outcomes as standardised losses at features.

use nalgebra::{DMatrix, DVector};

use super::{
    features::Embedding,
    outcomes::{Outcome, Outcomes},
    warp::Warp,
};
use crate::{Resource, history::History, space::Point};

/// What was observed, as the process sees it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observations {
    /// A column for each observation.
    pub(super) features: DMatrix<f64>,
    /// Warped and standardised.
    pub(super) losses: DVector<f64>,
    /// Variance of each observation beyond the noise that all share.
    pub(super) extra_noise: DVector<f64>,
}

/// Most observations the process is conditioned on; of more, the best half and the latest. The time of a proposal
/// grows with the square of this, and with the cube each time it changes.
const MOST: usize = 1000;
/// Most observations hyperparameters are fitted to, likewise: a few hundred determine tens of hyperparameters.
const MOST_FITTED: usize = 256;
/// Most pending trials the process is conditioned on: the latest.
const MOST_PENDING: usize = 128;
/// From so many trials on, the hyperparameters are no longer fitted for each proposal.
const FIT_ALWAYS: usize = 64;
/// They are fitted when a sixteenth more trials have ended.
const FIT_EVERY_SHARE: usize = 16;
/// Trials in whose neighbourhood the acquisition function is looked at more closely.
const BEST: usize = 5;
/// Extra variance of an expected loss when nothing checks the expectation.
const UNCHECKED: f64 = 0.25;

/// Everything that was observed, up to a bound.
pub(super) fn all(embedding: &Embedding, history: &History, outcomes: &Outcomes) -> Observations {
    observations(embedding, history, outcomes, &outcomes.told, MOST)
}

/// What hyperparameters are fitted to when that is not everything: the outcomes of the first trials, up to a number
/// that rises in steps, and short of those that may still run. So a fit is good for many proposals, and which fit
/// that is depends on the history alone. `None` where all outcomes are to be fitted.
pub(super) fn settled(
    embedding: &Embedding,
    history: &History,
    outcomes: &Outcomes,
    parallelism: u32,
) -> Option<Observations> {
    let begun = history.known().len().saturating_sub(2 * parallelism as usize);
    if begun < FIT_ALWAYS {
        return None;
    }
    let step = (1 << begun.ilog2()) / FIT_EVERY_SHARE;
    let settled = outcomes.told.partition_point(|(trial, _)| *trial < begun - begun % step);
    (2 * settled >= outcomes.told.len())
        .then(|| observations(embedding, history, outcomes, &outcomes.told[..settled], MOST_FITTED))
}

/// Positions of the latest of these trials, rising.
pub(super) fn latest(pending: &[usize]) -> impl ExactSizeIterator<Item = usize> + '_ {
    pending[pending.len().saturating_sub(MOST_PENDING)..].iter().copied()
}

/// Positions of the best trials, the best first.
pub(super) fn best(outcomes: &Outcomes) -> impl Iterator<Item = usize> + use<> {
    let mut ranked: Vec<(f64, usize)> =
        outcomes.told.iter().filter_map(|(trial, outcome)| Some((outcome.loss()?, *trial))).collect();
    ranked.sort_by(|left, right| left.0.total_cmp(&right.0));
    ranked.into_iter().take(BEST).map(|(_, trial)| trial)
}

fn observations(
    embedding: &Embedding,
    history: &History,
    outcomes: &Outcomes,
    told: &[(usize, Outcome)],
    most: usize,
) -> Observations {
    let known: Vec<f64> = told.iter().filter_map(|(_, outcome)| outcome.loss()).collect();
    let warp = Warp::new(&known);
    let told = best_and_latest(told, most);
    let extra = |outcome: &Outcome| match outcome {
        Outcome::Expected { from, .. } => spread(outcomes, *from, &warp),
        Outcome::Known(_) | Outcome::Failed => 0.0,
    };
    let points: Vec<&Point> = told.iter().map(|(trial, _)| &history.known()[*trial].point).collect();
    let losses = told.iter().map(|(_, outcome)| outcome.loss().map_or(warp.worst(), |loss| warp.apply(loss)));
    Observations {
        features: embedding.embed(points.into_iter()),
        losses: DVector::from_iterator(told.len(), losses),
        extra_noise: DVector::from_iterator(told.len(), told.iter().map(|(_, outcome)| extra(outcome))),
    }
}

/// Mean square of what expectations from a resource were off by, as if one more had been off by √[`UNCHECKED`].
fn spread(outcomes: &Outcomes, from: Resource, warp: &Warp) -> f64 {
    let checks = outcomes.checks.get(&from).map_or(&[][..], Vec::as_slice);
    let squares =
        checks.iter().map(|(expected, actual)| (warp.apply(*expected) - warp.apply(*actual)).powi(2));
    (squares.sum::<f64>() + UNCHECKED) / (checks.len() + 1) as f64
}

/// At most so many outcomes, in their order: the better ones and the later ones, half each.
fn best_and_latest(told: &[(usize, Outcome)], most: usize) -> Vec<(usize, Outcome)> {
    if told.len() <= most {
        return told.to_vec();
    }
    let (earlier, later) = told.split_at(told.len() - most / 2);
    let mut kept = earlier.to_vec();
    let loss = |outcome: &Outcome| outcome.loss().unwrap_or(f64::INFINITY);
    kept.sort_by(|left, right| loss(&left.1).total_cmp(&loss(&right.1)));
    kept.truncate(most - later.len());
    kept.sort_by_key(|(trial, _)| *trial);
    kept.extend_from_slice(later);
    kept
}
