//! A density over a group of dimensions: a mixture of product kernels, one around each trial, and the prior.

use rand::RngExt;

use super::{
    group::{Group, Kind},
    kernel::{Normaliser, draw, log_masses, log_normaliser},
};
use crate::{history::Trial, rng::Rng};

/// Kernels are scored in tiles of this many, so that a tile of every dimension stays in the first-level cache.
const TILE: usize = 128;

/// The mixture. Arrays are one number for each kernel, dimension after dimension.
pub(super) struct Mixture {
    kernels: usize,
    columns: Vec<Column>,
    /// Of each kernel: log of its weight over all normalisers.
    log_weights: Vec<f64>,
    /// Of each kernel: half of one over its variance; the same for all of its dimensions.
    half_precision: Vec<f64>,
    /// log of the prior's weight.
    log_prior: f64,
    /// Running sum of the weights, the prior's last.
    cumulative: Vec<f64>,
}

/// The kernels of one dimension.
enum Column {
    Smooth { means: Vec<f64> },
    Levels { at: Vec<u32>, levels: usize, log_masses: Vec<f64>, log_prior: Vec<f64> },
    Choices { at: Vec<u32>, own: f64, other: f64, log_prior: f64 },
}

/// How wide the kernels are.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Bandwidth {
    /// All alike, narrower the more there are: 0.2 n^(-1/(d+4)), Scott's rule with a fifth of the range for the
    /// deviation of the trials.
    Scott,
    /// Each as wide as the larger gap to its neighbours. For a single dimension.
    Gaps,
}

impl Mixture {
    /// Around these trials, oldest first, in each of which the whole group is active.
    pub(super) fn new(group: &Group, trials: &[&Trial], bandwidth: Bandwidth) -> Self {
        let kernels = trials.len();
        let weights = weights(kernels);
        let total: f64 = weights.iter().sum::<f64>() + 1.0;
        let least = 1.0 / (kernels as f64 + 2.0).min(100.0);
        let shared = 0.2 * (kernels.max(1) as f64).powf(-1.0 / (group.dimensions.len() as f64 + 4.0));
        let shared = shared.clamp(least, 1.0);
        let mut mixture = Self {
            kernels,
            columns: Vec::with_capacity(group.dimensions.len()),
            log_weights: weights.iter().map(|weight| (weight / total).ln()).collect(),
            half_precision: vec![0.5 / (shared * shared); kernels],
            log_prior: -total.ln(),
            cumulative: Vec::with_capacity(kernels + 1),
        };
        let mut sum = 0.0;
        for weight in weights.into_iter().chain([1.0]) {
            sum += weight / total;
            mixture.cumulative.push(sum);
        }
        let normaliser = Normaliser::new(shared);
        for (d, kind) in &group.dimensions {
            // Whole groups are active or not: every coordinate is there.
            let coordinates = trials.iter().map(|trial| trial.point[*d].unwrap_or(0.5));
            let column = match kind {
                Kind::Smooth => {
                    let means: Vec<f64> = coordinates.collect();
                    if bandwidth == Bandwidth::Gaps {
                        mixture.widen_to_gaps(&means, least);
                    } else {
                        for (log_weight, mean) in mixture.log_weights.iter_mut().zip(&means) {
                            *log_weight -= normaliser.log(*mean);
                        }
                    }
                    Column::Smooth { means }
                }
                Kind::Levels { edges } => Column::Levels {
                    at: coordinates.map(|u| kind.level(u)).collect(),
                    levels: edges.len() - 1,
                    log_masses: log_masses(edges, shared),
                    log_prior: edges.windows(2).map(|cell| (cell[1] - cell[0]).ln()).collect(),
                },
                Kind::Choices { count } => {
                    // Each choice gets 1 / (n + 1) beside the 1 of the kernel's own.
                    let prior = 1.0 / (kernels as f64 + 1.0);
                    let all = 1.0 + prior * *count as f64;
                    Column::Choices {
                        at: coordinates.map(|u| kind.level(u)).collect(),
                        own: ((1.0 + prior) / all).ln(),
                        other: (prior / all).ln(),
                        log_prior: -(*count as f64).ln(),
                    }
                }
            };
            mixture.columns.push(column);
        }
        mixture
    }

    fn widen_to_gaps(&mut self, means: &[f64], least: f64) {
        let mut order: Vec<usize> = (0..means.len()).collect();
        order.sort_unstable_by(|a, b| means[*a].total_cmp(&means[*b]));
        for (place, at) in order.iter().enumerate() {
            let below = place.checked_sub(1).map_or(0.0, |place| means[order[place]]);
            let above = order.get(place + 1).map_or(1.0, |at| means[*at]);
            let sd = (means[*at] - below).max(above - means[*at]).clamp(least, 1.0);
            self.half_precision[*at] = 0.5 / (sd * sd);
            self.log_weights[*at] -= log_normaliser(means[*at], sd);
        }
    }

