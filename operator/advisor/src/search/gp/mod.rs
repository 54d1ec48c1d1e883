//! Bayesian optimisation with a Gaussian process.
//!
//! The loss is modelled by a process with a Matérn-5/2 kernel; the next trial is where the expected improvement over
//! the best is greatest (Jones et al. 1998; Snoek et al. 2012, "Practical Bayesian Optimization of Machine Learning
//! Algorithms").
//!
//! - [`outcomes`]: what became of each trial, as one loss at one resource
//! - [`training`], [`warp`], [`features`]: these as numbers a process can be fitted to
//! - [`fit`], [`kernel`], [`lbfgs`], [`dense`]: the process's hyperparameters
//! - [`posterior`]: what it believes of a point
//! - [`acquisition`], [`log_ei`]: where to try next

mod acquisition;
mod candidates;
mod dense;
mod features;
mod fit;
mod kernel;
mod lbfgs;
mod log_ei;
mod outcomes;
mod posterior;
mod scalar;
#[cfg(test)]
mod tests;
mod training;
mod warp;

use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::{
    acquisition::{Acquisition, Coordinates},
    features::Embedding,
    fit::fit,
    kernel::Hyperparameters,
    outcomes::Outcomes,
    posterior::Posterior,
    scalar::Scalar,
    training::Observations,
};
use super::{
    BuildSearcher, Context, Searcher,
    fresh::{DRAWS, fresh},
    random,
    sobol::{self, Sequence},
};
use crate::{
    Invalid, TrialIndex,
    history::History,
    registry::{Registration, no_zeros, read_options},
    rng,
    space::{Configuration, Point},
};

const NAME: &str = "GaussianProcess";

/// Gaussian-process search.
pub const REGISTRATION: Registration<BuildSearcher> = Registration {
    name: NAME,
    summary: "Models the loss over the space and tries where the expected improvement is greatest. Makes the most of \
              each trial: the best choice for up to about a thousand costly ones.",
    options: || schema_for!(Options),
    build,
};

/// Settings of Gaussian-process search.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Options {
    /// This many trials follow a Sobol sequence before the model is used. Absent: one more than there are dimensions,
    /// from 5 to 10, but not more than a quarter of the trials there will be.
    #[schemars(range(min = 1))]
    startup_trials: Option<u32>,
    /// The acquisition function is compared at this many places all over the space, and climbed from the best of
    /// them.
    #[schemars(range(min = 1))]
    candidates: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { startup_trials: None, candidates: 1024 }
    }
}

/// A model of fewer known losses than this says nothing.
const FEWEST_KNOWN: usize = 3;

fn build(context: &Context<'_>, options: &Map<String, Value>) -> Result<Box<dyn Searcher>, Vec<Invalid>> {
    let options: Options = read_options(options)?;
    no_zeros([
        ("startupTrials", options.startup_trials == Some(0)),
        ("candidates", options.candidates == 0),
    ])?;
    Ok(Box::new(GaussianProcess {
        options,
        sequence: Sequence::new(context.space.dimensions().len(), context.seed),
        embedding: Embedding::new(context.space),
        fitted: None,
    }))
}

struct GaussianProcess {
    options: Options,
    sequence: Sequence,
    embedding: Embedding,
    /// The last fit, and what it is the fit of.
    fitted: Option<(Observations, Hyperparameters)>,
}

impl Searcher for GaussianProcess {
    fn propose(
        &mut self,
        context: &Context<'_>,
        history: &History,
        index: TrialIndex,
    ) -> Option<Configuration> {
        let places = if history.learned() < self.startup(context).saturating_sub(index.0) as usize {
            None
        } else {
            self.places(context, history, index)
        };
        let Some(places) = places else {
            return sobol::propose(&self.sequence, context, history, index);
        };
        let mut others = rng::for_trial(context.seed, index, "gp-others");
        let random = (0..DRAWS).map(|_| random::coordinates(&mut others, context.space.dimensions().len()));
        fresh(context, history, index, places.into_iter().chain(random))
    }

    fn learns(&self) -> bool {
        true
    }

    fn explain(&self, context: &Context<'_>, history: &History) -> String {
        let startup = self.startup(context);
        let begun = history.known().len();
        if begun < startup as usize {
            return format!(
                "A Sobol sequence for the first {startup} trials ({begun} have begun), then the greatest expected \
                 improvement by a Gaussian process."
            );
        }
        let outcomes = Outcomes::new(history, |losses| losses.first().copied());
        let at = outcomes.target.map_or_else(String::new, |resource| format!(" at resource {resource}"));
        format!(
            "The greatest expected improvement by a Gaussian process of the loss{at}, from the outcomes of {} trials; \
             {} more are awaited.",
            outcomes.told.len(),
            outcomes.pending.len()
        )
    }
}

impl GaussianProcess {
    /// Trials that follow the Sobol sequence. A model of fewer points than dimensions knows little, but a quarter of
    /// a small budget must do.
    fn startup(&self, context: &Context<'_>) -> u32 {
        let by_dimension = (context.space.dimensions().len() as u32 + 1).clamp(5, 10);
        let by_budget = context.max_trials.map_or(u32::MAX, |max| (max / 4).max(FEWEST_KNOWN as u32));
        self.options.startup_trials.unwrap_or_else(|| by_dimension.min(by_budget))
    }

    /// Places to try, the best first; `None` where there is nothing to model or the model cannot be computed.
    fn places(
        &mut self,
        context: &Context<'_>,
        history: &History,
        index: TrialIndex,
    ) -> Option<Vec<Coordinates>> {
        let scalar = Scalar::new(context, history, index);
        let outcomes = Outcomes::new(history, |losses| scalar.loss(losses));
        if outcomes.losses().len() < FEWEST_KNOWN || context.space.dimensions().is_empty() {
            return None;
        }
        let observations = training::all(&self.embedding, history, &outcomes);
        let to_fit = training::settled(&self.embedding, history, &outcomes, context.parallelism);
        let hyperparameters = self.fitted(to_fit.as_ref().unwrap_or(&observations));
        let pending: Vec<&Point> =
            training::latest(&outcomes.pending).map(|at| &history.known()[at].point).collect();
        let pending = self.embedding.embed(pending.into_iter());
        let owners = self.embedding.owners();
        let posterior = Posterior::new(&observations, &pending, owners, hyperparameters).or_else(|| {
            let prior = Hyperparameters::typical(self.embedding.dimensions());
            Posterior::new(&observations, &pending, owners, prior)
        })?;
        let acquisition = Acquisition {
            space: context.space,
            embedding: &self.embedding,
            posterior: &posterior,
            threshold: posterior.least_mean(),
        };
        let best = training::best(&outcomes).map(|at| &history.known()[at].point);
        let mut rng = rng::for_trial(context.seed, index, "gp-candidates");
        let places = candidates::all_over(context.space, self.options.candidates, &mut rng)
            .chain(candidates::around(context.space, best.collect(), &mut rng));
        Some(acquisition.best_first(places.collect()))
    }

    /// The fit of these observations: the last one, where it was of the same.
    fn fitted(&mut self, observations: &Observations) -> Hyperparameters {
        if let Some((known, hyperparameters)) = &self.fitted
            && known == observations
        {
            return hyperparameters.clone();
        }
        let hyperparameters = fit(observations, &self.embedding);
        self.fitted = Some((observations.clone(), hyperparameters.clone()));
        hyperparameters
    }
}
