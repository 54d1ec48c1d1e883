//! Losses on a scale that suits a Gaussian process, whatever scale they came on.

/// Further above the best than so many times the range of the best quarter, a loss is not a loss but a sign that the
/// trial diverged.
const DIVERGED: f64 = 1e6;
/// Losses beyond this, either way, are this: differences and their squares stay finite.
const HUGE: f64 = 1e150;
/// Losses are cut off so many deviations of the better half above the median: how bad a bad trial was tells little.
const CUT: f64 = 10.0;
/// Powers of the Yeo-Johnson transform that are compared: 1 is none at all, lower ones draw in the long tail of bad
/// losses. None above 1, which would draw in the good ones.
const POWERS: std::ops::RangeInclusive<i32> = -10..=10;
const POWER_UNIT: f64 = 0.1;

/// A map from losses to what the process models, which never falls: about mean 0 and deviation 1 over the losses it
/// was built from.
///
/// Yeo and Johnson's power transform (2000) of greatest likelihood, as in HEBO (Cowen-Rivers et al. 2022), after a
/// cut that leaves a diverged trial no more than the worst.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Warp {
    centre: f64,
    spread: f64,
    cut: f64,
    power: f64,
    mean: f64,
    deviation: f64,
}

impl Warp {
    /// From at least one loss, all of them finite.
    pub(super) fn new(losses: &[f64]) -> Self {
        let mut sorted: Vec<f64> = losses.iter().map(|loss| loss.clamp(-HUGE, HUGE)).collect();
        sorted.sort_by(f64::total_cmp);
        sorted.truncate(sorted.partition_point(|loss| *loss <= diverged_above(&sorted)));
        let worst = sorted[sorted.len() - 1];
        let diverged = losses.len() - sorted.len();
        sorted.extend(std::iter::repeat_n(worst, diverged));

        let centre = midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        let better = &sorted[..sorted.len().div_ceil(2)];
        let spread = positive_or_one(root_mean_square(better.iter().map(|loss| loss - centre)));
        let cut = worst.min(centre + CUT * spread);
        let scaled: Vec<f64> = sorted.iter().map(|loss| (loss.min(cut) - centre) / spread).collect();

        let (power, transformed) = POWERS
            .map(|step| f64::from(step) * POWER_UNIT)
            .map(|power| (power, scaled.iter().map(|z| yeo_johnson(*z, power)).collect::<Vec<f64>>()))
            .max_by(|(left, left_values), (right, right_values)| {
                let likelihood = |power, values: &[f64]| log_likelihood(power, &scaled, values);
                likelihood(*left, left_values).total_cmp(&likelihood(*right, right_values))
            })
            .unwrap_or((1.0, scaled.clone()));
        let mean = transformed.iter().sum::<f64>() / transformed.len() as f64;
        let deviation = positive_or_one(root_mean_square(transformed.iter().map(|value| value - mean)));
        Self { centre, spread, cut, power, mean, deviation }
    }

    /// What a loss becomes.
    pub(super) fn apply(&self, loss: f64) -> f64 {
        let scaled = (loss.clamp(-HUGE, HUGE).min(self.cut) - self.centre) / self.spread;
        (yeo_johnson(scaled, self.power) - self.mean) / self.deviation
    }

    /// What the worst losses became, and failures become.
    pub(super) fn worst(&self) -> f64 {
        self.apply(self.cut)
    }
}

/// By the best quarter, at least three, of losses in order; where these are all the same, by the next other loss.
fn diverged_above(sorted: &[f64]) -> f64 {
    let quarter = sorted.len().div_ceil(4).max(3).min(sorted.len());
    let best = sorted[0];
    let range = sorted[quarter - 1..].iter().map(|loss| loss - best).find(|range| *range > 0.0);
    range.map_or(best, |range| best + DIVERGED * range)
}

fn yeo_johnson(x: f64, power: f64) -> f64 {
    match x {
        0.0.. if power == 0.0 => x.ln_1p(),
        0.0.. => ((x + 1.0).powf(power) - 1.0) / power,
        _ => -((1.0 - x).powf(2.0 - power) - 1.0) / (2.0 - power),
    }
}

