//! The tree-structured Parzen estimator: draws where good trials are dense and others are not.
//!
//! Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (NIPS 2011), in the multivariate form of Falkner et
//! al., "BOHB" (ICML 2018): l(x) is a density of the good trials, g(x) of the others; of some draws from l the one
//! with the largest l(x)/g(x) is proposed. Watanabe, "Tree-Structured Parzen Estimator: Understanding Its Algorithm
//! Components" (2023), compares the choices made here.

mod fronts;
mod group;
mod kernel;
mod mixture;
mod split;

#[cfg(test)]
mod tests;

use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::{
    group::Group,
    mixture::{Bandwidth, Mixture},
    split::{Split, split},
};
use super::{
    BuildSearcher, Context, Searcher,
    fresh::{DRAWS, fresh},
    random,
    sobol::{self, Sequence},
};
use crate::{
    Invalid, TrialIndex,
    history::{History, Trial},
    registry::{Registration, no_zeros, read_options},
    rng::{self, Rng},
    space::Configuration,
};

/// TPE.
pub const REGISTRATION: Registration<BuildSearcher> = Registration {
    name: "TPE",
    summary: "Models where good trials are. Takes any parameters, conditional ones too, several objectives, many \
              trials and many at once.",
    options: || schema_for!(Options),
    build,
};

/// Settings of the estimator.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Options {
    /// Whether parameters are modelled together, so that what they do to each other is seen; else each by itself.
    multivariate: bool,
    /// This many trials must have ended before the model is used; until then trials follow a Sobol sequence.
    #[schemars(range(min = 1))]
    startup_trials: usize,
    /// This many draws are compared for each proposal: more of them follow the model more closely.
    #[schemars(range(min = 1))]
    candidates: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { multivariate: true, startup_trials: 10, candidates: 24 }
    }
}

/// Most of the other trials that g is made of: beyond it evenly thinned, so that no proposal takes longer for being
/// late.
const MOST_OTHERS: usize = 2048;

fn build(context: &Context<'_>, options: &Map<String, Value>) -> Result<Box<dyn Searcher>, Vec<Invalid>> {
    let options: Options = read_options(options)?;
    no_zeros([("startupTrials", options.startup_trials == 0), ("candidates", options.candidates == 0)])?;
    Ok(Box::new(Tpe {
        options,
        sequence: Sequence::new(context.space.dimensions().len(), context.seed),
        groups: group::groups(context.space, options.multivariate),
    }))
}

struct Tpe {
    options: Options,
    sequence: Sequence,
    groups: Vec<Group>,
}

impl Searcher for Tpe {
    fn propose(
        &mut self,
        context: &Context<'_>,
        history: &History,
        index: TrialIndex,
    ) -> Option<Configuration> {
        if history.not_live() < self.options.startup_trials {
            return sobol::propose(&self.sequence, context, history, index);
        }
        let mut split = split(history, context.objectives);
        thin(&mut split.rest, MOST_OTHERS);
        let mut rng = rng::for_trial(context.seed, index, "tpe");
        let ranked: Vec<Vec<Vec<f64>>> = self
            .groups
            .iter()
            .map(|group| self.ranked_draws(group, context, history, &split, &mut rng))
            .collect();
        let dimensions = context.space.dimensions().len();
        let best_first = (0..self.options.candidates).map(|rank| {
            let mut coordinates = vec![0.5; dimensions];
            for (group, draws) in self.groups.iter().zip(&ranked) {
                for ((d, _), x) in group.dimensions.iter().zip(&draws[rank]) {
                    coordinates[*d] = *x;
                }
            }
            coordinates
        });
        let mut others = rng::for_trial(context.seed, index, "tpe-others");
        let random = (0..DRAWS).map(|_| random::coordinates(&mut others, dimensions));
        fresh(context, history, index, best_first.chain(random))
    }

    fn learns(&self) -> bool {
        true
    }

    fn explain(&self, _: &Context<'_>, history: &History) -> String {
        let together = if self.options.multivariate { "together" } else { "one by one" };
        let ended = history.not_live();
        let startup = self.options.startup_trials;
        if ended < startup {
            return format!(
                "A Sobol sequence until {startup} trials have ended ({ended} have), then the tree-structured Parzen \
                 estimator, parameters modelled {together}."
            );
        }
        format!(
            "The tree-structured Parzen estimator, parameters modelled {together}: of {} draws from the density of the \
             best {} of {ended} trials, the one least like the others.",
            self.options.candidates,
            split::good_among(ended),
        )
    }
}

/// Leaves at most `most`, at equal distances counted from the newest, which stays.
fn thin(positions: &mut Vec<usize>, most: usize) {
    let step = positions.len().div_ceil(most).max(1);
    let newest = positions.len().saturating_sub(1);
    let mut at = 0;
    positions.retain(|_| {
        at += 1;
        (newest + 1 - at).is_multiple_of(step)
    });
}

impl Tpe {
    /// Draws from the good trials' density over a group, the most promising first.
    fn ranked_draws(
        &self,
        group: &Group,
        context: &Context<'_>,
        history: &History,
        split: &Split,
        rng: &mut Rng,
    ) -> Vec<Vec<f64>> {
        let bandwidth = if self.options.multivariate { Bandwidth::Scott } else { Bandwidth::Gaps };
        let has_group = |trial: &&Trial| group.dimensions.iter().all(|(d, _)| trial.point[*d].is_some());
        let trials_of = |positions: &[usize]| -> Vec<&Trial> {
            positions.iter().map(|at| &history.known()[*at]).filter(has_group).collect()
        };
        let good = Mixture::new(group, &trials_of(&split.good), bandwidth);
        let others = Mixture::new(group, &trials_of(&split.rest), bandwidth);
        let draws: Vec<Vec<f64>> = (0..self.options.candidates)
            .map(|_| {
                let draw = good.sample(group, rng);
                group.dimensions.iter().zip(draw).map(|((d, _), x)| context.space.snap(*d, x)).collect()
            })
            .collect();
        let mut scores = vec![0.0; draws.len()];
        good.score(group, &draws, 1.0, &mut scores);
        others.score(group, &draws, -1.0, &mut scores);
        let mut ranked: Vec<(f64, Vec<f64>)> = scores.into_iter().zip(draws).collect();
        ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        ranked.into_iter().map(|(_, draw)| draw).collect()
    }
}
