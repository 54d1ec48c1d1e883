//! Independent draws from the prior.

use rand::RngExt;
use schemars::schema_for;
use serde_json::{Map, Value};

use super::{
    BuildSearcher, Context, Searcher,
    fresh::{DRAWS, fresh},
};
use crate::{
    Invalid, TrialIndex,
    history::History,
    registry::{NoOptions, Registration, read_options},
    rng::{self, Rng},
    space::Configuration,
};

/// Random search.
pub const REGISTRATION: Registration<BuildSearcher> = Registration {
    name: "Random",
    summary: "Independent draws from the space. A baseline, and right where every trial is noise-free and cheap.",
    options: || schema_for!(NoOptions),
    build,
};

fn build(_: &Context<'_>, options: &Map<String, Value>) -> Result<Box<dyn Searcher>, Vec<Invalid>> {
    read_options::<NoOptions>(options)?;
    Ok(Box::new(Random))
}

struct Random;

/// A uniform draw from the unit cube.
pub fn coordinates(rng: &mut Rng, dimensions: usize) -> Vec<f64> {
    (0..dimensions).map(|_| rng.random()).collect()
}

impl Searcher for Random {
    fn propose(
        &mut self,
        context: &Context<'_>,
        history: &History,
        index: TrialIndex,
    ) -> Option<Configuration> {
        let mut rng = rng::for_trial(context.seed, index, "random");
        let dimensions = context.space.dimensions().len();
        fresh(context, history, index, (0..DRAWS).map(|_| coordinates(&mut rng, dimensions)))
    }

    fn explain(&self, _: &Context<'_>, _: &History) -> String {
        "Random draws, each value as likely as its parameter's distribution says; none is tried twice."
            .to_owned()
    }
}
