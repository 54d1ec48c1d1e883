//! Limited-memory BFGS within a box: minimises smooth functions of tens of variables.
//!
//! Two-metric projection (Bertsekas 1982): variables held at a bound by the gradient are fixed for the step, the
//! others move along the L-BFGS direction (Nocedal 1980) and are projected back into the box.

use std::{collections::VecDeque, ops::RangeInclusive};

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Most steps taken.
    pub(super) iterations: usize,
    /// Stops when no component of the projected gradient is larger.
    pub(super) gradient: f64,
    /// Stops when a step improves the value by less than this.
    pub(super) improvement: f64,
}

/// Where it ended: never worse than the start.
#[derive(Clone, Debug)]
pub(super) struct Minimum {
    pub(super) at: Vec<f64>,
    pub(super) value: f64,
}

/// Pairs of steps and changes of the gradient that are remembered.
const MEMORY: usize = 10;
/// Share of the improvement promised by the slope that a step must bring (Armijo).
const SUFFICIENT: f64 = 1e-4;
/// A line search gives up after so many halvings or so.
const BACKTRACKS: usize = 20;

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
}

/// Minimises `function` from `start` (projected into the box). `function` writes its gradient into the second
/// argument and returns its value; where it is not finite, the line search steps back. `None` when it is not finite
/// at the start.
pub(super) fn minimize(
    start: &[f64],
    bounds: &[RangeInclusive<f64>],
    limits: Limits,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Option<Minimum> {
    let n = start.len();
    let project = |x: &mut [f64]| {
        x.iter_mut().zip(bounds).for_each(|(x, range)| *x = x.clamp(*range.start(), *range.end()));
    };
    let mut at = start.to_vec();
    project(&mut at);
    let mut gradient = vec![0.0; n];
    let mut value = function(&at, &mut gradient);
    if !(value.is_finite() && gradient.iter().all(|g| g.is_finite())) {
        return None;
    }

    let mut pairs: VecDeque<Pair> = VecDeque::with_capacity(MEMORY);
    let (mut next, mut next_gradient) = (at.clone(), gradient.clone());
    for _ in 0..limits.iterations {
        let free: Vec<bool> = (0..n)
            .map(|i| {
                let held_below = at[i] <= *bounds[i].start() && gradient[i] > 0.0;
                let held_above = at[i] >= *bounds[i].end() && gradient[i] < 0.0;
                !(held_below || held_above)
            })
            .collect();
        let steepest = (0..n).filter(|&i| free[i]).map(|i| gradient[i].abs()).fold(0.0, f64::max);
        if steepest <= limits.gradient {
            break;
        }
        let mut direction = quasi_newton(&pairs, &gradient, &free);
        if dot(&direction, &gradient, &free) >= 0.0 {
            pairs.clear();
            direction = quasi_newton(&pairs, &gradient, &free);
        }
        // Without curvature the gradient's length says nothing about the distance: begin with a short step.
        let mut length = if pairs.is_empty() { 0.1 / steepest.max(0.1) } else { 1.0 };

        let mut accepted = false;
        for _ in 0..BACKTRACKS {
            for i in 0..n {
                next[i] = at[i] + length * direction[i];
            }
            project(&mut next);
            let slope: f64 = (0..n).map(|i| gradient[i] * (next[i] - at[i])).sum();
            let next_value = function(&next, &mut next_gradient);
            let usable = next_value.is_finite() && next_gradient.iter().all(|g| g.is_finite());
            if usable && next_value <= value + SUFFICIENT * slope {
                accepted = true;
                let improvement = value - next_value;
                remember(&mut pairs, &at, &next, &gradient, &next_gradient);
                std::mem::swap(&mut at, &mut next);
                std::mem::swap(&mut gradient, &mut next_gradient);
                value = next_value;
                if improvement < limits.improvement {
                    return Some(Minimum { at, value });
                }
                break;
            }
            // The minimum of the parabola through the value, the slope and the new value, kept within reason.
            let curvature = next_value - value - slope;
            let shrink = if usable && curvature > 0.0 { -slope / (2.0 * curvature) } else { 0.1 };
            length *= shrink.clamp(0.1, 0.5);
        }
        if !accepted {
            if pairs.is_empty() {
                break;
            }
            pairs.clear();
        }
    }
    Some(Minimum { at, value })
}

/// `-H g` over the free variables, zero elsewhere, by the two-loop recursion.
fn quasi_newton(pairs: &VecDeque<Pair>, gradient: &[f64], free: &[bool]) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().zip(free).map(|(g, &f)| if f { -g } else { 0.0 }).collect();
    let mut applied = Vec::with_capacity(pairs.len());
    let mut scale = 1.0;
    for pair in pairs.iter().rev() {
        let curvature = dot(&pair.step, &pair.change, free);
        let length = dot(&pair.change, &pair.change, free);
        // A pair can lose its positive curvature when variables are fixed; then it says nothing here.
        if curvature <= 1e-10 * length {
            continue;
        }
        if applied.is_empty() {
            scale = curvature / length;
        }
        let weight = dot(&pair.step, &direction, free) / curvature;
        add(&mut direction, -weight, &pair.change, free);
        applied.push((pair, curvature, weight));
    }
    for d in &mut direction {
        *d *= scale;
    }
    for (pair, curvature, weight) in applied.into_iter().rev() {
        let correction = weight - dot(&pair.change, &direction, free) / curvature;
        add(&mut direction, correction, &pair.step, free);
    }
    direction
}

