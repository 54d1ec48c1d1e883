//! From wide types to narrow ones. What the schema has already found wrong is passed over; everything else is looked
//! at, so that one reading tells all problems.

#![allow(clippy::option_option, reason = "None is what is wrong, Some(None) what is absent")]

mod budget;
mod objectives;
mod quantities;
mod search;
mod space;
mod trial;

use serde::de::DeserializeOwned;
use serde_json::Value;
use temper_advisor::Invalid;

use super::{
    path::{is_within, member},
    problem::Problem,
    structure::Found,
};
use crate::{
    job::Job,
    tuning_job::{JobReference, Policy, RetentionSpec},
};

/// What came of it: a job, unless there are errors.
pub(super) struct Narrowed {
    pub(super) errors: Vec<Problem>,
    /// Errors in the algorithms' own options.
    pub(super) options: Vec<Found>,
    pub(super) warnings: Vec<Problem>,
    pub(super) job: Option<Job>,
}

/// `broken` are the paths of what the schema found wrong.
pub(super) fn narrow(value: &Value, broken: Vec<String>) -> Narrowed {
    let mut reader = Reader { value, broken, errors: Vec::new(), options: Vec::new(), warnings: Vec::new() };
    let job = job(&mut reader);
    let Reader { errors, options, warnings, .. } = reader;
    Narrowed { errors, options, warnings, job }
}

fn job(reader: &mut Reader<'_>) -> Option<Job> {
    let name = name(reader);
    let objectives = objectives::read(reader);
    let space = space::read(reader);
    let budget = budget::read(reader);
    let seed = reader.read("spec.seed", 0);
    let trial = trial::read(reader, space.as_ref());
    let scheduling = search::scheduler(reader, objectives.as_deref(), trial.as_ref());
    let points = space.as_ref().map(|space| search::points(reader, space, budget.as_ref()));
    let stop_rules = objectives::stop_rules(reader, objectives.as_deref(), scheduling.as_ref());
    let settings = search::settings(
        reader,
        space,
        objectives.as_deref(),
        scheduling.as_ref(),
        points,
        budget.as_ref(),
        seed,
    );
    let warm_start_from = warm_start_from(reader, name.as_deref());
    let policies: Option<Vec<Policy>> = reader.read("spec.policies", Vec::new());
    let suspend = reader.read("spec.suspend", false);
    let retention: Option<RetentionSpec> = reader.read("spec.retention", RetentionSpec::default());
    let ttl = reader.read("spec.ttlSecondsAfterFinished", None::<u32>);
    let is_right = reader.errors.is_empty() && reader.options.is_empty();
    let spec = reader.get("spec").filter(|_| is_right).and_then(|spec| reader.decode("spec", spec));
    Some(Job {
        name: name?,
        namespace: reader.get("metadata.namespace").and_then(Value::as_str).map(ToOwned::to_owned),
        objectives: objectives?,
        settings: settings?,
        resource: scheduling?.resource,
        stop_rules: stop_rules?,
        policies: policies?,
        budget: budget?,
        warm_start_from: warm_start_from?,
        trial: trial?,
        suspend: suspend?,
        retention: retention?.trials,
        ttl_after_finished: ttl?.map(|seconds| std::time::Duration::from_secs(u64::from(seconds))),
        spec: spec?,
        warnings: Vec::new(),
    })
}

/// A DNS label (RFC 1123), because it becomes part of the names of pods.
fn name(reader: &mut Reader<'_>) -> Option<String> {
    const PATH: &str = "metadata.name";
    if reader.is_broken(PATH) || reader.get("metadata").is_none() {
        return None;
    }
    let Some(name) = reader.get(PATH).and_then(Value::as_str) else {
        reader.error(PATH, "is missing: a job needs a name, as in `metadata: {name: my-job}`");
        return None;
    };
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = !name.is_empty()
        && name.len() <= 63
        && name.chars().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-');
    if good {
        return Some(name.to_owned());
    }
    let mended: String =
        name.to_lowercase().chars().map(|c| if inner(c) { c } else { '-' }).take(63).collect();
    let mended = mended.trim_matches('-');
    let hint = if mended.is_empty() { String::new() } else { format!("; try {mended}") };
    reader.error(
        PATH,
        format!("{name:?} is not allowed: small letters, digits and -, not at the ends, at most 63 characters{hint}"),
    );
    None
}

fn warm_start_from(reader: &mut Reader<'_>, own: Option<&str>) -> Option<Vec<String>> {
    let jobs: Vec<JobReference> = reader.read("spec.warmStartFrom", Vec::new())?;
    for (at, job) in jobs.iter().enumerate() {
        if own == Some(job.name.as_str()) {
            reader.error(
                &format!("spec.warmStartFrom[{at}].name"),
                "is this job itself; name a job that has finished",
            );
        }
    }
    Some(jobs.into_iter().map(|job| job.name).collect())
}

/// Reads parts of a manifest, and collects what is wrong with them.
struct Reader<'a> {
    value: &'a Value,
    broken: Vec<String>,
    errors: Vec<Problem>,
    options: Vec<Found>,
    warnings: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// What is at a path of plain names.
    fn get(&self, path: &str) -> Option<&'a Value> {
        path.split('.').try_fold(self.value, |value, name| value.get(name))
    }

    /// The items of a list; none when it is absent.
    fn items(&self, path: &str) -> &'a [Value] {
        self.get(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn is_broken(&self, path: &str) -> bool {
        self.broken.iter().any(|broken| is_within(broken, path))
    }

    /// A part, or its default when it is absent. `None` when it is wrong, which has then been said.
    fn read<T: DeserializeOwned>(&mut self, path: &str, absent: T) -> Option<T> {
        match self.get(path) {
            None if self.is_broken(path) => None,
            None => Some(absent),
            Some(value) => self.decode(path, value),
        }
    }

    fn decode<T: DeserializeOwned>(&mut self, path: &str, value: &Value) -> Option<T> {
        if self.is_broken(path) {
            return None;
        }
        match T::deserialize(value) {
            Ok(part) => Some(part),
            Err(error) => {
                self.error(path, error.to_string());
                None
            }
        }
    }

    fn error(&mut self, path: &str, message: impl Into<String>) {
        self.errors.push(Problem::new(path, message));
    }

    fn warn(&mut self, path: &str, message: impl Into<String>) {
        self.warnings.push(Problem::new(path, message));
    }

    /// What the advisor found wrong with the part at `parent`.
    fn invalid(&mut self, parent: &str, wrong: Vec<Invalid>) {
        for invalid in wrong {
            let Invalid { field, problem } = invalid.within(parent);
            self.error(&field, problem);
        }
    }

    /// The result, or `None` after saying what is wrong.
    fn accept<T>(&mut self, parent: &str, result: Result<T, Vec<Invalid>>) -> Option<T> {
        result.map_err(|wrong| self.invalid(parent, wrong)).ok()
    }

    fn missing(&mut self, parent: &str, field: &str, why: &str) {
        self.error(&member(parent, field), format!("is missing: {why}"));
    }
}
