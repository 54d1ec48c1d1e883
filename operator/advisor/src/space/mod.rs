//! The search space: parameters, when each is active, and the way to the unit cube and back.
//!
//! A searcher that works on numbers sees a list of [`Dimension`]s and [`Point`]s; one that does not, sees
//! [`Configuration`]s. [`Space`] goes between the two.

mod adopt;
mod axis;
mod build;
mod check;
mod complete;
mod count;
pub mod domain;
mod enumerate;
pub mod value;

#[cfg(test)]
pub(crate) mod strategies;
#[cfg(test)]
mod tests;

pub use adopt::Misfit;
pub use domain::{Domain, FloatDomain, IntDomain, Prior, Scale};
pub use enumerate::Enumeration;
pub use value::{Configuration, Value};

use std::collections::BTreeMap;

use crate::{Invalid, ParamName};

/// One parameter of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Unique within its space.
    pub name: ParamName,
    /// What values it takes.
    pub domain: Domain,
    /// It is active (has a value) when every one of these holds; always, when there are none.
    pub when: Vec<Condition>,
}

/// Holds when the parent is active and has one of the values.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// A parameter declared earlier.
    pub parent: ParamName,
    /// Values of the parent that make the child active.
    pub values: Vec<Value>,
}

/// One coordinate of the unit cube. A parameter has one, an architecture has one for each position, a fixed
/// parameter has none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dimension {
    /// Position of its parameter in [`Space::parameters`].
    pub parameter: usize,
    /// Which position of an architecture it is; 0 for every other parameter.
    pub position: usize,
    /// What kind of coordinate it is.
    pub kind: DimensionKind,
}

/// What a coordinate stands for. The coordinate itself is in [0, 1] whatever the kind; it is uniform under the
/// parameter's prior, so uniform draws are draws from the prior.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DimensionKind {
    /// Any value in [0, 1].
    Continuous,
    /// `levels` ordered values, cell `k` of them covering an interval of the cube (integers, steps, ordinals).
    Discrete {
        /// How many, at least 1.
        levels: u64,
    },
    /// `choices` values without order: choice `k` is any coordinate in [k/choices, (k+1)/choices), encoded at the
    /// middle.
    Categorical {
        /// How many, at least 1.
        choices: usize,
    },
}

impl DimensionKind {
    /// How many values it tells apart; `None` when there is no end to them.
    pub fn levels(self) -> Option<u64> {
        match self {
            Self::Continuous => None,
            Self::Discrete { levels } => Some(levels),
            Self::Categorical { choices } => Some(choices as u64),
        }
    }
}

/// A place in the unit cube, a coordinate for each [`Dimension`]; `None` where the parameter is inactive.
pub type Point = Vec<Option<f64>>;

/// The parameters of a job, in declared order: a parameter's parents come before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    parameters: Vec<Parameter>,
    dimensions: Vec<Dimension>,
    /// Of each parameter: its first dimension (the next one's first is where its own end), and when it is active.
    layout: Vec<Layout>,
    by_name: BTreeMap<ParamName, usize>,
}

#[derive(Clone, Debug, PartialEq)]
struct Layout {
    first: usize,
    end: usize,
    requires: Vec<Requirement>,
}

/// A [`Condition`] in terms of levels, so that it is decided without making values.
#[derive(Clone, Debug, PartialEq)]
struct Requirement {
    parent: usize,
    /// Levels of the parent's dimensions that make it hold; empty vectors where the parent is fixed.
    allowed: Vec<Vec<u64>>,
}

impl Space {
    /// # Errors
    /// Everything that is wrong between the parameters, by field (`[2].name`, `[2].when.optimizer`): a name given
    /// twice, and conditions that name a parameter that is missing, later or itself, that make a cycle, or whose
    /// values the parent cannot take.
    pub fn new(parameters: Vec<Parameter>) -> Result<Self, Vec<Invalid>> {
        let wrong = check::check(&parameters);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let mut space = Self {
            parameters: Vec::with_capacity(parameters.len()),
            dimensions: Vec::new(),
            layout: Vec::with_capacity(parameters.len()),
            by_name: BTreeMap::new(),
        };
        for parameter in parameters {
            space.add(parameter);
        }
        Ok(space)
    }

