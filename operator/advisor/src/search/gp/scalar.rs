//! One loss of several.

use rand::RngExt;

use crate::{TrialIndex, history::History, rng, search::Context};

/// Weight of the sum beside the maximum (Knowles 2006).
const SUM_WEIGHT: f64 = 0.05;
/// A loss further from the best than so many typical distances is at this.
const FARTHEST: f64 = 100.0;

/// An objective: its least loss, how far a typical trial is from that, and how much it weighs.
struct Objective {
    least: f64,
    typical: f64,
    weight: f64,
}

/// The augmented Chebyshev scalarisation with weights drawn anew for each trial, so that the trials together approach
/// the whole Pareto front (Knowles 2006, "`ParEGO`"). Of a single objective, the loss as it is.
pub(super) struct Scalar {
    /// Empty where there is one objective.
    objectives: Vec<Objective>,
}

impl Scalar {
    pub(super) fn new(context: &Context<'_>, history: &History, index: TrialIndex) -> Self {
        if context.objectives < 2 {
            return Self { objectives: Vec::new() };
        }
        let mut rng = rng::for_trial(context.seed, index, "gp-weights");
        let objectives = (0..context.objectives)
            .map(|objective| {
                let mut losses: Vec<f64> = history
                    .known()
                    .iter()
                    .filter_map(|trial| trial.last()?.losses.get(objective).copied())
                    .collect();
                losses.sort_by(f64::total_cmp);
                let least = losses.first().copied().unwrap_or(0.0);
                let typical =
                    losses.get(losses.len() / 2..).into_iter().flatten().find(|loss| **loss > least);
                // Exponential draws, divided by their sum, are uniform over all weights that sum to 1.
                let weight = -(1.0 - rng.random::<f64>()).ln();
                Objective { least, typical: typical.map_or(1.0, |loss| loss - least), weight }
            })
            .collect();
        Self { objectives }
    }

    /// `None` where a loss is missing.
    pub(super) fn loss(&self, losses: &[f64]) -> Option<f64> {
        if self.objectives.is_empty() {
            return losses.first().copied();
        }
        let total: f64 = self.objectives.iter().map(|objective| objective.weight).sum();
        let (mut largest, mut sum) = (f64::NEG_INFINITY, 0.0);
        for (position, Objective { least, typical, weight }) in self.objectives.iter().enumerate() {
            let loss = losses.get(position)?;
            let weighed = weight / total * ((loss - least) / typical).min(FARTHEST);
            largest = largest.max(weighed);
            sum += weighed;
        }
        Some(largest + SUM_WEIGHT * sum)
    }
}
