//! Hyperparameters of greatest posterior density, given observations and what is believed beforehand.

use std::ops::RangeInclusive;

use super::{
    dense::Cholesky,
    features::Embedding,
    kernel::{Hyperparameters, matern, matern_slope, squared_distances},
    lbfgs::{Limits, minimize},
    training::Observations,
};

const LENGTHSCALES: RangeInclusive<f64> = 5e-3..=1e3;
const AMPLITUDES: RangeInclusive<f64> = 1e-2..=1e2;
const NOISES: RangeInclusive<f64> = 1e-6..=1.0;
/// With so many observations both starts lead to the same hyperparameters.
const UNAMBIGUOUS: usize = 64;
const LIMITS: Limits = Limits { iterations: 60, gradient: 1e-3, improvement: 1e-5 };

/// What is believed of a hyperparameter before anything is observed. The numbers are those of Optuna's `GPSampler`,
/// whose weak pull of the lengthscales towards 1 finds the optimum of the test functions sooner than the lognormal
/// beliefs of Hvarfner et al. 2024.
#[derive(Clone, Copy, Debug)]
enum Belief {
    /// Log density `-weight (l² + l⁻²)` of a lengthscale l: neither tiny nor huge.
    NeitherTinyNorHuge { weight: f64 },
    /// Log density `(shape - 1) log v - rate v` of a variance v.
    Gamma { shape: f64, rate: f64 },
}

const OF_LENGTHSCALE: Belief = Belief::NeitherTinyNorHuge { weight: 0.1 };
const OF_AMPLITUDE: Belief = Belief::Gamma { shape: 2.0, rate: 1.0 };
const OF_NOISE: Belief = Belief::Gamma { shape: 1.1, rate: 30.0 };

impl Belief {
    /// The negative log density and its slope by the logarithm of the hyperparameter.
    fn cost(self, log: f64) -> (f64, f64) {
        match self {
            Self::NeitherTinyNorHuge { weight } => {
                let square = (2.0 * log).exp();
                (weight * (square + square.recip()), 2.0 * weight * (square - square.recip()))
            }
            Self::Gamma { shape, rate } => {
                let value = log.exp();
                (rate * value - (shape - 1.0) * log, rate * value - (shape - 1.0))
            }
        }
    }
}

impl Hyperparameters {
    /// Where the search for better ones starts, and what stands in where there are none: smooth, next to no noise.
    pub(super) fn typical(dimensions: usize) -> Self {
        Self { lengthscales: vec![1.0; dimensions], amplitude: 1.0, noise: 1e-5 }
    }

    /// A second start: rough and noisy.
    fn rough(dimensions: usize) -> Self {
        Self { lengthscales: vec![0.3; dimensions], amplitude: 1.0, noise: 1e-2 }
    }
}

/// The hyperparameters of greatest posterior density that L-BFGS finds from two starts; the typical ones where that
/// cannot be computed at all.
pub(super) fn fit(observations: &Observations, embedding: &Embedding) -> Hyperparameters {
    let log = |range: RangeInclusive<f64>| range.start().ln()..=range.end().ln();
    let dimensions = embedding.dimensions();
    let mut bounds = vec![log(LENGTHSCALES); dimensions];
    bounds.extend([log(AMPLITUDES), log(NOISES)]);
    let starts = [Hyperparameters::typical(dimensions), Hyperparameters::rough(dimensions)];
    let starts = if observations.losses.len() < UNAMBIGUOUS { &starts[..] } else { &starts[..1] };
    starts
        .iter()
        .filter_map(|start| {
            minimize(&to_logs(start), &bounds, LIMITS, |logs, gradient| {
                negative_log_posterior(observations, embedding.owners(), logs, gradient)
            })
        })
        .min_by(|left, right| left.value.total_cmp(&right.value))
        .map_or_else(|| Hyperparameters::typical(dimensions), |best| from_logs(&best.at))
}

fn to_logs(hyperparameters: &Hyperparameters) -> Vec<f64> {
    let Hyperparameters { lengthscales, amplitude, noise } = hyperparameters;
    lengthscales.iter().chain([amplitude, noise]).map(|value| value.ln()).collect()
}

fn from_logs(logs: &[f64]) -> Hyperparameters {
    let (lengthscales, rest) = logs.split_at(logs.len() - 2);
    Hyperparameters {
        lengthscales: lengthscales.iter().map(|log| log.exp()).collect(),
        amplitude: rest[0].exp(),
        noise: rest[1].exp(),
    }
}

