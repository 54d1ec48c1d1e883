//! The scrambled Sobol sequence: draws that keep their distance from each other.

mod directions;
mod sequence;

pub use sequence::Sequence;

use schemars::schema_for;
use serde_json::{Map, Value};

use super::{
    BuildSearcher, Context, Searcher,
    fresh::{DRAWS, fresh},
    random,
};
use crate::{
    Invalid, TrialIndex,
    history::History,
    registry::{NoOptions, Registration, read_options},
    rng,
    space::Configuration,
};

/// Quasi-random search.
pub const REGISTRATION: Registration<BuildSearcher> = Registration {
    name: "Sobol",
    summary: "A scrambled Sobol sequence: covers the space more evenly than random draws. The best choice without \
              a model, and where all trials run at once.",
    options: || schema_for!(NoOptions),
    build,
};

fn build(context: &Context<'_>, options: &Map<String, Value>) -> Result<Box<dyn Searcher>, Vec<Invalid>> {
    read_options::<NoOptions>(options)?;
    Ok(Box::new(Sobol { sequence: Sequence::new(context.space.dimensions().len(), context.seed) }))
}

struct Sobol {
    sequence: Sequence,
}

impl Searcher for Sobol {
    fn propose(
        &mut self,
        context: &Context<'_>,
        history: &History,
        index: TrialIndex,
    ) -> Option<Configuration> {
        propose(&self.sequence, context, history, index)
    }

    fn explain(&self, context: &Context<'_>, _: &History) -> String {
        format!(
            "A scrambled Sobol sequence over {} dimensions; none is tried twice.",
            context.space.dimensions().len()
        )
    }
}

/// The sequence's point for trial `index`; where that was tried before (in a space with few values), a random one.
/// For searchers that begin with an even design.
pub fn propose(
    sequence: &Sequence,
    context: &Context<'_>,
    history: &History,
    index: TrialIndex,
) -> Option<Configuration> {
    let mut rng = rng::for_trial(context.seed, index, "sobol");
    let dimensions = context.space.dimensions().len();
    let draws = (0..DRAWS).map(|_| random::coordinates(&mut rng, dimensions));
    fresh(context, history, index, std::iter::once(sequence.point(index.0)).chain(draws))
}
