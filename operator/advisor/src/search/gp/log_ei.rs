//! The logarithm of the expected improvement, and its slopes, without underflow (Ament et al. 2023, "Unexpected
//! improvements to expected improvement for Bayesian optimization").

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Below this the direct formula of `h` loses digits to cancellation and the continued fraction has converged.
const FAR: f64 = -2.0;
/// Terms of the continued fraction: at [`FAR`] enough for 15 digits.
const TERMS: u32 = 80;

/// The logarithm of the expected improvement below a threshold, with its derivatives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LogEi {
    pub(super) value: f64,
    /// d / d mean
    pub(super) by_mean: f64,
    /// d / d standard deviation
    pub(super) by_deviation: f64,
}

/// Of a normal loss with this mean and standard deviation (positive): `log E max(threshold - loss, 0)`.
pub(super) fn log_ei(mean: f64, deviation: f64, threshold: f64) -> LogEi {
    let Parts { log, cdf, density } = parts((threshold - mean) / deviation);
    LogEi { value: log + deviation.ln(), by_mean: -cdf / deviation, by_deviation: density / deviation }
}

/// `h(z) = φ(z) + z Φ(z)`: its logarithm, and how large its two parts are beside it.
struct Parts {
    log: f64,
    cdf: f64,
    density: f64,
}

fn parts(z: f64) -> Parts {
    let log_density = -0.5 * z * z - 0.5 * (2.0 * PI).ln();
    if z > FAR {
        let (density, cdf) = (log_density.exp(), 0.5 * libm::erfc(-z * FRAC_1_SQRT_2));
        let h = density + z * cdf;
        return Parts { log: h.ln(), cdf: cdf / h, density: density / h };
    }
    // Mills' ratio Φ(z) / φ(z) is 1 / (t + f) with t = -z and Laplace's continued fraction
    // f = 1 / (t + 2 / (t + 3 / (t + ...))), so h / φ = 1 - t / (t + f) = f / (t + f): nothing cancels.
    let t = -z;
    let f = (1..=TERMS).rev().fold(0.0, |tail, k| f64::from(k) / (t + tail));
    Parts { log: log_density + (f / (t + f)).ln(), cdf: f.recip(), density: (t + f) / f }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn log_h_agrees_with_sixty_digits() {
        // mpmath, 60 digits: log(npdf(z) + z ncdf(z)).
        for (z, expected) in [
            (5.0, 1.609_437_923_126_431_3),
            (3.0, 1.098_739_665_327_707_8),
            (1.0, 0.080_026_218_849_306_94),
            (0.0, -0.918_938_533_204_672_7),
            (-1.0, -2.485_121_025_712_641_3),
            (-1.9, -4.504_931_161_621_667),
            (-2.0, -4.768_783_523_917_114),
            (-2.5, -6.212_541_645_443_513),
            (-5.0, -16.744_301_162_660_99),
            (-10.0, -55.553_122_036_122_36),
            (-25.0, -319.861_463_581_495_9),
            (-38.0, -730.196_183_402_113_7),
            (-100.0, -5_010.129_578_800_249),
            (-1000.0, -500_014.734_452_091_16),
            (-1e6, -5.000_000_000_285_5e11),
            (-1e10, -5e19),
        ] {
            let error = (parts(z).log - expected).abs() / f64::max(1.0, f64::abs(expected));
            assert!(error < 1e-14, "log h({z}) = {} not {expected}", parts(z).log);
        }
    }

    #[test]
    fn is_continuous_where_the_formulas_meet() {
        let (near, far) = (parts(FAR + 1e-12), parts(FAR));
        assert!((near.log - far.log).abs() < 1e-10);
        assert!((near.cdf - far.cdf).abs() < 1e-9);
        assert!((near.density - far.density).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn the_slopes_are_the_derivatives(
            mean in -3.0..50.0_f64, deviation in 0.05..5.0_f64, threshold in -3.0..3.0_f64
        ) {
            let (at, h) = (log_ei(mean, deviation, threshold), 1e-6);
            let numeric = |f: &dyn Fn(f64) -> f64| (f(h) - f(-h)) / (2.0 * h);
            let by_mean = numeric(&|e| log_ei(mean + e, deviation, threshold).value);
            let by_deviation = numeric(&|e| log_ei(mean, deviation + e * deviation, threshold).value) / deviation;
            prop_assert!((by_mean - at.by_mean).abs() < 1e-5 * (1.0 + by_mean.abs()));
            prop_assert!((by_deviation - at.by_deviation).abs() < 1e-5 * (1.0 + by_deviation.abs()));
        }

        #[test]
        fn a_lower_mean_and_a_wider_deviation_are_better(
            mean in -3.0..1e6_f64, deviation in 1e-6..5.0_f64
        ) {
            let at = log_ei(mean, deviation, 0.0);
            prop_assert!(at.value.is_finite() && at.by_mean < 0.0 && at.by_deviation > 0.0, "{at:?}");
        }
    }
}
