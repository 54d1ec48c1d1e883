//! Every configuration in order.

use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{BuildSearcher, Context, Searcher};
use crate::{
    Invalid, TrialIndex,
    history::History,
    registry::{Registration, read_options},
    space::{Configuration, Enumeration},
};

/// Grid search.
pub const REGISTRATION: Registration<BuildSearcher> = Registration {
    name: "Grid",
    summary: "Every combination of values in order, the last parameter changing fastest; the job ends when all \
              have been tried. For small spaces that must be covered whole.",
    options: || schema_for!(Options),
    build,
};

/// Settings of the grid.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Options {
    /// How many values of each float without a step: evenly spread over its distribution from min to max.
    #[schemars(range(min = 1))]
    levels: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { levels: 5 }
    }
}

fn build(context: &Context<'_>, options: &Map<String, Value>) -> Result<Box<dyn Searcher>, Vec<Invalid>> {
    let Options { levels } = read_options(options)?;
    if levels == 0 {
        return Err(vec![Invalid::new("levels", "must be at least 1, not 0")]);
    }
    Ok(Box::new(Grid { levels, walk: Enumeration::new(context.space, levels), known: 0 }))
}

struct Grid {
    levels: u32,
    /// No configuration before this place is untried.
    walk: Enumeration,
    /// Different configurations in the history that `walk` has seen.
    known: usize,
}

impl Searcher for Grid {
    /// The first configuration in order that was not tried. A job passes over each one once: its history only grows,
    /// so what was passed over stays tried.
    fn propose(&mut self, context: &Context<'_>, history: &History, _: TrialIndex) -> Option<Configuration> {
        if history.different() < self.known {
            self.walk = Enumeration::new(context.space, self.levels);
        }
        self.known = history.different();
        while let Some(coordinates) = self.walk.coordinates() {
            let configuration = context.space.decode(coordinates);
            if !history.contains(&configuration) {
                return Some(configuration);
            }
            self.walk.advance(context.space);
        }
        None
    }

    fn explain(&self, context: &Context<'_>, _: &History) -> String {
        let size = match context.space.cardinality() {
            Some(size) => format!("All {size} configurations"),
            None => format!("A grid with {} values of each float without a step", self.levels),
        };
        format!("{size}, the last parameter changing fastest; none is tried twice.")
    }
}
