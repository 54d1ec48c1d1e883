//! Puts the rows of a table together to curves.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value as Json;
use temper_advisor::{
    Invalid, Resource,
    space::{Configuration, Domain, Point, Space, Value},
};

use super::{
    Recorded,
    cells::{number, shown, value, whole},
    columns::{Columns, Meaning, SECONDS},
    key,
    rows::Row,
};
use crate::{
    plan::{Ending, Objective},
    simulate::{Curve, Step},
};

pub(super) struct Reader<'a> {
    space: &'a Space,
    objectives: Vec<&'a str>,
    columns: Columns<'a>,
    /// Name of the column with the resource.
    unit: &'a str,
    /// There is none, and there should be.
    lacks_resource: bool,
    /// Active parameters without a column.
    absent: BTreeSet<&'a str>,
    trials: Vec<Trial>,
    /// By configuration, and by the trial's name where rows have one.
    places: HashMap<(String, String), usize>,
    wrong: Vec<String>,
}

/// What was recorded of a trial.
struct Trial {
    /// Of its configuration.
    key: String,
    point: Point,
    reports: BTreeMap<Resource, Report>,
}

/// What a row says besides the configuration.
struct Report {
    line: usize,
    at: Option<f64>,
    seconds: Option<f64>,
    metrics: BTreeMap<String, f64>,
}