    /// A draw: one coordinate for each dimension of the group, continuous wherever the dimension is smooth.
    pub(super) fn sample(&self, group: &Group, rng: &mut Rng) -> Vec<f64> {
        let pick: f64 = rng.random();
        let kernel = self.cumulative.partition_point(|sum| *sum <= pick).min(self.kernels);
        if kernel == self.kernels {
            return group.dimensions.iter().map(|_| rng.random()).collect();
        }
        let sd = (0.5 / self.half_precision[kernel]).sqrt();
        let mut column = |column: &Column, kind: &Kind| match (column, kind) {
            (Column::Smooth { means }, _) => draw(rng, means[kernel], sd),
            (Column::Levels { at, .. }, Kind::Levels { edges }) => {
                let level = at[kernel] as usize;
                draw(rng, 0.5 * (edges[level] + edges[level + 1]), sd)
            }
            (Column::Choices { at, own, .. }, Kind::Choices { count }) => {
                let spread: f64 = rng.random();
                // Beyond its own share the rest is shared evenly by the others.
                let share = (spread - own.exp()) / (1.0 - own.exp());
                let step = if share <= 0.0 { 0 } else { 1 + (share * (*count as f64 - 1.0)) as usize };
                middle_of((at[kernel] as usize + step) % count, *count)
            }
            _ => rng.random(),
        };
        self.columns.iter().zip(&group.dimensions).map(|(c, (_, kind))| column(c, kind)).collect()
    }

    /// log of the density at each of `candidates` (coordinates of the group's dimensions), added to `scores` times
    /// `sign`.
    pub(super) fn score(&self, group: &Group, candidates: &[Vec<f64>], sign: f64, scores: &mut [f64]) {
        let mut sums = vec![LogSum::default(); candidates.len()];
        let (mut squares, mut logs) = ([0.0; TILE], [0.0; TILE]);
        for start in (0..self.kernels).step_by(TILE) {
            let size = TILE.min(self.kernels - start);
            for (candidate, sum) in candidates.iter().zip(&mut sums) {
                let (squares, logs) = (&mut squares[..size], &mut logs[..size]);
                squares.fill(0.0);
                logs.copy_from_slice(&self.log_weights[start..start + size]);
                for ((column, (_, kind)), x) in self.columns.iter().zip(&group.dimensions).zip(candidate) {
                    column.add(kind, *x, start, squares, logs);
                }
                for ((log, square), half_precision) in
                    logs.iter_mut().zip(squares).zip(&self.half_precision[start..])
                {
                    *log -= *square * half_precision;
                }
                sum.add(logs);
            }
        }
        for ((candidate, mut sum), score) in candidates.iter().zip(sums).zip(scores) {
            let dimensions = self.columns.iter().zip(&group.dimensions).zip(candidate);
            let prior: f64 = dimensions.map(|((column, (_, kind)), x)| column.log_prior(kind, *x)).sum();
            sum.add(&[self.log_prior + prior]);
            *score += sign * sum.log();
        }
    }
}

impl Column {
    /// Adds what this dimension does to kernels `start..`: squared distances, and logs of masses.
    fn add(&self, kind: &Kind, x: f64, start: usize, squares: &mut [f64], logs: &mut [f64]) {
        match self {
            Self::Smooth { means } => {
                for (square, mean) in squares.iter_mut().zip(&means[start..]) {
                    *square += (x - mean) * (x - mean);
                }
            }
            Self::Levels { at, levels, log_masses, .. } => {
                let row = kind.level(x) as usize * levels;
                let row = &log_masses[row..row + levels];
                for (log, level) in logs.iter_mut().zip(&at[start..]) {
                    *log += row[*level as usize];
                }
            }
            Self::Choices { at, own, other, .. } => {
                let choice = kind.level(x);
                for (log, kernel) in logs.iter_mut().zip(&at[start..]) {
                    *log += if *kernel == choice { *own } else { *other };
                }
            }
        }
    }

    fn log_prior(&self, kind: &Kind, x: f64) -> f64 {
        match self {
            Self::Smooth { .. } => 0.0,
            Self::Levels { log_prior, .. } => log_prior[kind.level(x) as usize],
            Self::Choices { log_prior, .. } => *log_prior,
        }
    }
}

impl Kind {
    fn level(&self, x: f64) -> u32 {
        match self {
            Self::Smooth => 0,
            Self::Levels { edges } => {
                (edges.partition_point(|edge| *edge <= x).max(1) as u32 - 1).min(edges.len() as u32 - 2)
            }
            Self::Choices { count } => ((x * *count as f64) as usize).min(count - 1) as u32,
        }
    }
}

fn middle_of(choice: usize, count: usize) -> f64 {
    (choice as f64 + 0.5) / count as f64
}

/// The newest 25 trials weigh 1, older ones less, down to 1/n.
fn weights(trials: usize) -> Vec<f64> {
    const FULL: usize = 25;
    let older = trials.saturating_sub(FULL);
    let least = 1.0 / trials as f64;
    let ramp = (0..older).map(|at| least + (1.0 - least) * at as f64 / (older.max(2) - 1) as f64);
    ramp.chain(std::iter::repeat_n(1.0, trials - older)).collect()
}

/// log of a sum of exponentials, without overflow, fed a tile at a time.
#[derive(Clone, Copy)]
struct LogSum {
    largest: f64,
    sum: f64,
}

impl Default for LogSum {
    fn default() -> Self {
        Self { largest: f64::NEG_INFINITY, sum: 0.0 }
    }
}

impl LogSum {
    fn add(&mut self, logs: &[f64]) {
        let largest = logs.iter().copied().fold(self.largest, f64::max);
        let added: f64 = logs.iter().map(|log| (log - largest).exp()).sum();
        self.sum = self.sum * (self.largest - largest).exp() + added;
        self.largest = largest;
    }

    fn log(self) -> f64 {
        self.largest + self.sum.ln()
    }
}
