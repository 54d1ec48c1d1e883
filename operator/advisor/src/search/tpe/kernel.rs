//! What the kernels of a mixture are made of: normal distributions cut off at the ends of the unit interval.

use std::f64::consts::FRAC_1_SQRT_2;

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

/// log of what the density of a normal kernel must be divided by: its deviation, the constant, and the mass that
/// lies within the unit interval.
pub(super) fn log_normaliser(mean: f64, sd: f64) -> f64 {
    (mass(-mean / sd, (1.0 - mean) / sd) * sd).ln() + LOG_SQRT_TAU
}

/// [`log_normaliser`] of one deviation at any mean, by linear interpolation: exact to 1e-3 from sd 0.05 on, and a
/// hundred times faster than computing it.
pub(super) struct Normaliser {
    at: [f64; Self::STEPS + 1],
}

impl Normaliser {
    const STEPS: usize = 128;

    pub(super) fn new(sd: f64) -> Self {
        let step = |k: usize| log_normaliser(k as f64 / Self::STEPS as f64, sd);
        Self { at: std::array::from_fn(step) }
    }

    pub(super) fn log(&self, mean: f64) -> f64 {
        let place = mean * Self::STEPS as f64;
        let below = (place as usize).min(Self::STEPS - 1);
        let share = place - below as f64;
        self.at[below] + share * (self.at[below + 1] - self.at[below])
    }
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
