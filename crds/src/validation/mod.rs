//! From a manifest to a [`Job`], or to everything that is wrong with it.
//!
//! ```text
//! YAML ──► JSON and places (yaml) ──► held against the generated schema (structure) ──► narrow types (narrow) ──► Job
//! ```
//! Each step goes on where the one before found something wrong elsewhere, so that all problems are told at once; what
//! is already known to be wrong is not looked at again.

mod narrow;
mod path;
mod problem;
mod schemas;
mod structure;
mod yaml;

#[cfg(test)]
mod tests;

use serde_json::Value;
use temper_advisor::suggest::did_you_mean;

pub use problem::{Errors, Position, Problem, render_warnings};

use crate::{API_VERSION, GROUP, TuningJob, job::Job};
use yaml::{Document, Places};

const KIND: &str = "TuningJob";

/// Reads the one `TuningJob` in a text of one or more YAML (or JSON) documents.
///
/// # Errors
/// Everything that is wrong, with where it stands.
pub fn parse_job(text: &str) -> Result<Job, Errors> {
    let documents = yaml::read(text).map_err(Errors::one)?;
    let Document { value, places, duplicates, mut warnings, .. } =
        only_job(documents).map_err(Errors::one)?;
    let checked = check(&value);
    let (mut errors, more_warnings, job) = checked.located(&places);
    errors.extend(duplicates);
    warnings.extend(more_warnings);
    warnings.retain(|warning| errors.iter().all(|error| error.path != warning.path));
    errors.sort_by_key(|error| error.position);
    warnings.sort_by_key(|warning| warning.position);
    match job {
        Some(job) if errors.is_empty() => Ok(Job { warnings, ..job }),
        _ => Err(Errors { errors, warnings }),
    }
}

/// Reads a `TuningJob` as the API server has it.
///
/// # Errors
/// Everything that is wrong.
pub fn parse_value(value: &Value) -> Result<Job, Errors> {
    if let Some(problem) = not_a_job(value) {
        return Err(Errors::one(problem));
    }
    let (errors, warnings, job) = check(value).located(&Places::default());
    match job {
        Some(job) if errors.is_empty() => Ok(Job { warnings, ..job }),
        _ => Err(Errors { errors, warnings }),
    }
}

/// The same, of an object that was read already.
///
/// # Errors
/// Everything that is wrong.
pub fn parse_object(object: &TuningJob) -> Result<Job, Errors> {
    let value = serde_json::to_value(object)
        .map_err(|error| Errors::one(Problem::new("", format!("it cannot be written as JSON: {error}"))))?;
    parse_value(&value)
}

/// The document that is a `TuningJob`; others are passed over.
fn only_job(mut documents: Vec<Document>) -> Result<Document, Problem> {
    documents.retain(|document| !document.value.is_null());
    if documents.len() <= 1 {
        let document = documents
            .pop()
            .ok_or_else(|| Problem::new("", "there is nothing in it; `temper init` writes a first job"))?;
        return match not_a_job(&document.value) {
            Some(problem) => {
                let place = document.places.of(&problem.path).unwrap_or(document.start);
                Err(problem.at(Some(place)))
            }
            None => Ok(document),
        };
    }
    let count = documents.len();
    let mut jobs: Vec<Document> = documents
        .into_iter()
        .filter(|document| document.value.get("kind").and_then(Value::as_str) == Some(KIND))
        .collect();
    match (jobs.pop(), jobs.last()) {
        (Some(job), None) => match not_a_job(&job.value) {
            Some(problem) => {
                let place = job.places.of(&problem.path).unwrap_or(job.start);
                Err(problem.at(Some(place)))
            }
            None => Ok(job),
        },
        (Some(job), Some(other)) => {
            let lines: Vec<String> =
                jobs.iter().chain([&job]).map(|job| job.start.line.to_string()).collect();
            let message = format!(
                "there are {} TuningJobs in it, at lines {}; give one at a time",
                lines.len(),
                lines.join(", ")
            );
            Err(Problem::new("", message).at(Some(other.start)))
        }
        (None, _) => Err(Problem::new("", format!("none of its {count} documents is a {KIND}"))),
    }
}

/// Why this is no `TuningJob` at all, if it is none.
fn not_a_job(value: &Value) -> Option<Problem> {
    let Value::Object(_) = value else {
        let message = format!(
            "a {KIND} is an object that begins with `apiVersion: {API_VERSION}`, not {}",
            structure::describe(value)
        );
        return Some(Problem::new("", message));
    };
    let kind = value.get("kind").and_then(Value::as_str);
    let version = value.get("apiVersion").and_then(Value::as_str);
    match (version, kind) {
        (Some(API_VERSION), Some(KIND)) => None,
        (_, None) => Some(Problem::new("kind", format!("is missing: write `kind: {KIND}`"))),
        (_, Some(kind)) if kind != KIND => {
            let hint = did_you_mean(kind, [KIND]);
            Some(Problem::new("kind", format!("must be {KIND}, not {kind:?}{hint}")))
        }
        (None, _) => {
            Some(Problem::new("apiVersion", format!("is missing: write `apiVersion: {API_VERSION}`")))
        }
        (Some(version), _) if version.split('/').next() == Some(GROUP) => {
            let message =
                format!("must be {API_VERSION}, not {version:?}: this version of temper knows no other");
            Some(Problem::new("apiVersion", message))
        }
        (Some(version), _) => {
            Some(Problem::new("apiVersion", format!("must be {API_VERSION}, not {version:?}")))
        }
    }
}

/// What the steps after reading found.
struct Checked {
    structure: Vec<structure::Found>,
    narrowed: narrow::Narrowed,
}

fn check(value: &Value) -> Checked {
    let mut value = value.clone();
    if let Value::Object(members) = &mut value {
        // The status is the operator's; a manifest taken from a cluster has one.
        members.remove("status");
    }
    let findings = structure::check(schemas::tuning_job(), "", &mut value);
    let narrowed = narrow::narrow(&value, findings.broken);
    Checked { structure: findings.problems, narrowed }
}

impl Checked {
    fn located(self, places: &Places) -> (Vec<Problem>, Vec<Problem>, Option<Job>) {
        let locate = |found: structure::Found| {
            let place = if found.of_key {
                places.of(&found.problem.path)
            } else {
                places.of_value(&found.problem.path)
            };
            found.problem.at(place)
        };
        let by_value = |problem: Problem| {
            let place = places.of_value(&problem.path);
            problem.at(place)
        };
        let mut errors: Vec<Problem> = self.structure.into_iter().map(locate).collect();
        errors.extend(self.narrowed.options.into_iter().map(locate));
        for problem in self.narrowed.errors {
            if errors.iter().all(|known| known.path != problem.path) {
                errors.push(by_value(problem));
            }
        }
        (errors, self.narrowed.warnings.into_iter().map(by_value).collect(), self.narrowed.job)
    }
}