/// Of the power, when the transformed values are normal, up to a constant.
fn log_likelihood(power: f64, values: &[f64], transformed: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = transformed.iter().sum::<f64>() / n;
    let variance = transformed.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    let jacobian: f64 = values.iter().map(|value| value.signum() * value.abs().ln_1p()).sum();
    (power - 1.0) * jacobian - 0.5 * n * variance.max(f64::MIN_POSITIVE).ln()
}

fn midpoint(left: f64, right: f64) -> f64 {
    left / 2.0 + right / 2.0
}

/// Scaled by the largest on the way, so that squares of huge losses do not overflow.
fn root_mean_square(values: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().map(f64::abs).fold(0.0, f64::max);
    if largest == 0.0 {
        return 0.0;
    }
    let count = values.len() as f64;
    largest * (values.map(|value| (value / largest).powi(2)).sum::<f64>() / count).sqrt()
}

fn positive_or_one(value: f64) -> f64 {
    if value > 0.0 { value } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn warped(losses: &[f64]) -> Vec<f64> {
        let warp = Warp::new(losses);
        losses.iter().map(|loss| warp.apply(*loss)).collect()
    }

    #[test]
    fn one_diverged_trial_leaves_the_others_as_they_were() {
        let losses: Vec<f64> = (0..20).map(|i| 0.3 + 0.01 * f64::from(i * i % 23)).collect();
        let mut with = losses.clone();
        with.push(1e30);
        let (plain, with) = (warped(&losses), warped(&with));
        let spread = |values: &[f64]| {
            values[..20].iter().fold(0.0, |most: f64, v| most.max(*v))
                - values[..20].iter().fold(0.0, |least: f64, v| least.min(*v))
        };
        assert!(spread(&with) > 0.8 * spread(&plain), "{with:?}");
        assert!((with[20] - with.iter().copied().fold(f64::MIN, f64::max)).abs() < 1e-12);
    }

    #[test]
    fn most_trials_may_diverge() {
        let mut losses = vec![1e30; 14];
        losses.extend([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
        let warped = warped(&losses);
        for pair in warped[14..].windows(2) {
            assert!(pair[1] - pair[0] > 0.1, "{warped:?}");
        }
    }

    #[test]
    fn a_long_tail_of_bad_losses_is_drawn_in() {
        let losses: Vec<f64> = (0..30).map(|i| (0.3 * f64::from(i)).exp()).collect();
        let warped = warped(&losses);
        assert!(warped[29] - warped[20] < 2.0 * (warped[10] - warped[1]), "{warped:?}");
    }

    #[test]
    fn equal_losses_are_all_zero() {
        assert_eq!(warped(&[0.7; 5]), [0.0; 5]);
        assert_eq!(warped(&[-3.0]), [0.0]);
    }

    proptest! {
        #[test]
        fn order_is_kept_and_the_scale_is_that_of_a_standard_normal(
            losses in prop::collection::vec(prop_oneof![
                -1.0..1.0_f64, -1e3..1e3_f64, Just(1e30), Just(f64::MAX), Just(-1e300), Just(0.25)
            ], 1..60)
        ) {
            let warp = Warp::new(&losses);
            let warped = warped(&losses);
            prop_assert!(warped.iter().all(|value| value.is_finite()), "{warped:?}");
            let n = warped.len() as f64;
            prop_assert!((warped.iter().sum::<f64>() / n).abs() < 1e-6);
            prop_assert!(root_mean_square(warped.iter().copied()) < 1.0 + 1e-6);
            for i in 0..losses.len() {
                prop_assert!(warped[i] <= warp.worst());
                for j in 0..losses.len() {
                    prop_assert!(losses[i] > losses[j] || warped[i] <= warped[j]);
                }
            }
        }

        #[test]
        fn neither_the_unit_nor_the_origin_of_the_loss_matters(
            losses in prop::collection::vec(-1.0..1.0_f64, 2..40), unit in 0.01..100.0_f64, origin in -10.0..10.0_f64
        ) {
            let moved: Vec<f64> = losses.iter().map(|loss| origin + unit * loss).collect();
            for (left, right) in warped(&losses).iter().zip(warped(&moved)) {
                prop_assert!((left - right).abs() < 1e-6);
            }
        }
    }
}
