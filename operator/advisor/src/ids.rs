//! The names and numbers that everything else is keyed by, as types that cannot be wrong.

use std::{fmt, num::NonZeroU64, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// Name of a parameter. It becomes the environment variable `PARAM_<name>`, so it is letters, digits and `_`,
/// not beginning with a digit, at most 63 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ParamName(Arc<str>);

impl ParamName {
    /// Longest name accepted, in characters: the bound Kubernetes sets on a label's value.
    pub const MAX_LENGTH: usize = 63;

    /// # Errors
    /// When `name` cannot follow `PARAM_` in the name of an environment variable.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let continues_well = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if starts_well && continues_well && name.len() <= Self::MAX_LENGTH {
            return Ok(Self(name.into()));
        }
        let mended: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .take(Self::MAX_LENGTH)
            .collect();
        let mended =
            if mended.starts_with(|c: char| c.is_ascii_digit()) { format!("_{mended}") } else { mended };
        let hint = if mended.is_empty() { String::new() } else { format!("; try {mended:?}") };
        Err(Invalid::new(
            "name",
            format!(
                "{name:?} cannot be the name of an environment variable: letters, digits and _ only, \
                 not beginning with a digit, at most {} characters{hint}",
                Self::MAX_LENGTH
            ),
        ))
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ParamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ParamName {
    type Error = Invalid;
    fn try_from(name: String) -> Result<Self, Invalid> {
        Self::parse(&name)
    }
}

impl From<ParamName> for String {
    fn from(name: ParamName) -> Self {
        name.as_str().to_owned()
    }
}

impl std::borrow::Borrow<str> for ParamName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Number of a trial within its job, from 0, in the order of creation. Used once and never again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrialIndex(pub u32);

impl TrialIndex {
    /// As a position in a vector of trials.
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for TrialIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far a trial has gone or may go, in the scheduler's unit (epochs, steps, ...): a positive whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Resource(NonZeroU64);

impl Resource {
    /// The first unit.
    pub const ONE: Self = Self(NonZeroU64::MIN);

    /// `None` for zero.
    pub fn new(amount: u64) -> Option<Self> {
        NonZeroU64::new(amount).map(Self)
    }

    /// The amount, at least 1.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
