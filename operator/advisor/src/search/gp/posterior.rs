//! What the process believes of the loss at any point, given what was observed and what is under way.

use nalgebra::{DMatrix, DVector};

use super::{
    dense::Cholesky,
    kernel::{Hyperparameters, covariances, matern, matern_slope, squared_distances},
    training::Observations,
};

/// A Gaussian process conditioned on observations, and on pending points taken to turn out as it expects
/// (the Kriging believer of Ginsbourger et al. 2010): they leave the mean as it is and take away variance.
pub(super) struct Posterior<'a> {
    owners: &'a [usize],
    hyperparameters: Hyperparameters,
    /// Scaled features: the observed points, then the pending ones.
    points: DMatrix<f64>,
    /// How many were observed.
    known: usize,
    cholesky: Cholesky,
    /// `K⁻¹ losses`; zero for pending points, whose believed losses tell nothing new.
    weights: DVector<f64>,
    /// Variance of the noise at each point.
    noises: DVector<f64>,
    least_mean: f64,
}

/// What is believed of a point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Belief {
    /// Expected loss.
    pub(super) mean: f64,
    /// Standard deviation of the loss, without the noise.
    pub(super) deviation: f64,
    /// How close pending points are: 0 when they are all far away, minus infinity at one of them.
    pub(super) crowding: f64,
}

/// Gradients of a [`Belief`] by the features of the point.
pub(super) struct Slopes {
    pub(super) mean: DVector<f64>,
    pub(super) deviation: DVector<f64>,
    pub(super) crowding: DVector<f64>,
}

/// Variances are not let below this share of the amplitude: what is left of it is rounding.
const LEAST_VARIANCE: f64 = 1e-12;
/// Pending points closer than about this, in lengthscales, are a crowd. A process that is sure of itself would have
/// all trials that run at once at the same place, and be wrong about all of them at once.
const ELBOW_ROOM: f64 = 0.05;

/// A pending point's share of the crowding at this squared distance, and its slope by that: `log(1 - exp(-d² /
/// 2r²))`.
fn crowding(squared_distance: f64) -> (f64, f64) {
    let unit = 2.0 * ELBOW_ROOM * ELBOW_ROOM;
    let u = squared_distance / unit;
    ((-(-u).exp_m1()).ln(), (unit * u.exp_m1()).recip())
}

impl<'a> Posterior<'a> {
    /// `None` where the covariance matrix cannot be factorised even with jitter.
    pub(super) fn new(
        observations: &Observations,
        pending: &DMatrix<f64>,
        owners: &'a [usize],
        hyperparameters: Hyperparameters,
    ) -> Option<Self> {
        let (known, all) = (observations.losses.len(), observations.losses.len() + pending.ncols());
        let mut features = observations.features.clone().resize_horizontally(all, 0.0);
        features.columns_mut(known, pending.ncols()).copy_from(pending);
        let points = hyperparameters.scaled(features, owners);
        let mut covariance = covariances(&points, &points, hyperparameters.amplitude);
        let noises =
            observations.extra_noise.clone().resize_vertically(all, 0.0).add_scalar(hyperparameters.noise);
        for (i, noise) in noises.iter().enumerate() {
            covariance[(i, i)] += noise;
        }
        let cholesky = Cholesky::with_jitter(&covariance)?;
        let weights = cholesky.solve(&observations.losses).resize_vertically(all, 0.0);
        // Of observed points K w is the losses, of which the noise's share is not the function's.
        let observed = (0..known).map(|i| observations.losses[i] - noises[i] * weights[i]);
        let pending = covariance.rows(known, all - known) * &weights;
        let least_mean = observed.chain(pending.iter().copied()).fold(f64::INFINITY, f64::min);
        weights.iter().all(|weight| weight.is_finite()).then_some(Self {
            owners,
            hyperparameters,
            points,
            known,
            cholesky,
            weights,
            noises,
            least_mean,
        })
    }

    /// The least expected loss over the observed and the pending points: with noise, a better incumbent than the
    /// least loss observed.
    pub(super) fn least_mean(&self) -> f64 {
        self.least_mean
    }

    /// How many points it is conditioned on.
    pub(super) fn size(&self) -> usize {
        self.points.ncols()
    }

    /// What is believed of each point (a column of features each).
    pub(super) fn beliefs(&self, features: &DMatrix<f64>) -> Vec<Belief> {
        self.beliefs_by(features, |covariances| self.cholesky.solve_lower(covariances))
    }

