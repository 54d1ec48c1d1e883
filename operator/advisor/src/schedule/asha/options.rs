//! What can be set of ASHA.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rung::Share;
use crate::{
    Invalid,
    schedule::{
        Context,
        ladder::{Halving, list},
    },
};

/// Options of ASHA.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AshaOptions {
    /// What happens at a rung. `stopping`: a trial that is not among the best there ends; needs no checkpoints.
    /// `promotion`: every trial pauses there, and the best go on when a worker is free; worth it when trials save
    /// and restore checkpoints.
    pub mode: Mode,
    /// How many brackets, at least 1 and at most one for each rung. Trials of bracket s are spared the first s rungs;
    /// later brackets get fewer trials. 1 is successive halving, more is asynchronous Hyperband.
    #[schemars(range(min = 1))]
    pub brackets: u32,
    /// Rungs instead of those that min and reductionFactor give: increasing, the last below max (max itself may be
    /// named). From a rung go on as many as keeps the work at the next the same: its level over the next one's.
    pub rung_levels: Option<Vec<u64>>,
    /// With more than one bracket: trials compete only within their own.
    pub rung_system_per_bracket: bool,
}

/// What happens at a rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Trials that are not among the best end.
    Stopping,
    /// Trials pause, and the best go on.
    Promotion,
}

impl Default for AshaOptions {
    fn default() -> Self {
        Self { mode: Mode::Stopping, brackets: 1, rung_levels: None, rung_system_per_bracket: false }
    }
}

/// A rung, and who goes on from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) resource: u64,
    pub(super) share: Share,
}

/// Options and context, checked.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) mode: Mode,
    pub(super) brackets: u32,
    /// Below max.
    pub(super) levels: Vec<Level>,
    pub(super) max: u64,
    pub(super) system_per_bracket: bool,
}

impl Settings {
    pub(super) fn new(context: &Context, options: AshaOptions) -> Result<Self, Vec<Invalid>> {
        // Rungs written out say where the least resource is.
        let context = match options.rung_levels {
            Some(_) => Context { min: crate::Resource::ONE, ..*context },
            None => *context,
        };
        let halving = Halving::new("ASHA", &context);
        let levels = match options.rung_levels {
            Some(levels) => written(levels, context.max.map(crate::Resource::get)),
            None => Ok(halving.as_ref().map(|halving| calculated(*halving)).unwrap_or_default()),
        };
        let rungs = levels.as_ref().map_or(0, Vec::len) + 1;
        let mut errors = Vec::new();
        if options.brackets == 0 {
            errors.push(Invalid::new("options.brackets", "0 must be at least 1"));
        } else if halving.is_ok() && levels.is_ok() && options.brackets as usize > rungs {
            errors.push(Invalid::new(
                "options.brackets",
                format!("{} must be at most {rungs}, the number of rungs", options.brackets),
            ));
        }
        match (halving, levels) {
            (Ok(halving), Ok(levels)) if errors.is_empty() => Ok(Self {
                mode: options.mode,
                brackets: options.brackets,
                levels,
                max: halving.max,
                system_per_bracket: options.rung_system_per_bracket,
            }),
            (halving, levels) => {
                errors.extend(halving.err().into_iter().flatten());
                errors.extend(levels.err().into_iter().flatten());
                Err(errors)
            }
        }
    }
}

impl Settings {
    /// What it does. How many trials get how far depends on the order in which they report.
    pub(super) fn explain(&self) -> String {
        let rungs: Vec<u64> = self.levels.iter().map(|level| level.resource).collect();
        let does = match self.mode {
            Mode::Stopping => "each goes on while it is",
            Mode::Promotion => "each pauses there, and goes on when a worker is free if it is",
        };
        let best = match self.levels.first() {
            Some(Level { share: Share { numerator: 1, denominator }, .. }) => {
                format!("the best 1 in {denominator} there")
            }
            _ => "the best there".to_owned(),
        };
        let brackets = match self.brackets {
            1 => String::new(),
            brackets => format!("; {brackets} brackets, each spared one rung more"),
        };
        format!("Trials are compared at {}: {does} among {best}, up to {}{brackets}.", list(&rungs), self.max)
    }
}

/// One in eta goes on from every rung.
fn calculated(halving: Halving) -> Vec<Level> {
    let share = Share { numerator: 1, denominator: u64::from(halving.eta) };
    let mut levels = halving.upward();
    levels.pop();
    levels.into_iter().map(|resource| Level { resource, share }).collect()
}

/// The share that goes on is the ratio of a rung to the next (Syne Tune's rule for rungs written out).
fn written(mut levels: Vec<u64>, max: Option<u64>) -> Result<Vec<Level>, Vec<Invalid>> {
    let mut errors = Vec::new();
    for (position, level) in levels.iter().enumerate() {
        let field = format!("options.rungLevels[{position}]");
        let before = position.checked_sub(1).map_or(0, |before| levels[before]);
        if *level <= before {
            errors.push(Invalid::new(field, format!("{level} must be above {before}: rungs go upward")));
        } else if let Some(max) = max.filter(|max| level > max) {
            errors.push(Invalid::new(field, format!("{level} must be below max, which is {max}")));
        }
    }
    let max = max.unwrap_or(u64::MAX);
    levels.retain(|level| *level != max);
    if levels.is_empty() && errors.is_empty() {
        errors.push(Invalid::new("options.rungLevels", "must name at least one rung below max"));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let next = levels.iter().skip(1).copied().chain([max]);
    Ok(levels
        .iter()
        .zip(next)
        .map(|(level, next)| Level {
            resource: *level,
            share: Share { numerator: *level, denominator: next },
        })
        .collect())
}
