//! What values a parameter takes.

use super::Value;

/// How distances within a range are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Scale {
    /// x
    #[default]
    Linear,
    /// log x: each decade is as wide as the next. Needs a positive minimum.
    Log,
    /// log (1 - x): fine near 1, for momentum and decay rates. Needs 0 <= min and max < 1.
    ReverseLog,
}

/// What is believed of a parameter before anything was tried.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Prior {
    /// Every part of the range, measured in its scale, is as likely.
    #[default]
    Uniform,
    /// Normal in the scale, cut off at the range's ends.
    Normal {
        /// Mean, in the parameter's own unit.
        mean: f64,
        /// Standard deviation, in the scale: for a log scale in units of the natural logarithm.
        sd: f64,
    },
}

/// A range of numbers. Built by its constructor only, so min < max and the scale suits them.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatDomain {
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) step: Option<f64>,
    pub(super) scale: Scale,
    pub(super) prior: Prior,
}

/// A range of whole numbers, both ends included. Built by its constructor only.
#[derive(Clone, Debug, PartialEq)]
pub struct IntDomain {
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) step: u64,
    pub(super) scale: Scale,
    pub(super) prior: Prior,
}

/// What values a parameter takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// A range of numbers.
    Float(FloatDomain),
    /// A range of whole numbers.
    Int(IntDomain),
    /// One of a list of different values; `ordered` when neighbours in the list are alike.
    Categorical {
        /// At least one, no two the same.
        values: Vec<Value>,
        /// Whether their order means something (an ordinal parameter).
        ordered: bool,
    },
    /// Always this value.
    Fixed(Value),
    /// A list of choices, one for each position. The same candidate at two positions is the same thing.
    Architecture {
        /// Candidates of each position, at least one each.
        positions: Vec<Vec<Value>>,
    },
}