    /// As [`Posterior::beliefs`], with a deviation that is never less than theirs: what is left when of all observed
    /// and pending points only the nearest is known. Takes a time linear in their number, not quadratic.
    pub(super) fn hopes(&self, features: &DMatrix<f64>) -> Vec<Belief> {
        let amplitude = self.hyperparameters.amplitude;
        self.beliefs_by(features, |covariances| {
            for mut column in covariances.column_iter_mut() {
                let explained = (0..column.len())
                    .map(|i| column[i] * column[i] / (amplitude + self.noises[i]))
                    .fold(0.0, f64::max);
                column.fill(0.0);
                column[0] = explained.sqrt();
            }
        })
    }

    /// `explain` turns the covariances with the points it is conditioned on into columns whose squared length is the
    /// variance that these explain.
    fn beliefs_by(&self, features: &DMatrix<f64>, explain: impl Fn(&mut DMatrix<f64>)) -> Vec<Belief> {
        let amplitude = self.hyperparameters.amplitude;
        let points = self.hyperparameters.scaled(features.clone(), self.owners);
        let mut covariances = squared_distances(&self.points, &points);
        let crowds: Vec<f64> = covariances
            .rows_range(self.known..)
            .column_iter()
            .map(|distances| distances.iter().map(|d| crowding(*d).0).sum())
            .collect();
        covariances.apply(|d| *d = amplitude * matern(*d));
        let means = covariances.tr_mul(&self.weights);
        explain(&mut covariances);
        let explained = covariances.column_iter().map(|column| column.norm_squared());
        means
            .iter()
            .zip(explained)
            .zip(crowds)
            .map(|((&mean, explained), crowding)| Belief {
                mean,
                deviation: self.deviation(explained),
                crowding,
            })
            .collect()
    }

    /// Where the observations explain so much of the variance.
    fn deviation(&self, explained: f64) -> f64 {
        let amplitude = self.hyperparameters.amplitude;
        (amplitude - explained).max(LEAST_VARIANCE * amplitude).sqrt()
    }

    /// What is believed of one point, and which way it changes.
    pub(super) fn at(&self, features: &[f64]) -> (Belief, Slopes) {
        let amplitude = self.hyperparameters.amplitude;
        let count = features.len();
        let inverse =
            DVector::from_fn(count, |f, _| self.hyperparameters.lengthscales[self.owners[f]].recip());
        let point = DVector::from_column_slice(features).component_mul(&inverse);
        let distances: Vec<f64> =
            self.points.column_iter().map(|known| (known - &point).norm_squared()).collect();
        let mut solved =
            DMatrix::from_iterator(distances.len(), 1, distances.iter().map(|&d| amplitude * matern(d)));
        let mean = solved.column(0).dot(&self.weights);
        self.cholesky.solve_lower(&mut solved);
        let deviation = self.deviation(solved.norm_squared());
        let mut solved = solved.column(0).into_owned();
        self.cholesky.solve_upper(&mut solved);

        // By the point: d k(r²) = 2 k' (x - x_i); d mean = Σ w_i dk_i; d variance = -2 Σ (K⁻¹k)_i dk_i.
        let zeros = || DVector::zeros(count);
        let mut slopes = Slopes { mean: zeros(), deviation: zeros(), crowding: zeros() };
        let mut crowd = 0.0;
        for (i, known) in self.points.column_iter().enumerate() {
            let slope = 2.0 * amplitude * matern_slope(distances[i]);
            let (by_mean, by_deviation) = (slope * self.weights[i], -slope * solved[i] / deviation);
            let (crowding, by_crowding) = if i < self.known { (0.0, 0.0) } else { crowding(distances[i]) };
            crowd += crowding;
            for f in 0..count {
                let apart = (point[f] - known[f]) * inverse[f];
                slopes.mean[f] += by_mean * apart;
                slopes.deviation[f] += by_deviation * apart;
                slopes.crowding[f] += 2.0 * by_crowding * apart;
            }
        }
        (Belief { mean, deviation, crowding: crowd }, slopes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn posterior<'a>(entries: &[f64], pending: &DMatrix<f64>, owners: &'a [usize]) -> Posterior<'a> {
        let observations = Observations {
            features: DMatrix::from_column_slice(3, 6, &entries[..18]),
            losses: DVector::from_column_slice(&entries[18..24]),
            extra_noise: DVector::zeros(6),
        };
        let hyperparameters = Hyperparameters { lengthscales: vec![0.4, 0.9], amplitude: 1.3, noise: 1e-3 };
        Posterior::new(&observations, pending, owners, hyperparameters).unwrap()
    }

