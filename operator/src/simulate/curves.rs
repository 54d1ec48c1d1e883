//! Where simulated learning curves come from: a table of recorded ones, or a function of known optimum.

use std::collections::{BTreeMap, HashMap};

use rand::RngExt as _;
use serde_json::{Map, Value as Json};
use temper_advisor::{
    Invalid, Resource, TrialIndex, rng,
    space::{Configuration, DimensionKind, Point, Space, Value},
};

use super::{
    Curve, Source, Step,
    functions::{FUNCTIONS, Function},
};
use crate::plan::{Ending, Objective};

/// Curves from a function: the loss falls towards the function's value as the trial goes on.
pub struct Synthetic<'a> {
    function: &'static Function,
    space: &'a Space,
    objective: &'a Objective,
    /// Steps of a whole trial.
    steps: u64,
    seed: u64,
}

impl<'a> Synthetic<'a> {
    /// # Errors
    /// When there is no function of this name, or the job's space does not fit it.
    pub fn new(
        name: &str,
        space: &'a Space,
        objectives: &'a [Objective],
        steps: Option<Resource>,
        seed: u64,
    ) -> Result<Self, Invalid> {
        let names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
        let wrong = |problem: String| Invalid::new("--function", problem);
        let Some(function) = FUNCTIONS.iter().find(|function| function.name.eq_ignore_ascii_case(name))
        else {
            return Err(wrong(format!("no function is named {name:?}; there are {}", names.join(", "))));
        };
        let [objective] = objectives else {
            return Err(wrong(format!(
                "a function has one value and this job has {} objectives; simulate it over --curves",
                objectives.len()
            )));
        };
        let dimensions = space.dimensions().len();
        if dimensions == 0 || function.dimensions.is_some_and(|wanted| wanted != dimensions) {
            let wanted = function.dimensions.map_or("at least 1".to_owned(), |wanted| wanted.to_string());
            return Err(wrong(format!(
                "{name} takes {wanted} parameters and this job searches over {dimensions}"
            )));
        }
        Ok(Self { function, space, objective, steps: steps.map_or(1, Resource::get), seed })
    }
}

impl Source for Synthetic<'_> {
    fn curve(&self, trial: TrialIndex, parameters: &Configuration) -> Curve {
        let point: Vec<f64> =
            self.space.encode(parameters).into_iter().map(|coordinate| coordinate.unwrap_or(0.5)).collect();
        let value = (self.function.evaluate)(&point);
        // A power law, as learning curves are (Domhan et al. 2015), with a speed of each trial's own, so that the
        // order of two trials may change on the way.
        let mut dice = rng::for_trial(self.seed, trial, "simulated curve");
        let decay: f64 = dice.random_range(0.5..1.5);
        let pace: f64 = dice.random_range(0.5..1.5);
        let excess = 1.0 + (value - self.function.minimum).abs();
        let steps = (1..=self.steps)
            .filter_map(|step| {
                let gone = (step as f64).powf(-decay) - (self.steps as f64).powf(-decay);
                let loss = value + excess * gone;
                Some(Step {
                    resource: Resource::new(step)?,
                    seconds: 60.0 * pace / self.steps as f64,
                    metrics: BTreeMap::from([(self.objective.metric.clone(), self.objective.value(loss))]),
                })
            })
            .collect();
        Curve { steps, ending: Ending::Succeeded }
    }
}

/// Recorded curves. A configuration that was not recorded does what the nearest recorded one did.
#[derive(Debug)]
pub struct Table {
    space: Space,
    entries: Vec<(Point, Vec<Step>)>,
    exact: HashMap<String, usize>,
}

/// Column with the seconds that a step took.
pub const SECONDS: &str = "seconds";