fn remember(pairs: &mut VecDeque<Pair>, at: &[f64], next: &[f64], gradient: &[f64], next_gradient: &[f64]) {
    let step: Vec<f64> = next.iter().zip(at).map(|(n, a)| n - a).collect();
    let change: Vec<f64> = next_gradient.iter().zip(gradient).map(|(n, g)| n - g).collect();
    let curvature: f64 = step.iter().zip(&change).map(|(s, c)| s * c).sum();
    let length: f64 = change.iter().map(|c| c * c).sum();
    if curvature > 1e-10 * length {
        if pairs.len() == MEMORY {
            pairs.pop_front();
        }
        pairs.push_back(Pair { step, change });
    }
}

fn dot(left: &[f64], right: &[f64], free: &[bool]) -> f64 {
    (0..left.len()).filter(|&i| free[i]).map(|i| left[i] * right[i]).sum()
}

fn add(target: &mut [f64], weight: f64, other: &[f64], free: &[bool]) {
    (0..target.len()).filter(|&i| free[i]).for_each(|i| target[i] += weight * other[i]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { iterations: 500, gradient: 1e-8, improvement: 0.0 };

    fn rosenbrock(x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        (0..x.len() - 1)
            .map(|i| {
                let (valley, offset) = (x[i + 1] - x[i] * x[i], 1.0 - x[i]);
                gradient[i] += -400.0 * x[i] * valley - 2.0 * offset;
                gradient[i + 1] += 200.0 * valley;
                100.0 * valley * valley + offset * offset
            })
            .sum()
    }

    #[test]
    fn finds_the_end_of_rosenbrocks_valley() {
        let mut calls = 0;
        let found = minimize(&[-1.2, 1.0, -0.5, 2.0, 0.3], &vec![-5.0..=5.0; 5], LIMITS, |x, g| {
            calls += 1;
            rosenbrock(x, g)
        })
        .unwrap();
        assert!(found.at.iter().all(|x| (x - 1.0).abs() < 1e-5), "{found:?}");
        assert!(calls < 150, "{calls} evaluations");
    }

    #[test]
    fn stops_at_the_bound_where_the_minimum_is_outside() {
        // With x0 <= 0.5 the constrained minimum of Rosenbrock's function is (0.5, 0.25).
        let found = minimize(&[-1.2, 1.0], &[-2.0..=0.5, -2.0..=2.0], LIMITS, rosenbrock).unwrap();
        assert!((found.at[0] - 0.5).abs() < 1e-9 && (found.at[1] - 0.25).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn steps_back_from_where_the_function_is_not_finite() {
        let function = |x: &[f64], g: &mut [f64]| {
            g[0] = 1.0 - 1.0 / x[0];
            if x[0] > 0.0 { x[0] - x[0].ln() } else { f64::NAN }
        };
        let found = minimize(&[20.0], &[-100.0..=100.0], LIMITS, function).unwrap();
        assert!((found.at[0] - 1.0).abs() < 1e-5, "{found:?}");
        assert!(minimize(&[-1.0], &[-100.0..=100.0], LIMITS, function).is_none());
    }

    proptest! {
        #[test]
        fn solves_any_convex_quadratic_in_a_box(
            centre in prop::collection::vec(-2.0..2.0_f64, 6),
            curvature in prop::collection::vec(0.01..100.0_f64, 6),
            start in prop::collection::vec(-1.0..1.0_f64, 6),
        ) {
            let found = minimize(&start, &vec![-1.0..=1.0; 6], LIMITS, |x, g| {
                (0..6).map(|i| {
                    g[i] = curvature[i] * (x[i] - centre[i]);
                    g[i] * (x[i] - centre[i]) / 2.0
                }).sum()
            }).unwrap();
            for (at, centre) in found.at.iter().zip(&centre) {
                prop_assert!((at - centre.clamp(-1.0, 1.0)).abs() < 1e-4, "{found:?}");
            }
        }
    }
}
