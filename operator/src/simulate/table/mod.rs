//! Recorded learning curves.

mod cells;
mod columns;
mod reader;
pub mod rows;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use temper_advisor::{
    Resource, TrialIndex,
    space::{Configuration, DimensionKind, Point, Space},
};

use self::{reader::Reader, rows::Rows};
use super::{Curve, Source, Step};
use crate::plan::{Ending, Objective};

/// Recorded curves. A configuration that was not recorded does what the nearest recorded one did.
#[derive(Debug)]
pub struct Table {
    space: Space,
    recorded: Vec<Recorded>,
    exact: HashMap<String, usize>,
}

/// A configuration and its curve.
#[derive(Debug)]
struct Recorded {
    point: Point,
    curve: Curve,
}

impl Recorded {
    fn reached(&self) -> Option<Resource> {
        self.curve.steps.last().map(|step| step.resource)
    }
}

impl Table {
    /// Takes rows with a value for each active parameter, the resource and the metrics, one for each step of each
    /// configuration, in any order; or what `temper export --reports` writes. For a job without `resource` the rows of
    /// a configuration are counted, as `temper run` counts the reports of a command.
    ///
    /// `seconds` say how long a step took. Where they are not known, a step takes what most do, or one second. Of
    /// several recorded trials of one configuration the one that went furthest counts.
    ///
    /// # Errors
    /// Everything that is wrong, a line for each.
    pub fn new(
        rows: &Rows,
        space: &Space,
        resource: Option<&str>,
        objectives: &[Objective],
    ) -> Result<Self, Vec<String>> {
        if rows.rows.is_empty() {
            return Err(vec!["there are no rows".to_owned()]);
        }
        let mut reader = Reader::new(&rows.columns, space, resource, objectives);
        for row in &rows.rows {
            reader.take(row);
        }
        let mut table = Self { space: space.clone(), recorded: Vec::new(), exact: HashMap::new() };
        for (configuration, recorded) in reader.finish()? {
            table.add(configuration, recorded);
        }
        Ok(table)
    }

    fn add(&mut self, configuration: String, recorded: Recorded) {
        match self.exact.get(&configuration) {
            Some(&known) if recorded.reached() <= self.recorded[known].reached() => {}
            Some(&known) => self.recorded[known] = recorded,
            None => {
                self.exact.insert(configuration, self.recorded.len());
                self.recorded.push(recorded);
            }
        }
    }

    /// How many configurations were recorded.
    pub fn configurations(&self) -> usize {
        self.recorded.len()
    }

    fn nearest(&self, configuration: &Configuration) -> Option<&Recorded> {
        if let Some(&known) = self.exact.get(&key(configuration)) {
            return self.recorded.get(known);
        }
        let point = self.space.encode(configuration);
        let distance = |recorded: &Recorded| self.distance(&point, &recorded.point);
        self.recorded.iter().min_by(|left, right| distance(left).total_cmp(&distance(right)))
    }

    /// Squared distance in the unit cube; two different categories, or a value and none, are 1 apart.
    fn distance(&self, left: &Point, right: &Point) -> f64 {
        let coordinates = left.iter().zip(right).zip(self.space.dimensions());
        coordinates
            .map(|((left, right), dimension)| match (left, right, dimension.kind) {
                (Some(left), Some(right), DimensionKind::Categorical { .. }) => {
                    f64::from(u8::from((left - right).abs() > f64::EPSILON))
                }
                (Some(left), Some(right), _) => (left - right).powi(2),
                (None, None, _) => 0.0,
                _ => 1.0,
            })
            .sum()
    }
}

impl Source for Table {
    fn curve(&self, _trial: TrialIndex, parameters: &Configuration) -> Curve {
        let nothing = || Curve { steps: Vec::new(), ending: Ending::Succeeded };
        self.nearest(parameters).map_or_else(nothing, |recorded| recorded.curve.clone())
    }

    fn takes_time(&self) -> bool {
        let takes_time = |step: &Step| step.seconds > 0.0;
        self.recorded.iter().all(|recorded| recorded.curve.steps.iter().any(takes_time))
    }
}

/// Equal for the same configuration.
fn key(configuration: &Configuration) -> String {
    use std::fmt::Write as _;
    configuration.0.iter().fold(String::new(), |mut key, (name, value)| {
        // Writing to a text cannot fail.
        let _ = write!(key, "{name}={value};");
        key
    })
}
