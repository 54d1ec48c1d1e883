//! What the kernels of a mixture are made of: normal distributions cut off at the ends of the unit interval.

use std::{f64::consts::FRAC_1_SQRT_2, sync::LazyLock};

use rand::RngExt;

use crate::rng::Rng;

/// log sqrt(2 pi)
const LOG_SQRT_TAU: f64 = 0.918_938_533_204_672_8;

/// Mass of the standard normal distribution between `a` and `b`, to full relative precision in the tails.
pub(super) fn mass(a: f64, b: f64) -> f64 {
    // The side where the values are small loses nothing by subtraction.
    let (a, b) = if a > 0.0 { (-b, -a) } else { (a, b) };
    0.5 * (libm::erfc(-b * FRAC_1_SQRT_2) - libm::erfc(-a * FRAC_1_SQRT_2))
}

/// log of a normal density's constant: its deviation and sqrt(2 pi).
pub(super) fn log_scale(sd: f64) -> f64 {
    sd.ln() + LOG_SQRT_TAU
}

/// Mass of a normal kernel that lies within the unit interval, its mean within it too. Exact to 1e-5.
pub(super) fn mass_within(mean: f64, sd: f64) -> f64 {
    1.0 - upper_tail(mean / sd) - upper_tail((1.0 - mean) / sd)
}

/// Mass of the standard normal distribution above `z`, at least 0: linear between 128 points a deviation.
fn upper_tail(z: f64) -> f64 {
    const STEPS: usize = 128;
    const END: usize = 6 * STEPS;
    static AT: LazyLock<Vec<f64>> = LazyLock::new(|| {
        (0..=END).map(|k| 0.5 * libm::erfc(k as f64 / STEPS as f64 * FRAC_1_SQRT_2)).collect()
    });
    let place = z * STEPS as f64;
    let below = place as usize;
    if below >= END {
        return 0.0;
    }
    AT[below] + (place - below as f64) * (AT[below + 1] - AT[below])
}

/// log of the share of a kernel around one level that falls on another: `levels` rows (the level it falls on) of
/// `levels` columns (the level the kernel is around). `edges` are the ends of the levels' cells.
pub(super) fn log_masses(edges: &[f64], sd: f64) -> Vec<f64> {
    let levels = edges.len() - 1;
    let mut table = vec![0.0; levels * levels];
    for column in 0..levels {
        let mean = 0.5 * (edges[column] + edges[column + 1]);
        let all = mass(-mean / sd, (1.0 - mean) / sd);
        for row in 0..levels {
            let share = mass((edges[row] - mean) / sd, (edges[row + 1] - mean) / sd) / all;
            // Beyond 38 deviations there is no number left: such a level is out of this kernel's reach.
            table[row * levels + column] = share.max(f64::MIN_POSITIVE).ln();
        }
    }
    table
}

/// A draw from a normal distribution cut off at the ends of the unit interval, whose mean lies within it: half of
/// the draws or more are good where the deviation is small, a third where it is 1.
pub(super) fn draw(rng: &mut Rng, mean: f64, sd: f64) -> f64 {
    loop {
        let (radius, angle): (f64, f64) = (rng.random(), rng.random());
        // Box and Muller; 1 - radius is never 0.
        let z = (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
        let x = mean + sd * z;
        if (0.0..=1.0).contains(&x) {
            return x;
        }
    }
}
