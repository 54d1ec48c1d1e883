//! Chooses a searcher by what the job is.

use schemars::schema_for;
use serde_json::{Map, Value};

use super::{BuildSearcher, Context, Searcher, gp, grid, random, sobol, tpe};
use crate::{
    Invalid, TrialIndex,
    history::History,
    registry::{NoOptions, Registration, read_options},
    space::{Configuration, DimensionKind, Domain, Space},
};

/// The choice by rule.
pub const REGISTRATION: Registration<BuildSearcher> = Registration {
    name: "Auto",
    summary: "Chooses one of the others by the space and the budget, and says why.",
    options: || schema_for!(NoOptions),
    build,
};

/// A finite space is covered whole up to this many configurations when no budget says otherwise.
const COVERED: u128 = 64;
/// Up to this many trials a Gaussian process suggests in time and makes the most of each.
const FEW_TRIALS: u32 = 1000;
/// From so many trials at once on, a Gaussian process gains little over the cheaper methods.
const MANY_AT_ONCE: u32 = 64;

fn build(context: &Context<'_>, options: &Map<String, Value>) -> Result<Box<dyn Searcher>, Vec<Invalid>> {
    read_options::<NoOptions>(options).map_err(|wrong| {
        let hint = "Auto has no options: name the algorithm in search.algorithm to set its own";
        wrong.into_iter().map(|invalid| Invalid::new(invalid.field, hint)).collect::<Vec<_>>()
    })?;
    let (chosen, why) = choose(context);
    Ok(Box::new(Auto { chosen: (chosen.build)(context, &Map::new())?, name: chosen.name, why }))
}

struct Auto {
    chosen: Box<dyn Searcher>,
    name: &'static str,
    why: String,
}

impl Searcher for Auto {
    fn propose(
        &mut self,
        context: &Context<'_>,
        history: &History,
        index: TrialIndex,
    ) -> Option<Configuration> {
        self.chosen.propose(context, history, index)
    }

    fn learns(&self) -> bool {
        self.chosen.learns()
    }

    fn explain(&self, context: &Context<'_>, history: &History) -> String {
        format!("{}, chosen because {}. {}", self.name, self.why, self.chosen.explain(context, history))
    }
}

/// Which searcher, and why: the first of these that holds.
pub fn choose(context: &Context<'_>) -> (&'static Registration<BuildSearcher>, String) {
    let space = context.space;
    let size = space.cardinality();
    if size == Some(1) {
        return (&random::REGISTRATION, "there is a single configuration".to_owned());
    }
    let budget = context.max_trials;
    if let Some(size) = size.filter(|size| *size <= budget.map_or(COVERED, u128::from)) {
        return (&grid::REGISTRATION, format!("all {size} configurations fit the budget"));
    }
    if let Some(max) = budget.filter(|max| *max <= context.parallelism && !context.warm_start) {
        return (
            &sobol::REGISTRATION,
            format!("all {max} trials start before any has ended: there is nothing to learn from"),
        );
    }
    if context.objectives > 1 {
        return (&tpe::REGISTRATION, format!("there are {} objectives", context.objectives));
    }
    if let Some(parameter) =
        space.parameters().iter().find(|p| matches!(p.domain, Domain::Architecture { .. }))
    {
        return (&tpe::REGISTRATION, format!("{} is an architecture", parameter.name));
    }
    let Some(max) = budget.filter(|max| *max <= FEW_TRIALS) else {
        return (&tpe::REGISTRATION, format!("the budget allows more than {FEW_TRIALS} trials"));
    };
    if context.parallelism >= MANY_AT_ONCE {
        return (&tpe::REGISTRATION, format!("{} trials run at once", context.parallelism));
    }
    let all = space.dimensions().len();
    let awkward = awkward_dimensions(space);
    if 2 * awkward > all {
        return (&tpe::REGISTRATION, format!("{awkward} of {all} dimensions are conditional or unordered"));
    }
    let numeric = all - awkward;
    (
        &gp::REGISTRATION,
        format!("{numeric} of {all} dimensions are ordered and always active, and {max} trials are few"),
    )
}

/// Dimensions over which a smooth function says little: without order, or not always there.
fn awkward_dimensions(space: &Space) -> usize {
    let is_awkward = |kind: DimensionKind, parameter: usize| {
        matches!(kind, DimensionKind::Categorical { .. }) || !space.parameters()[parameter].when.is_empty()
    };
    space.dimensions().iter().filter(|dimension| is_awkward(dimension.kind, dimension.parameter)).count()
}
