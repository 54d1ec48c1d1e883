//! What values a parameter takes, and where in the unit interval each of them lies.

use super::{DimensionKind, Value, axis::Axis};

/// Most values a stepped or whole-number range may have: beyond it a coordinate has too few digits to tell
/// neighbouring values apart on a log scale.
pub const MAX_LEVELS: u64 = 1 << 32;

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
    /// Normal in the scale, cut off at the range's ends. One draw in a hundred is uniform, so that no part of the
    /// range is out of reach.
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
    pub(super) axis: Axis,
}

/// A range of whole numbers, both ends included. Built by its constructor only.
#[derive(Clone, Debug, PartialEq)]
pub struct IntDomain {
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) step: u64,
    pub(super) scale: Scale,
    pub(super) prior: Prior,
    pub(super) axis: Axis,
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

impl FloatDomain {
    /// Smallest value.
    pub fn min(&self) -> f64 {
        self.min
    }

    /// Largest value.
    pub fn max(&self) -> f64 {
        self.max
    }

    /// Distance between neighbouring values; `None` when every number in the range is one.
    pub fn step(&self) -> Option<f64> {
        self.step
    }

    /// How distances are measured.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// What is believed beforehand.
    pub fn prior(&self) -> Prior {
        self.prior
    }

    /// How many values there are; `None` without a step.
    pub fn levels(&self) -> Option<u64> {
        self.step.map(|step| ((self.max - self.min) / step).round() as u64 + 1)
    }

    fn at_level(&self, step: f64, level: u64) -> f64 {
        // The ends are as they were written.
        if level == 0 {
            return self.min;
        }
        let value = decimal(self.min + level as f64 * step, &[self.min, step]);
        if (self.max - value) < 0.5 * step { self.max } else { value }
    }

    pub(super) fn value(&self, coordinate: f64) -> f64 {
        match (self.step, self.levels()) {
            (Some(step), Some(levels)) => self.at_level(step, self.axis.level(coordinate, step, levels)),
            _ if coordinate <= 0.0 => self.min,
            _ if coordinate >= 1.0 => self.max,
            _ => (self.min + self.axis.offset(coordinate)).clamp(self.min, self.max),
        }
    }

    /// The value of the domain this number stands for: itself, or the step it is next to by less than a millionth.
    pub(super) fn nearest(&self, value: f64) -> Option<f64> {
        if !(self.min..=self.max).contains(&value) {
            return None;
        }
        let Some(step) = self.step else { return Some(value) };
        let nearest = self.at_level(step, ((value - self.min) / step).round() as u64);
        ((nearest - value).abs() <= 1e-6 * step).then_some(nearest)
    }

    pub(super) fn middle(&self) -> f64 {
        let offset = self.axis.middle(self.prior, self.min, self.max - self.min);
        match self.step {
            Some(step) => self.at_level(step, (offset / step).round() as u64),
            None => (self.min + offset).clamp(self.min, self.max),
        }
    }
}

impl IntDomain {
    /// Smallest value.
    pub fn min(&self) -> i64 {
        self.min
    }

    /// Largest value.
    pub fn max(&self) -> i64 {
        self.max
    }

    /// Distance between neighbouring values, at least 1.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// How distances are measured.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// What is believed beforehand.
    pub fn prior(&self) -> Prior {
        self.prior
    }

    /// How many values there are.
    pub fn levels(&self) -> u64 {
        self.max.abs_diff(self.min) / self.step + 1
    }

    pub(super) fn at_level(&self, level: u64) -> i64 {
        // At most max - min, which wraps the same way back.
        self.min.wrapping_add_unsigned(level * self.step)
    }

    pub(super) fn level_of(&self, value: i64) -> Option<u64> {
        let inside = (self.min..=self.max).contains(&value);
        let offset = value.abs_diff(self.min);
        (inside && offset.is_multiple_of(self.step)).then(|| offset / self.step)
    }

