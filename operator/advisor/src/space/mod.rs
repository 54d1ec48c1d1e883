//! The search space: parameters, when each is active, and the way to the unit cube and back.
//!
//! A searcher that works on numbers sees a list of [`Dimension`]s and [`Point`]s; one that does not, sees
//! [`Configuration`]s. [`Space`] goes between the two.

pub mod domain;
pub mod value;

pub use domain::{Domain, FloatDomain, IntDomain, Prior, Scale};
pub use value::{Configuration, Value};

use crate::ParamName;

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

/// A place in the unit cube, a coordinate for each [`Dimension`]; `None` where the parameter is inactive.
pub type Point = Vec<Option<f64>>;

/// The parameters of a job, in declared order: a parameter's parents come before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    parameters: Vec<Parameter>,
    dimensions: Vec<Dimension>,
}

impl Space {
    /// In declared order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The coordinates of the unit cube, in the order of the parameters.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }
}