/// A row, taken apart.
struct Parts {
    given: BTreeMap<String, Value>,
    trial: String,
    resource: Option<Resource>,
    report: Report,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        names: &'a [String],
        space: &'a Space,
        resource: Option<&'a str>,
        objectives: &'a [Objective],
    ) -> Self {
        let columns = Columns::new(names, space, resource);
        let objectives: Vec<&str> = objectives.iter().map(|objective| objective.metric.as_str()).collect();
        Self {
            space,
            unit: columns.unit(resource),
            lacks_resource: resource.is_some() && !columns.has_resource(),
            wrong: columns.check(resource, &objectives),
            objectives,
            columns,
            absent: BTreeSet::new(),
            trials: Vec::new(),
            places: HashMap::new(),
        }
    }

    pub(super) fn take(&mut self, row: &Row) {
        let mut wrong = Vec::new();
        let Parts { given, trial, resource, report } = self.parts(row, &mut wrong);
        let configuration = self.space.complete(&given).map_err(|errors| wrong.extend(errors)).ok();
        self.find_missing(&given, configuration.as_ref(), &mut wrong);
        let is_known = self.objectives.iter().any(|name| self.columns.has_metric(name));
        let has_one = self.objectives.iter().any(|name| report.metrics.contains_key(*name));
        if wrong.is_empty() && is_known && !has_one {
            wrong.push(Invalid::new(self.objectives.join(" and "), "has no value here"));
        }
        let is_right = wrong.is_empty() && !self.lacks_resource;
        if let Some(configuration) = configuration.filter(|_| is_right)
            && let Err(problem) = self.add(&configuration, trial, resource, report)
        {
            wrong.push(problem);
        }
        self.wrong.extend(wrong.into_iter().map(|error| format!("line {}, {error}", row.line)));
    }

    fn parts(&self, row: &Row, wrong: &mut Vec<Invalid>) -> Parts {
        let report = Report { line: row.line, at: None, seconds: None, metrics: BTreeMap::new() };
        let mut parts = Parts { given: BTreeMap::new(), trial: String::new(), resource: None, report };
        let cells = self.columns.meanings.iter().zip(&row.cells).filter(|(_, cell)| !cell.is_null());
        let mut has_resource = false;
        for (meaning, cell) in cells {
            has_resource |= *meaning == Meaning::Resource;
            if let Err(problem) = self.cell(meaning, cell, &mut parts) {
                wrong.push(problem);
            }
        }
        if self.columns.has_resource() && !has_resource {
            wrong.push(Invalid::new(self.unit, "has no value here"));
        }
        parts
    }

    /// Takes what one cell says.
    fn cell(&self, meaning: &Meaning, cell: &Json, parts: &mut Parts) -> Result<(), Invalid> {
        let wrong =
            |field: &str, problem: &str| Err(Invalid::new(field, format!("{} {problem}", shown(cell))));
        let number = number(cell);
        match meaning {
            Meaning::Parameter(at) => {
                let parameter = &self.space.parameters()[*at];
                let Some(value) = value(&parameter.domain, cell) else {
                    return wrong(parameter.name.as_str(), "is no value of a parameter");
                };
                parts.given.insert(parameter.name.to_string(), value);
            }
            Meaning::Resource => {
                let Some(resource) = number.and_then(whole) else {
                    return wrong(self.unit, "must be a whole number from 1 on");
                };
                parts.resource = Some(resource);
            }
            Meaning::Seconds => {
                let Some(seconds) = number.filter(|seconds| *seconds >= 0.0) else {
                    return wrong(SECONDS, "must be a number and not negative");
                };
                parts.report.seconds = Some(seconds);
                if self.objectives.contains(&SECONDS) {
                    parts.report.metrics.insert(SECONDS.to_owned(), seconds);
                }
            }
            Meaning::Metric(name) => match number {
                Some(value) => {
                    parts.report.metrics.insert(name.clone(), value);
                }
                None if self.objectives.contains(&name.as_str()) => return wrong(name, "is no number"),
                None => {}
            },
            Meaning::Trial => parts.trial = shown(cell),
            Meaning::At => parts.report.at = number,
            Meaning::Nothing => {}
        }
        Ok(())
    }

    /// What is not written is not taken to be the default, except where there is but one value.
    fn find_missing(
        &mut self,
        given: &BTreeMap<String, Value>,
        configuration: Option<&Configuration>,
        wrong: &mut Vec<Invalid>,
    ) {
        let space = self.space;
        for (at, parameter) in space.parameters().iter().enumerate() {
            let name = parameter.name.as_str();
            let is_active = configuration.map_or(parameter.when.is_empty(), |all| all.get(name).is_some());
            if !is_active || given.contains_key(name) || matches!(parameter.domain, Domain::Fixed(_)) {
                continue;
            }
            if !self.columns.meanings.contains(&Meaning::Parameter(at)) {
                if self.absent.insert(name) {
                    self.wrong.push(self.columns.missing_parameter(name));
                }
            } else if wrong.iter().all(|error| error.field != name) {
                wrong.push(Invalid::new(name, "has no value here"));
            }
        }
    }

    fn add(
        &mut self,
        configuration: &Configuration,
        name: String,
        resource: Option<Resource>,
        report: Report,
    ) -> Result<(), Invalid> {
        let key = key(configuration);
        let place = *self.places.entry((key.clone(), name)).or_insert_with(|| {
            let point = self.space.encode(configuration);
            self.trials.push(Trial { key, point, reports: BTreeMap::new() });
            self.trials.len() - 1
        });
        let reports = &mut self.trials[place].reports;
        let repeats = |before: &Report| {
            let has = |report: &Report, name: &str| report.metrics.contains_key(name);
            self.objectives.iter().any(|name| has(before, name) && has(&report, name))
        };
        // As the agent counts: a report that only adds other objectives to the last is no new one.
        let resource = resource.unwrap_or_else(|| match reports.last_key_value() {
            Some((last, before)) if repeats(before) => Resource::new(last.get() + 1).unwrap_or(*last),
            Some((last, _)) => *last,
            None => Resource::ONE,
        });
        match reports.get_mut(&resource) {
            Some(before) if repeats(before) => {
                let problem = format!("{resource} of this configuration is on line {} already", before.line);
                return Err(Invalid::new(self.unit, problem));
            }
            Some(before) => before.metrics.extend(report.metrics),
            None => {
                reports.insert(resource, report);
            }
        }
        Ok(())
    }

    /// The trials, by configuration.
    pub(super) fn finish(mut self) -> Result<Vec<(String, Recorded)>, Vec<String>> {
        if !self.wrong.is_empty() {
            return Err(self.wrong);
        }
        self.trials.iter_mut().for_each(Trial::measure);
        let usual = usual(self.trials.iter().flat_map(|trial| trial.reports.values()));
        let objectives = self.objectives;
        let recorded = |trial: Trial| {
            let ending = trial.ending(&objectives);
            let steps = trial.reports.into_iter().map(|(resource, report)| Step {
                resource,
                seconds: report.seconds.unwrap_or(usual),
                metrics: report.metrics,
            });
            (trial.key, Recorded { point: trial.point, curve: Curve { steps: steps.collect(), ending } })
        };
        Ok(self.trials.into_iter().map(recorded).collect())
    }
}

impl Trial {
    /// Where only the time of each report is known, a step took as long as lies between it and the one before.
    fn measure(&mut self) {
        let mut before = None;
        for report in self.reports.values_mut() {
            let took = report.at.zip(before).map(|(at, before): (f64, f64)| (at - before) / 1e3);
            before = report.at;
            report.seconds = report.seconds.or(took.filter(|seconds| *seconds >= 0.0));
        }
    }

    /// One that never reported an objective failed, as a command does that ends without it.
    fn ending(&self, objectives: &[&str]) -> Ending {
        let lacks = |name: &&&str| self.reports.values().all(|report| !report.metrics.contains_key(**name));
        objectives.iter().find(lacks).map_or(Ending::Succeeded, |name| Ending::Failed {
            reason: "NoMetric".to_owned(),
            message: format!("{name} was never reported"),
            retryable: false,
        })
    }
}

/// The median of the seconds that are known, 1 without any. Where only the times of reports are, nothing says what the
/// first one of a trial took, and a pause counts as work.
fn usual<'r>(reports: impl Iterator<Item = &'r Report>) -> f64 {
    let mut known: Vec<f64> = reports.filter_map(|report| report.seconds).collect();
    known.sort_by(f64::total_cmp);
    known.get(known.len() / 2).copied().unwrap_or(1.0)
}