    const OWNERS: [usize; 3] = [0, 1, 1];

    proptest! {
        #[test]
        fn passes_through_what_was_observed_and_is_unsure_elsewhere(
            entries in prop::collection::vec(0.0..1.0_f64, 24)
        ) {
            let posterior = posterior(&entries, &DMatrix::zeros(3, 0), &OWNERS);
            let observed = DMatrix::from_column_slice(3, 6, &entries[..18]);
            for Belief { mean, deviation, .. } in posterior.beliefs(&observed) {
                prop_assert!(mean.is_finite() && deviation < 0.04);
            }
            let Belief { mean, deviation, crowding } = posterior.beliefs(&DMatrix::from_element(3, 1, 1e3))[0];
            prop_assert!(crowding == 0.0);
            prop_assert!(mean.abs() < 1e-9 && (deviation - 1.3_f64.sqrt()).abs() < 1e-9);
        }

        #[test]
        fn the_gradients_are_the_derivatives(
            entries in prop::collection::vec(0.0..1.0_f64, 27), pending in prop::collection::vec(0.0..1.0_f64, 6)
        ) {
            let posterior = posterior(&entries[..24], &DMatrix::from_column_slice(3, 2, &pending), &OWNERS);
            let at = [entries[24], entries[25], entries[26]];
            let (belief, slopes) = posterior.at(&at);
            prop_assume!(belief.deviation > 1e-2);
            for f in 0..3 {
                let moved = |change: f64| {
                    let mut features = at;
                    features[f] += change;
                    posterior.beliefs(&DMatrix::from_column_slice(3, 1, &features))[0]
                };
                let (above, below) = (moved(1e-5), moved(-1e-5));
                for (numeric, slope) in [
                    (above.mean - below.mean, slopes.mean[f]),
                    (above.deviation - below.deviation, slopes.deviation[f]),
                    (above.crowding - below.crowding, slopes.crowding[f]),
                ] {
                    prop_assert!((numeric / 2e-5 - slope).abs() < 1e-3 * (1.0 + slope.abs()), "{numeric} {slope}");
                }
            }
        }

        #[test]
        fn hopes_are_never_narrower_than_beliefs(
            entries in prop::collection::vec(0.0..1.0_f64, 27), pending in prop::collection::vec(0.0..1.0_f64, 6)
        ) {
            let pending = DMatrix::from_column_slice(3, 2, &pending);
            let posterior = posterior(&entries[..24], &pending, &OWNERS);
            let at = DMatrix::from_column_slice(3, 1, &entries[24..]);
            let (hope, belief) = (posterior.hopes(&at)[0], posterior.beliefs(&at)[0]);
            prop_assert!(hope.deviation >= belief.deviation - 1e-9);
            prop_assert!(hope.mean == belief.mean && hope.crowding == belief.crowding);
        }

        #[test]
        fn the_least_mean_is_that_of_its_points(
            entries in prop::collection::vec(0.0..1.0_f64, 24), pending in prop::collection::vec(0.0..1.0_f64, 6)
        ) {
            let pending = DMatrix::from_column_slice(3, 2, &pending);
            let posterior = posterior(&entries, &pending, &OWNERS);
            let observed = DMatrix::from_column_slice(3, 6, &entries[..18]);
            let beliefs = [posterior.beliefs(&observed), posterior.beliefs(&pending)].concat();
            let least = beliefs.iter().map(|belief| belief.mean).fold(f64::INFINITY, f64::min);
            prop_assert!((least - posterior.least_mean()).abs() < 1e-9);
        }

        #[test]
        fn pending_points_take_variance_and_leave_the_mean(
            entries in prop::collection::vec(0.0..1.0_f64, 27), pending in prop::collection::vec(0.0..1.0_f64, 6)
        ) {
            let pending = DMatrix::from_column_slice(3, 2, &pending);
            let at = DMatrix::from_column_slice(3, 1, &entries[24..]);
            let alone = posterior(&entries[..24], &DMatrix::zeros(3, 0), &OWNERS).beliefs(&at)[0];
            let with = posterior(&entries[..24], &pending, &OWNERS);
            let beside = with.beliefs(&at)[0];
            prop_assert!((beside.mean - alone.mean).abs() < 1e-9);
            prop_assert!(beside.deviation <= alone.deviation + 1e-9 && beside.crowding <= 0.0);
            for belief in with.beliefs(&pending) {
                prop_assert!(belief.deviation < 0.04 && belief.crowding < -10.0);
            }
        }
    }
}
