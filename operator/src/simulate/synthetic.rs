//! Learning curves from a function of known optimum.

use std::collections::BTreeMap;

use rand::RngExt as _;
use temper_advisor::{
    Invalid, Resource, TrialIndex, rng,
    space::{Configuration, Space},
    suggest::did_you_mean,
};

use super::{
    Curve, Source, Step,
    functions::{FUNCTIONS, Function},
};
use crate::plan::{Ending, Objective};

/// Curves from a function: the loss falls towards the function's value as the trial goes on.
pub struct Synthetic<'a> {
    function: &'static Function,
    space: &'a Space,
    objective: &'a Objective,
    /// Steps of a whole trial.
    steps: u64,
    seed: u64,
}

impl<'a> Synthetic<'a> {
    /// # Errors
    /// When there is no function of this name, or the job's space does not fit it.
    pub fn new(
        name: &str,
        space: &'a Space,
        objectives: &'a [Objective],
        steps: Option<Resource>,
        seed: u64,
    ) -> Result<Self, Invalid> {
        let names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
        let wrong = |problem: String| Invalid::new("--function", problem);
        let Some(function) = FUNCTIONS.iter().find(|function| function.name.eq_ignore_ascii_case(name))
        else {
            let near = did_you_mean(name, names.iter().copied());
            return Err(wrong(format!(
                "no function is named {name:?}; there are {}{near}",
                names.join(", ")
            )));
        };
        let [objective] = objectives else {
            return Err(wrong(format!(
                "a function has one value and this job has {} objectives; simulate it over --curves",
                objectives.len()
            )));
        };
        let dimensions = space.dimensions().len();
        if dimensions == 0 || function.dimensions.is_some_and(|wanted| wanted != dimensions) {
            let wanted = function.dimensions.map_or("at least 1".to_owned(), |wanted| wanted.to_string());
            return Err(wrong(format!(
                "{name} takes {wanted} parameters and this job searches over {dimensions}"
            )));
        }
        Ok(Self { function, space, objective, steps: steps.map_or(1, Resource::get), seed })
    }
}

impl Source for Synthetic<'_> {
    fn curve(&self, trial: TrialIndex, parameters: &Configuration) -> Curve {
        let point: Vec<f64> =
            self.space.encode(parameters).into_iter().map(|coordinate| coordinate.unwrap_or(0.5)).collect();
        let value = (self.function.evaluate)(&point);
        // A power law, as learning curves are (Domhan et al. 2015), with a speed of each trial's own, so that the
        // order of two trials may change on the way.
        let mut dice = rng::for_trial(self.seed, trial, "simulated curve");
        let decay: f64 = dice.random_range(0.5..1.5);
        let pace: f64 = dice.random_range(0.5..1.5);
        let excess = 1.0 + (value - self.function.minimum).abs();
        let steps = (1..=self.steps)
            .filter_map(|step| {
                let gone = (step as f64).powf(-decay) - (self.steps as f64).powf(-decay);
                let loss = value + excess * gone;
                Some(Step {
                    resource: Resource::new(step)?,
                    seconds: 60.0 * pace / self.steps as f64,
                    metrics: BTreeMap::from([(self.objective.metric.clone(), self.objective.value(loss))]),
                })
            })
            .collect();
        Curve { steps, ending: Ending::Succeeded }
    }
}
