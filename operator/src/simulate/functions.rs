//! Test functions whose optimum is known, over the unit cube: any job with as many numeric parameters can be
//! simulated on them, whatever the parameters' ranges are.

use std::f64::consts::{E, PI, TAU};

/// A function to minimise.
pub struct Function {
    /// As given to `--function`.
    pub name: &'static str,
    /// How many parameters it takes; `None`: any number.
    pub dimensions: Option<usize>,
    /// Its least value.
    pub minimum: f64,
    /// Its value; `u` in the unit cube.
    pub evaluate: fn(u: &[f64]) -> f64,
}

/// Every function, by name. Definitions and minima: Surjanovic and Bingham, Virtual Library of Simulation
/// Experiments (2013).
pub static FUNCTIONS: &[Function] = &[
    Function { name: "branin", dimensions: Some(2), minimum: 0.397_887_357_729_738_16, evaluate: branin },
    Function { name: "hartmann3", dimensions: Some(3), minimum: -3.862_782_147_820_756, evaluate: hartmann3 },
    Function { name: "hartmann6", dimensions: Some(6), minimum: -3.322_368_011_415_515, evaluate: hartmann6 },
    Function {
        name: "sixhumpcamel",
        dimensions: Some(2),
        minimum: -1.031_628_453_489_877,
        evaluate: six_hump_camel,
    },
    Function { name: "ackley", dimensions: None, minimum: 0.0, evaluate: ackley },
    Function { name: "levy", dimensions: None, minimum: 0.0, evaluate: levy },
    Function { name: "rastrigin", dimensions: None, minimum: 0.0, evaluate: rastrigin },
    Function { name: "rosenbrock", dimensions: None, minimum: 0.0, evaluate: rosenbrock },
    Function { name: "sphere", dimensions: None, minimum: 0.0, evaluate: sphere },
];

/// From the unit interval to [low, high].
fn to(low: f64, high: f64, u: f64) -> f64 {
    low + (high - low) * u
}

fn branin(u: &[f64]) -> f64 {
    let (x, y) = (to(-5.0, 10.0, u[0]), to(0.0, 15.0, u[1]));
    let curve = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
    curve * curve + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0
}

fn six_hump_camel(u: &[f64]) -> f64 {
    let (x, y) = (to(-3.0, 3.0, u[0]), to(-2.0, 2.0, u[1]));
    (4.0 - 2.1 * x * x + x.powi(4) / 3.0) * x * x + x * y + (4.0 * y * y - 4.0) * y * y
}

/// Heights of the four wells of both Hartmann functions.
const WELLS: [f64; 4] = [1.0, 1.2, 3.0, 3.2];

fn hartmann<const D: usize>(u: &[f64], widths: &[[f64; D]; 4], centres: &[[f64; D]; 4]) -> f64 {
    let well = |i: usize| -> f64 {
        let distance: f64 = (0..D).map(|j| widths[i][j] * (u[j] - centres[i][j]).powi(2)).sum();
        WELLS[i] * (-distance).exp()
    };
    -(0..4).map(well).sum::<f64>()
}

fn hartmann3(u: &[f64]) -> f64 {
    let widths = [[3.0, 10.0, 30.0], [0.1, 10.0, 35.0], [3.0, 10.0, 30.0], [0.1, 10.0, 35.0]];
    let centres = [
        [0.3689, 0.1170, 0.2673],
        [0.4699, 0.4387, 0.7470],
        [0.1091, 0.8732, 0.5547],
        [0.0381, 0.5743, 0.8828],
    ];
    hartmann(u, &widths, &centres)
}

fn hartmann6(u: &[f64]) -> f64 {
    let widths = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    let centres = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    hartmann(u, &widths, &centres)
}

fn mean(terms: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = terms.len() as f64;
    terms.sum::<f64>() / count
}

fn ackley(u: &[f64]) -> f64 {
    let x = || u.iter().map(|&u| to(-32.768, 32.768, u));
    let spread = mean(x().map(|x| x * x)).sqrt();
    let waves = mean(x().map(|x| (TAU * x).cos()));
    -20.0 * (-0.2 * spread).exp() - waves.exp() + 20.0 + E
}

fn levy(u: &[f64]) -> f64 {
    let w: Vec<f64> = u.iter().map(|&u| 1.0 + (to(-10.0, 10.0, u) - 1.0) / 4.0).collect();
    let last = w[w.len() - 1];
    let inner: f64 = w[..w.len() - 1]
        .iter()
        .map(|w| (w - 1.0).powi(2) * (1.0 + 10.0 * (PI * w + 1.0).sin().powi(2)))
        .sum();
    (PI * w[0]).sin().powi(2) + inner + (last - 1.0).powi(2) * (1.0 + (TAU * last).sin().powi(2))
}

fn rastrigin(u: &[f64]) -> f64 {
    u.iter().map(|&u| to(-5.12, 5.12, u)).map(|x| x * x - 10.0 * (TAU * x).cos() + 10.0).sum()
}

fn rosenbrock(u: &[f64]) -> f64 {
    let x: Vec<f64> = u.iter().map(|&u| to(-5.0, 10.0, u)).collect();
    x.windows(2).map(|pair| 100.0 * (pair[1] - pair[0] * pair[0]).powi(2) + (1.0 - pair[0]).powi(2)).sum()
}

fn sphere(u: &[f64]) -> f64 {
    u.iter().map(|&u| to(-5.12, 5.12, u).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where each function is least, in the unit cube, for two dimensions where it takes any number.
    fn optimum(name: &str) -> Vec<f64> {
        let from = |low: f64, high: f64, x: &[f64]| x.iter().map(|x| (x - low) / (high - low)).collect();
        match name {
            "branin" => vec![(PI + 5.0) / 15.0, 2.275 / 15.0],
            "hartmann3" => vec![0.114_614, 0.555_649, 0.852_547],
            "hartmann6" => vec![0.201_69, 0.150_011, 0.476_874, 0.275_332, 0.311_652, 0.657_3],
            "sixhumpcamel" => vec![(0.089_842 + 3.0) / 6.0, (-0.712_656 + 2.0) / 4.0],
            "levy" => from(-10.0, 10.0, &[1.0, 1.0]),
            "rosenbrock" => from(-5.0, 10.0, &[1.0, 1.0]),
            _ => vec![0.5, 0.5],
        }
    }

    #[test]
    fn every_function_has_its_known_minimum_where_it_is_known_to_be() {
        for function in FUNCTIONS {
            let value = (function.evaluate)(&optimum(function.name));
            assert!((value - function.minimum).abs() < 1e-4, "{}: {value}", function.name);
        }
    }

    #[test]
    fn no_function_is_anywhere_below_its_minimum() {
        for function in FUNCTIONS {
            let d = function.dimensions.unwrap_or(2);
            for i in 0..2_000_u32 {
                let u: Vec<f64> = (0..d)
                    .map(|j| (f64::from(i) * 0.618_033_988_7 + 0.37 * j as f64 * f64::from(i)) % 1.0)
                    .collect();
                assert!((function.evaluate)(&u) >= function.minimum - 1e-9, "{} at {u:?}", function.name);
            }
        }
    }
}
