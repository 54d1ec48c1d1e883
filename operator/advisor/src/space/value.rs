//! Values of parameters, and configurations: the values of one trial.

use std::{
    collections::BTreeMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ParamName;

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
    /// An architecture: one value for each position.
    List(Vec<Value>),
}

impl Value {
    /// The number it is, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::Int(value) => Some(value as f64),
            Self::Float(value) => Some(value),
            _ => None,
        }
    }

    /// The whole number it is, if it is one; 3.0 is.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::Int(value) => Some(value),
            Self::Float(value) if value.fract() == 0.0 && value.abs() < 9e18 => Some(value as i64),
            _ => None,
        }
    }

    /// Whether a person would call them the same value: as `==`, but 1 and 1.0 are the same number.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(left), Self::List(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(l, r)| l.same(r))
            }
            (Self::Int(_), Self::Float(_)) | (Self::Float(_), Self::Int(_)) => {
                self.as_i64().is_some() && self.as_i64() == other.as_i64()
            }
            _ => self == other,
        }
    }

    /// Equal for what is the same.
    fn fingerprint(&self, hasher: &mut DefaultHasher) {
        match self {
            Self::Bool(value) => value.hash(hasher),
            Self::Int(value) => value.hash(hasher),
            Self::Float(value) => match self.as_i64() {
                Some(whole) => whole.hash(hasher),
                None => value.to_bits().hash(hasher),
            },
            Self::Text(value) => value.hash(hasher),
            Self::List(values) => values.iter().for_each(|value| value.fingerprint(hasher)),
        }
    }
}

/// As it is written into the environment and the command line of a trial: text bare, lists as JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => fmt::Debug::fmt(value, f),
            Self::Text(value) => value.fmt(f),
            Self::List(_) => f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?),
        }
    }
}

/// The values of one trial: every active parameter, the fixed ones too. Inactive parameters are absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Configuration(pub BTreeMap<ParamName, Value>);

impl Configuration {
    /// The value of an active parameter.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Whether a person would call them the same configuration.
    pub fn same(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self
                .0
                .iter()
                .zip(&other.0)
                .all(|((name, value), (others, theirs))| name == others && value.same(theirs))
    }

    /// A number that is equal for configurations that are the same, and almost never for others.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (name, value) in &self.0 {
            name.hash(&mut hasher);
            value.fingerprint(&mut hasher);
        }
        hasher.finish()
    }
}