    pub(super) fn middle(&self) -> i64 {
        let width = self.max.abs_diff(self.min) as f64;
        let offset = self.axis.middle(self.prior, self.min as f64, width);
        self.at_level(((offset / self.step as f64).round() as u64).min(self.levels() - 1))
    }
}

impl Domain {
    /// Coordinates a value of this domain has in the unit cube.
    pub fn dimensions(&self) -> Vec<DimensionKind> {
        match self {
            Self::Float(range) => vec![match range.levels() {
                Some(levels) => DimensionKind::Discrete { levels },
                None => DimensionKind::Continuous,
            }],
            Self::Int(range) => vec![DimensionKind::Discrete { levels: range.levels() }],
            Self::Categorical { values, ordered: true } => {
                vec![DimensionKind::Discrete { levels: values.len() as u64 }]
            }
            Self::Categorical { values, ordered: false } => {
                vec![DimensionKind::Categorical { choices: values.len() }]
            }
            Self::Fixed(_) => vec![],
            Self::Architecture { positions } => positions
                .iter()
                .map(|candidates| DimensionKind::Categorical { choices: candidates.len() })
                .collect(),
        }
    }

    /// How many values there are, at most `u128::MAX`; `None` when there is no end to them.
    pub fn cardinality(&self) -> Option<u128> {
        self.dimensions()
            .iter()
            .try_fold(1, |product: u128, kind| Some(product.saturating_mul(u128::from(kind.levels()?))))
    }

    /// The value of this domain that `value` stands for (1 for 1.0, 0.3 for 0.30000000000000004), if there is one.
    pub fn normalise(&self, value: &Value) -> Option<Value> {
        match self {
            Self::Float(range) => range.nearest(value.as_f64()?).map(Value::Float),
            Self::Int(range) => {
                let whole = value.as_i64()?;
                range.level_of(whole).map(|_| Value::Int(whole))
            }
            Self::Categorical { values, .. } => values.iter().find(|known| known.same(value)).cloned(),
            Self::Fixed(known) => known.same(value).then(|| known.clone()),
            Self::Architecture { positions } => {
                let Value::List(given) = value else { return None };
                let chosen = positions
                    .iter()
                    .zip(given)
                    .map(|(candidates, choice)| candidates.iter().find(|known| known.same(choice)).cloned());
                let chosen: Option<Vec<Value>> = chosen.collect();
                chosen.filter(|_| positions.len() == given.len()).map(Value::List)
            }
        }
    }

    /// The value at these coordinates, one for each of [`Domain::dimensions`], in [0, 1].
    pub fn value(&self, coordinates: &[f64]) -> Value {
        let at = |position: usize| coordinates.get(position).map_or(0.0, |u| unit(*u));
        match self {
            Self::Float(range) => Value::Float(range.value(at(0))),
            Self::Int(range) => Value::Int(range.at_level(range.level(at(0)))),
            Self::Categorical { values, .. } => {
                values[even_level(at(0), values.len() as u64) as usize].clone()
            }
            Self::Fixed(value) => value.clone(),
            Self::Architecture { positions } => Value::List(
                positions
                    .iter()
                    .enumerate()
                    .map(|(p, candidates)| {
                        candidates[even_level(at(p), candidates.len() as u64) as usize].clone()
                    })
                    .collect(),
            ),
        }
    }

    /// Coordinates of a value, the middle of its cell where it has one; `None` for a value outside the domain.
    pub fn coordinates(&self, value: &Value) -> Option<Vec<f64>> {
        let position = |values: &[Value], value: &Value| values.iter().position(|known| known.same(value));
        match self {
            Self::Float(range) => {
                let value = range.nearest(value.as_f64()?)?;
                Some(vec![match range.step {
                    Some(step) => self.middle_of(0, ((value - range.min) / step).round() as u64),
                    None => range.axis.coordinate(value - range.min),
                }])
            }
            Self::Int(range) => Some(vec![self.middle_of(0, range.level_of(value.as_i64()?)?)]),
            Self::Categorical { values, .. } => {
                Some(vec![self.middle_of(0, position(values, value)? as u64)])
            }
            Self::Fixed(known) => known.same(value).then(Vec::new),
            Self::Architecture { positions } => {
                let Value::List(given) = value else { return None };
                let places = positions.iter().zip(given).enumerate();
                let coordinates: Option<Vec<f64>> = places
                    .map(|(p, (candidates, choice))| {
                        Some(self.middle_of(p, position(candidates, choice)? as u64))
                    })
                    .collect();
                coordinates.filter(|_| positions.len() == given.len())
            }
        }
    }

