//! Where the expected improvement is greatest: a search over the space as it is, with its integers, categories and
//! conditions. Only places that a configuration can be at are ever scored.

use super::{
    features::Embedding,
    lbfgs::{Limits, minimize},
    log_ei::{LogEi, log_ei},
    posterior::{Belief, Posterior},
};
use crate::space::{DimensionKind, Point, Space};

/// Coordinates in the unit cube, one for each dimension whether active or not.
pub(super) type Coordinates = Vec<f64>;

/// The expected improvement of a posterior below a threshold.
pub(super) struct Acquisition<'a> {
    pub(super) space: &'a Space,
    pub(super) embedding: &'a Embedding,
    pub(super) posterior: &'a Posterior<'a>,
    /// What is to be improved upon.
    pub(super) threshold: f64,
}

/// A place and the logarithm of its expected improvement.
#[derive(Clone, Debug)]
struct Candidate {
    at: Coordinates,
    value: f64,
}

/// Discrete dimensions with at most so many levels are searched level by level; along those with more, the search
/// moves as if they were continuous, and in steps of 1, 2, 4, ... levels.
const FEW_LEVELS: u64 = 12;
/// Climbs start from so many places: fewer where each step takes longer, which is with more points to know of.
const MOST_CLIMBS: usize = 10;
const FEWEST_CLIMBS: usize = 4;
const CLIMBED_POINTS: usize = 3000;
/// With so many points to know of, places are first compared by an upper bound of the expected improvement, which
/// takes less time, and only the best of them exactly.
const SCREENED_FROM: usize = 200;
const HOPEFUL: usize = 256;
/// Turns of a climb, at most.
const ROUNDS: usize = 4;
const LIMITS: Limits = Limits { iterations: 30, gradient: 1e-4, improvement: 1e-6 };

impl Acquisition<'_> {
    /// The places climbed to from the best of these, then these: the best first.
    pub(super) fn best_first(&self, places: Vec<Coordinates>) -> Vec<Coordinates> {
        let ranked = self.rank(self.most_hopeful(places));
        let climbs = (CLIMBED_POINTS / self.posterior.size()).clamp(FEWEST_CLIMBS, MOST_CLIMBS);
        let mut climbed: Vec<Candidate> =
            ranked.iter().take(climbs).map(|start| self.climb(start.clone())).collect();
        climbed.sort_by(|left, right| right.value.total_cmp(&left.value));
        climbed.into_iter().chain(ranked).map(|candidate| candidate.at).collect()
    }

    /// The places that could be best by what takes little time to know.
    fn most_hopeful(&self, places: Vec<Coordinates>) -> Vec<Coordinates> {
        if self.posterior.size() < SCREENED_FROM {
            return places;
        }
        let points: Vec<Point> = places.iter().map(|at| self.space.point(at)).collect();
        let hopes = self.posterior.hopes(&self.embedding.embed(points.iter()));
        let mut ranked: Vec<Candidate> = places
            .into_iter()
            .zip(hopes)
            .map(|(at, hope)| Candidate { at, value: self.improvement(&hope).value + hope.crowding })
            .collect();
        ranked.sort_by(|left, right| right.value.total_cmp(&left.value));
        ranked.into_iter().take(HOPEFUL).map(|candidate| candidate.at).collect()
    }

    /// Scores places, best first.
    fn rank(&self, places: Vec<Coordinates>) -> Vec<Candidate> {
        let values = self.values(&places);
        let mut candidates: Vec<Candidate> =
            places.into_iter().zip(values).map(|(at, value)| Candidate { at, value }).collect();
        candidates.sort_by(|left, right| right.value.total_cmp(&left.value));
        candidates
    }

    fn values(&self, places: &[Coordinates]) -> Vec<f64> {
        let points: Vec<Point> = places.iter().map(|at| self.space.point(at)).collect();
        let beliefs = self.posterior.beliefs(&self.embedding.embed(points.iter()));
        beliefs.into_iter().map(|belief| self.improvement(&belief).value + belief.crowding).collect()
    }

    fn improvement(&self, belief: &Belief) -> LogEi {
        log_ei(belief.mean, belief.deviation, self.threshold)
    }

    /// The best place that can be reached from a candidate: by gradient along the continuous dimensions and by trying
    /// levels along the others, in turn, until neither gains.
    fn climb(&self, mut best: Candidate) -> Candidate {
        for _ in 0..ROUNDS {
            best = self.climb_continuous(best);
            let before = best.value;
            best = self.climb_discrete(best);
            if best.value <= before {
                break;
            }
        }
        best
    }

    fn climb_continuous(&self, best: Candidate) -> Candidate {
        let active = self.space.active(&best.at);
        let (mut moving, mut snaps) = (Vec::new(), false);
        for (d, dimension) in self.space.dimensions().iter().enumerate() {
            let moves = match dimension.kind {
                DimensionKind::Continuous => true,
                DimensionKind::Discrete { levels } if levels > FEW_LEVELS => {
                    snaps |= active[dimension.parameter];
                    true
                }
                _ => false,
            };
            if moves && active[dimension.parameter] {
                moving.push(d);
            }
        }
        if moving.is_empty() {
            return best;
        }
        let mut features = self.embedding.embed(std::iter::once(&self.space.point(&best.at)));
        let start: Vec<f64> = moving.iter().map(|&d| best.at[d]).collect();
        let found = minimize(&start, &vec![0.0..=1.0; moving.len()], LIMITS, |at, gradient| {
            for (&d, &x) in moving.iter().zip(at) {
                features[self.embedding.feature_of(d)] = Embedding::feature(x);
            }
            let (belief, slopes) = self.posterior.at(features.as_slice());
            let improvement = self.improvement(&belief);
            for (&d, gradient) in moving.iter().zip(gradient) {
                let f = self.embedding.feature_of(d);
                *gradient = -(improvement.by_mean * slopes.mean[f]
                    + improvement.by_deviation * slopes.deviation[f]
                    + slopes.crowding[f]);
            }
            -(improvement.value + belief.crowding)
        });
        let Some(found) = found else { return best };
        let mut at = best.at.clone();
        moving.iter().zip(found.at).for_each(|(&d, x)| at[d] = x);
        let value = if snaps { self.values(std::slice::from_ref(&at))[0] } else { -found.value };
        if value > best.value { Candidate { at, value } } else { best }
    }

    fn climb_discrete(&self, mut best: Candidate) -> Candidate {
        for (d, dimension) in self.space.dimensions().iter().enumerate() {
            if !self.space.active(&best.at)[dimension.parameter] {
                continue;
            }
            let Some(levels) = dimension.kind.levels() else { continue };
            let here = self.space.level(d, best.at[d]);
            let others: Vec<u64> = match dimension.kind {
                DimensionKind::Discrete { .. } if levels > FEW_LEVELS => (0..levels.ilog2())
                    .map(|power| 1 << power)
                    .flat_map(|step: u64| [here.checked_sub(step), Some(here + step)])
                    .flatten()
                    .filter(|level| *level < levels)
                    .collect(),
                _ => (0..levels).filter(|level| *level != here).collect(),
            };
            let places: Vec<Coordinates> = others
                .into_iter()
                .map(|level| {
                    let (low, high) = self.space.cell(d, level);
                    let mut at = best.at.clone();
                    at[d] = 0.5 * (low + high);
                    at
                })
                .collect();
            if let Some(other) = self.rank(places).into_iter().next().filter(|other| other.value > best.value)
            {
                best = other;
            }
        }
        best
    }
}