/// Up to a constant, at the logarithms of lengthscales, amplitude and noise; infinite where the covariance matrix
/// cannot be factorised. Rasmussen and Williams 2006, (5.8) and (5.9).
fn negative_log_posterior(
    observations: &Observations,
    owners: &[usize],
    logs: &[f64],
    gradient: &mut [f64],
) -> f64 {
    let hyperparameters = from_logs(logs);
    let (dimensions, n) = (hyperparameters.lengthscales.len(), observations.losses.len());
    let scaled = hyperparameters.scaled(observations.features.clone(), owners);
    let distances = squared_distances(&scaled, &scaled);
    let mut covariance = distances.map(|d| hyperparameters.amplitude * matern(d));
    for i in 0..n {
        covariance[(i, i)] += hyperparameters.noise + observations.extra_noise[i];
    }
    let Some(cholesky) = Cholesky::new(covariance.clone()) else { return f64::INFINITY };
    let weights = cholesky.solve(&observations.losses);

    // Half the derivative of the negative log likelihood by each entry of the covariance matrix, doubled back when
    // it is summed: ½ (K⁻¹ - α αᵀ).
    let mut by_entry = cholesky.inverse();
    by_entry.ger(-1.0, &weights, &weights, 1.0);
    by_entry *= 0.5;
    gradient.fill(0.0);
    let by_noise = by_entry.trace();
    gradient[dimensions + 1] = by_noise * hyperparameters.noise;
    let noises =
        (0..n).map(|i| by_entry[(i, i)] * (hyperparameters.noise + observations.extra_noise[i])).sum::<f64>();
    gradient[dimensions] = by_entry.dot(&covariance) - noises;

    // d k / d log l_j = -2 k'(r²) Σ_f (a_f - b_f)² over the features f that j owns, so that with W = by_entry ∘ k'
    // the sum over all pairs is -4 Σ_f (Σ_i w_i a_fi² - a_f W a_fᵀ), w the row sums of W.
    by_entry.zip_apply(&distances, |entry, d| *entry *= hyperparameters.amplitude * matern_slope(d));
    let sums = by_entry.row_sum();
    let products = &scaled * &by_entry;
    for (feature, &owner) in owners.iter().enumerate() {
        let (values, products) = (scaled.row(feature), products.row(feature));
        let total: f64 = (0..n).map(|i| values[i] * (sums[i] * values[i] - products[i])).sum();
        gradient[owner] -= 4.0 * total;
    }

    let mut value = 0.5 * observations.losses.dot(&weights) + cholesky.half_log_determinant();
    for (i, (&log, slope)) in logs.iter().zip(gradient).enumerate() {
        let belief = match i.checked_sub(dimensions) {
            None => OF_LENGTHSCALE,
            Some(0) => OF_AMPLITUDE,
            Some(_) => OF_NOISE,
        };
        let (cost, cost_slope) = belief.cost(log);
        value += cost;
        *slope += cost_slope;
    }
    value
}

#[cfg(test)]
mod tests {
    use nalgebra::{DMatrix, DVector};
    use rand::RngExt;

    use super::*;
    use crate::{TrialIndex, rng, search::testing::cube};

    fn observations(n: usize, features: usize) -> Observations {
        let mut rng = rng::for_trial(1, TrialIndex(0), "test");
        let features = DMatrix::from_fn(features, n, |_, _| rng.random::<f64>());
        let losses = DVector::from_fn(n, |i, _| (6.0 * features[(0, i)]).sin() + 0.3 * features[(1, i)]);
        Observations {
            features,
            losses,
            extra_noise: DVector::from_fn(n, |i, _| if i == 0 { 0.1 } else { 0.0 }),
        }
    }

    #[test]
    fn the_gradient_is_the_derivative() {
        let (observations, owners) = (observations(12, 4), [0, 1, 1, 2]);
        let at = [0.3_f64, 0.6, 2.0, 1.4, 0.02].map(f64::ln);
        let mut gradient = [0.0; 5];
        negative_log_posterior(&observations, &owners, &at, &mut gradient);
        for i in 0..5 {
            let value = |change: f64| {
                let mut moved = at;
                moved[i] += change;
                negative_log_posterior(&observations, &owners, &moved, &mut [0.0; 5])
            };
            let numeric = (value(1e-5) - value(-1e-5)) / 2e-5;
            assert!(
                (numeric - gradient[i]).abs() < 1e-6 * (1.0 + numeric.abs()),
                "{i}: {numeric} {gradient:?}"
            );
        }
    }

    #[test]
    fn finds_which_dimensions_matter_and_that_there_is_no_noise() {
        let mut observations = observations(40, 3);
        observations.extra_noise.fill(0.0);
        let found = fit(&observations, &Embedding::new(&cube(3)));
        assert!(found.lengthscales[0] < 1.0 && found.lengthscales[2] > 2.0, "{found:?}");
        assert!(found.noise < 1e-3, "{found:?}");
    }

    #[test]
    fn losses_no_process_can_explain_still_give_hyperparameters() {
        let mut observations = observations(10, 2);
        observations.losses.fill(f64::NAN);
        let found = fit(&observations, &Embedding::new(&cube(2)));
        assert_eq!(found, Hyperparameters::typical(2));
    }
}