    fn add(&mut self, parameter: Parameter) {
        let requires = parameter.when.iter().filter_map(|condition| self.requirement(condition)).collect();
        let at = self.parameters.len();
        let first = self.dimensions.len();
        let kinds = parameter.domain.dimensions();
        self.dimensions.extend(kinds.into_iter().enumerate().map(|(position, kind)| Dimension {
            parameter: at,
            position,
            kind,
        }));
        self.layout.push(Layout { first, end: self.dimensions.len(), requires });
        self.by_name.insert(parameter.name.clone(), at);
        self.parameters.push(parameter);
    }

    fn requirement(&self, condition: &Condition) -> Option<Requirement> {
        let parent = *self.by_name.get(&condition.parent)?;
        let domain = &self.parameters[parent].domain;
        let levels = |value: &Value| {
            let coordinates = domain.coordinates(value)?;
            Some(coordinates.iter().enumerate().map(|(p, u)| domain.level(p, *u)).collect())
        };
        Some(Requirement { parent, allowed: condition.values.iter().filter_map(levels).collect() })
    }

    /// In declared order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The coordinates of the unit cube, in the order of the parameters.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// One parameter.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.by_name.get(name).map(|at| &self.parameters[*at])
    }

    /// Positions of a parameter's coordinates in [`Space::dimensions`].
    pub fn dimensions_of(&self, parameter: usize) -> std::ops::Range<usize> {
        self.layout[parameter].first..self.layout[parameter].end
    }

    /// Whether every parameter is always active.
    pub fn is_flat(&self) -> bool {
        self.layout.iter().all(|layout| layout.requires.is_empty())
    }

    /// The level a coordinate of one dimension stands for; 0 for a continuous one.
    pub fn level(&self, dimension: usize, coordinate: f64) -> u64 {
        let Dimension { parameter, position, .. } = self.dimensions[dimension];
        self.parameters[parameter].domain.level(position, coordinate)
    }

    /// The coordinates that stand for one level of a dimension; all of [0, 1] for a continuous one.
    pub fn cell(&self, dimension: usize, level: u64) -> (f64, f64) {
        let Dimension { parameter, position, .. } = self.dimensions[dimension];
        self.parameters[parameter].domain.cell(position, level)
    }

    /// The coordinate as [`Space::encode`] would give it: the middle of its cell, itself where it is continuous.
    pub fn snap(&self, dimension: usize, coordinate: f64) -> f64 {
        if self.dimensions[dimension].kind == DimensionKind::Continuous {
            return domain::unit(coordinate);
        }
        let (low, high) = self.cell(dimension, self.level(dimension, coordinate));
        0.5 * (low + high)
    }

    /// Which parameters are active at a place in the unit cube.
    pub fn active(&self, coordinates: &[f64]) -> Vec<bool> {
        let mut active = Vec::with_capacity(self.parameters.len());
        for layout in &self.layout {
            let is_active = layout.requires.iter().all(|requirement| {
                active[requirement.parent]
                    && requirement.allowed.iter().any(|levels| {
                        let first = self.layout[requirement.parent].first;
                        (first..).zip(levels).all(|(d, level)| self.level(d, coordinates[d]) == *level)
                    })
            });
            active.push(is_active);
        }
        active
    }

    /// Where a configuration of this space lies in the unit cube. A value outside its domain counts as absent.
    pub fn encode(&self, configuration: &Configuration) -> Point {
        let mut point = vec![None; self.dimensions.len()];
        for (parameter, layout) in self.parameters.iter().zip(&self.layout) {
            let value = configuration.get(parameter.name.as_str());
            let coordinates = value.and_then(|value| parameter.domain.coordinates(value));
            for (d, u) in (layout.first..).zip(coordinates.unwrap_or_default()) {
                point[d] = Some(u);
            }
        }
        point
    }

    /// The configuration at a place in the unit cube: one coordinate in [0, 1] for each dimension. Those of inactive
    /// parameters make no difference.
    pub fn decode(&self, coordinates: &[f64]) -> Configuration {
        let active = self.active(coordinates);
        let parameters = self.parameters.iter().zip(&self.layout).zip(active);
        Configuration(
            parameters
                .filter(|(_, active)| *active)
                .map(|((parameter, layout), _)| {
                    (parameter.name.clone(), parameter.domain.value(&coordinates[layout.first..layout.end]))
                })
                .collect(),
        )
    }

    /// The same place as [`Space::encode`] would give it: cells by their middles, inactive coordinates absent.
    pub fn point(&self, coordinates: &[f64]) -> Point {
        let active = self.active(coordinates);
        let dimensions = self.dimensions.iter().enumerate();
        dimensions
            .map(|(d, dimension)| active[dimension.parameter].then(|| self.snap(d, coordinates[d])))
            .collect()
    }
}