    fn middle_of(&self, position: usize, level: u64) -> f64 {
        let (low, high) = self.cell(position, level);
        0.5 * (low + high)
    }

    /// The interval of coordinates that stand for one level of a discrete or categorical coordinate. `position` is
    /// the place in an architecture, otherwise 0. The whole interval for a continuous one.
    pub fn cell(&self, position: usize, level: u64) -> (f64, f64) {
        match self {
            Self::Float(range) => match (range.step, range.levels()) {
                (Some(step), Some(levels)) => range.axis.cell(level, step, levels),
                _ => (0.0, 1.0),
            },
            Self::Int(range) => range.axis.cell(level, range.step as f64, range.levels()),
            Self::Categorical { values, .. } => even_cell(level, values.len()),
            Self::Fixed(_) => (0.0, 1.0),
            Self::Architecture { positions } => even_cell(level, positions[position].len()),
        }
    }

    /// The level a coordinate stands for; 0 for a continuous one.
    pub fn level(&self, position: usize, coordinate: f64) -> u64 {
        let u = unit(coordinate);
        match self {
            Self::Float(range) => match (range.step, range.levels()) {
                (Some(step), Some(levels)) => range.axis.level(u, step, levels),
                _ => 0,
            },
            Self::Int(range) => range.level(u),
            Self::Categorical { values, .. } => even_level(u, values.len() as u64),
            Self::Fixed(_) => 0,
            Self::Architecture { positions } => even_level(u, positions[position].len() as u64),
        }
    }

    /// The value when nothing is known: the middle of the range in its scale (the mean of a normal prior), the
    /// middle of an ordered list, the first of any other.
    pub fn default_value(&self) -> Value {
        match self {
            Self::Float(range) => Value::Float(range.middle()),
            Self::Int(range) => Value::Int(range.middle()),
            Self::Categorical { values, ordered } => {
                values[if *ordered { (values.len() - 1) / 2 } else { 0 }].clone()
            }
            Self::Fixed(value) => value.clone(),
            Self::Architecture { positions } => {
                Value::List(positions.iter().map(|candidates| candidates[0].clone()).collect())
            }
        }
    }
}

impl IntDomain {
    fn level(&self, coordinate: f64) -> u64 {
        self.axis.level(coordinate, self.step as f64, self.levels())
    }
}

/// Into [0, 1]. NaN counts as 0, so that no coordinate whatever makes a value outside its domain.
pub(super) fn unit(coordinate: f64) -> f64 {
    if coordinate.is_nan() { 0.0 } else { coordinate.clamp(0.0, 1.0) }
}

fn even_level(coordinate: f64, levels: u64) -> u64 {
    ((coordinate * levels as f64) as u64).min(levels - 1)
}

fn even_cell(level: u64, levels: usize) -> (f64, f64) {
    (level as f64 / levels as f64, (level + 1) as f64 / levels as f64)
}

/// `value` with as many decimals as the numbers it was computed from have, so that people read 0.3 and not
/// 0.30000000000000004. Left alone where that needs more digits than a float has.
pub(super) fn decimal(value: f64, sources: &[f64]) -> f64 {
    let decimals = sources.iter().map(|source| {
        let written = source.to_string();
        written.split_once('.').map_or(0, |(_, decimals)| decimals.len())
    });
    let tens = 10_f64.powf(decimals.max().unwrap_or(0) as f64);
    let rounded = (value * tens).round();
    if rounded.abs() < 9e15 && tens < 1e22 { rounded / tens } else { value }
}