impl Table {
    /// Reads rows of `{parameter: value, ..., resource: n, metric: value, ..., "seconds": s}`, one for each step of
    /// each configuration, in any order. Without a `seconds` column each step takes one.
    ///
    /// # Errors
    /// Everything that is wrong, with the number of the row, from 1.
    pub fn new(
        rows: &[Map<String, Json>],
        space: &Space,
        resource: Option<&str>,
        objectives: &[Objective],
    ) -> Result<Self, Vec<Invalid>> {
        let mut table = Self { space: space.clone(), entries: Vec::new(), exact: HashMap::new() };
        let mut wrong = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            if let Err(errors) = table.take(row, resource, objectives) {
                wrong.extend(errors.into_iter().map(|error| error.within(&format!("row {}", at + 1))));
            }
            if wrong.len() >= 20 {
                break;
            }
        }
        if rows.is_empty() {
            wrong.push(Invalid::new("", "the table has no rows"));
        }
        for (_, steps) in &mut table.entries {
            steps.sort_by_key(|step| step.resource);
        }
        if wrong.is_empty() { Ok(table) } else { Err(wrong) }
    }

    fn take(
        &mut self,
        row: &Map<String, Json>,
        resource: Option<&str>,
        objectives: &[Objective],
    ) -> Result<(), Vec<Invalid>> {
        let mut parameters = BTreeMap::new();
        let mut metrics = BTreeMap::new();
        let mut wrong = Vec::new();
        for (column, value) in row {
            if value.is_null() || value.as_str().is_some_and(str::is_empty) {
                continue;
            }
            if self.space.parameters().iter().any(|parameter| parameter.name.as_str() == column) {
                match serde_json::from_value::<Value>(value.clone()) {
                    Ok(value) => {
                        parameters.insert(column.clone(), value);
                    }
                    Err(error) => wrong.push(Invalid::new(column.clone(), error.to_string())),
                }
            } else if let Some(number) = value.as_f64() {
                metrics.insert(column.clone(), number);
            }
        }
        let mut reached = Resource::ONE;
        if let Some(name) = resource {
            if let Some(found) = metrics.get(name).and_then(|&at| Resource::new(at as u64)) {
                reached = found;
            } else {
                wrong.push(Invalid::new(name, "the resource must be there and a positive whole number"));
            }
        }
        for objective in objectives {
            if !metrics.contains_key(&objective.metric) {
                wrong.push(Invalid::new(
                    &objective.metric,
                    "the objective's column is missing or not a number",
                ));
            }
        }
        match self.space.complete(&parameters) {
            Err(errors) => wrong.extend(errors),
            Ok(configuration) if wrong.is_empty() => {
                let key = key(&configuration);
                let seconds = metrics.remove(SECONDS).unwrap_or(1.0);
                let entry = *self.exact.entry(key).or_insert_with(|| {
                    self.entries.push((self.space.encode(&configuration), Vec::new()));
                    self.entries.len() - 1
                });
                self.entries[entry].1.push(Step { resource: reached, seconds, metrics });
            }
            Ok(_) => {}
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// How many configurations were recorded.
    pub fn configurations(&self) -> usize {
        self.entries.len()
    }

    fn nearest(&self, configuration: &Configuration) -> Option<&(Point, Vec<Step>)> {
        if let Some(&entry) = self.exact.get(&key(configuration)) {
            return self.entries.get(entry);
        }
        let point = self.space.encode(configuration);
        self.entries
            .iter()
            .min_by(|left, right| self.distance(&point, &left.0).total_cmp(&self.distance(&point, &right.0)))
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

fn key(configuration: &Configuration) -> String {
    use std::fmt::Write as _;
    configuration.0.iter().fold(String::new(), |mut key, (name, value)| {
        // Writing to a text cannot fail.
        let _ = write!(key, "{name}={value};");
        key
    })
}

impl Source for Table {
    fn curve(&self, _trial: TrialIndex, parameters: &Configuration) -> Curve {
        let recorded = self.nearest(parameters).map(|(_, steps)| steps.clone()).unwrap_or_default();
        Curve { steps: recorded, ending: Ending::Succeeded }
    }
}

/// Rows of a CSV file with a header: numbers as numbers, `true` and `false` as such, all else as text.
///
/// # Errors
/// When there is no header, or a row has more or fewer fields than it, with the row's number.
pub fn read_csv(text: &str) -> Result<Vec<Map<String, Json>>, Invalid> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let wrong = |error: csv::Error| Invalid::new("", error.to_string());
    let header = reader.headers().map_err(wrong)?.clone();
    reader
        .records()
        .map(|record| {
            let record = record.map_err(wrong)?;
            Ok(header.iter().zip(&record).map(|(name, field)| (name.to_owned(), scalar(field))).collect())
        })
        .collect()
}

fn scalar(field: &str) -> Json {
    match field {
        "true" | "True" => return Json::Bool(true),
        "false" | "False" => return Json::Bool(false),
        "" => return Json::Null,
        _ => {}
    }
    if let Ok(whole) = field.parse::<i64>() {
        return whole.into();
    }
    match field.parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
        Some(number) => Json::Number(number),
        None => Json::String(field.to_owned()),
    }
}

/// Rows of a file with one JSON object on each line.
///
/// # Errors
/// When a line is not a JSON object, with its number.
pub fn read_jsonl(text: &str) -> Result<Vec<Map<String, Json>>, Invalid> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            serde_json::from_str(line)
                .map_err(|error| Invalid::new(format!("line {}", at + 1), error.to_string()))
        })
        .collect()
}
