//! How configurations are proposed, and how far trials go.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use temper_advisor::{
    Resource,
    advisor::{Advisor, SchedulerSettings, SearchSettings, Settings},
    registry::Registration,
    schedule::{self, SCHEDULERS},
    search::SEARCHERS,
    space::{Configuration, Space, Value},
};

use super::{
    super::{
        path::{is_within, item, member},
        structure,
    },
    Reader, space,
};
use crate::{
    job::{Budget, MetricsFormat, Objective, TrialSettings},
    tuning_job::{SchedulerSpec, SearchSpec},
};

/// The scheduler, and what it counts in.
pub(super) struct Scheduling {
    pub(super) settings: SchedulerSettings,
    pub(super) resource: Option<String>,
}

pub(super) fn scheduler(
    reader: &mut Reader<'_>,
    objectives: Option<&[Objective]>,
    trial: Option<&TrialSettings>,
) -> Option<Scheduling> {
    const PATH: &str = "spec.scheduler";
    check_options(reader, PATH, "type", "", SCHEDULERS);
    let number = |name: &str| reader.get(&member(PATH, name)).and_then(Json::as_u64);
    if let (min, Some(max)) = (number("min").unwrap_or(1), number("max"))
        && min > max
    {
        reader.error("spec.scheduler.min", format!("must not exceed max, but min is {min} and max is {max}"));
    }
    let spec: Option<SchedulerSpec> = reader.read(PATH, None)?;
    let Some(spec) = spec else {
        return Some(Scheduling { settings: SchedulerSettings::default(), resource: None });
    };
    let judges = spec.type_ != schedule::NONE;
    if let Some([first, _, ..]) = objectives.filter(|_| judges) {
        let message = format!("judges trials by the first objective, {}, alone", first.metric);
        reader.warn(PATH, message);
    }
    let metrics = objectives.unwrap_or_default().iter().map(|objective| &objective.metric);
    if judges && metrics.into_iter().any(|metric| *metric == spec.resource) {
        let message = format!(
            "{} is an objective: name what progress is counted in, such as epoch or step",
            spec.resource
        );
        reader.error("spec.scheduler.resource", message);
    }
    if judges && trial.is_some_and(|trial| trial.metrics.format == MetricsFormat::Auptimizer) {
        let message =
            "has nothing to judge by: metrics in format Auptimizer are one line at the end of a trial";
        reader.warn(PATH, message);
    }
    let names_resource = reader.get("spec.scheduler.resource").is_some();
    Some(Scheduling {
        settings: SchedulerSettings {
            kind: spec.type_,
            min: Resource::new(spec.min)?,
            max: spec.max.and_then(Resource::new),
            reduction_factor: spec.reduction_factor,
            options: spec.options,
        },
        resource: (judges || names_resource).then_some(spec.resource),
    })
}

/// Points to try first: as given, filled up with defaults; all defaults when the list is absent. `None` when one is
/// wrong.
pub(super) fn points(
    reader: &mut Reader<'_>,
    space: &Space,
    budget: Option<&Budget>,
) -> Option<Vec<Configuration>> {
    const PATH: &str = "spec.pointsToEvaluate";
    let Some(list) = reader.get(PATH) else { return Some(vec![space.defaults()]) };
    let items = list.as_array().map_or(&[][..], Vec::as_slice);
    let mut points: Vec<Option<Configuration>> = Vec::new();
    for (at, json) in items.iter().enumerate() {
        let path = item(PATH, at);
        let before = reader.errors.len();
        for (name, value) in json.as_object().into_iter().flatten() {
            space::check_value(reader, &member(&path, name), value);
        }
        let given: Option<BTreeMap<String, Value>> =
            if reader.errors.len() == before { reader.decode(&path, json) } else { None };
        let point = given.and_then(|given| reader.accept(&path, space.complete(&given)));
        let first = point
            .as_ref()
            .and_then(|point| points.iter().position(|earlier| earlier.as_ref() == Some(point)));
        if let Some(first) = first {
            reader.warn(
                &path,
                format!("is the same configuration as {}: it is tried twice", item(PATH, first)),
            );
        }
        points.push(point);
    }
    if let Some(max_trials) =
        budget.and_then(|budget| budget.max_trials).filter(|max| items.len() > *max as usize)
    {
        let message =
            format!("has {} points, of which budget.maxTrials allows the first {max_trials}", items.len());
        reader.warn(PATH, message);
    }
    points.into_iter().collect()
}

/// All that the advisor is told, once it takes it.
pub(super) fn settings(
    reader: &mut Reader<'_>,
    space: Option<Space>,
    objectives: Option<&[Objective]>,
    scheduling: Option<&Scheduling>,
    points: Option<Option<Vec<Configuration>>>,
    budget: Option<&Budget>,
    seed: Option<u64>,
) -> Option<Settings> {
    let search: Option<SearchSpec> = reader.read("spec.search", SearchSpec::default());
    check_options(reader, "spec.search", "algorithm", &SearchSpec::default().algorithm, SEARCHERS);
    let search = search?;
    let budget = budget?;
    let warm_start =
        reader.get("spec.warmStartFrom").and_then(Json::as_array).is_some_and(|jobs| !jobs.is_empty());
    let settings = Settings {
        space: space?,
        objectives: objectives?.len(),
        search: SearchSettings { algorithm: search.algorithm, options: search.options },
        scheduler: scheduling?.settings.clone(),
        seed: seed?,
        max_trials: budget.max_trials,
        parallelism: budget.parallelism,
        points: points??,
        warm_start,
    };
    let already_said = reader.errors.iter().any(|error| is_within(&error.path, "spec.scheduler"));
    if already_said || !reader.options.is_empty() {
        return None;
    }
    match Advisor::new(settings.clone()) {
        Ok(_) => Some(settings),
        Err(mut wrong) => {
            if settings.max_resource().is_none() && say_of_no_amount(reader) {
                wrong.retain(|invalid| invalid.field != "scheduler.max");
            }
            reader.invalid("spec", wrong);
            None
        }
    }
}

/// Of a fixed parameter that would tell how far trials go if it were a number. Whether there is one.
fn say_of_no_amount(reader: &mut Reader<'_>) -> bool {
    const PATH: &str = "spec.parameters";
    let fixed = reader.items(PATH).iter().enumerate().find_map(|(at, parameter)| {
        let name = parameter.get("name")?.as_str().filter(|name| schedule::MAX_PARAMETERS.contains(name))?;
        Some((at, name, parameter.get("value")?))
    });
    let Some((at, name, value)) = fixed else { return false };
    let number = value.as_str().and_then(|text| text.trim().parse::<u64>().ok()).filter(|&number| number > 0);
    let hint = number.map_or_else(String::new, |number| format!(": write {number} without quotes"));
    let message = format!(
        "is {}, and {name} tells the scheduler how far trials go, for which a whole number above 0 is needed{hint}; or \
         set spec.scheduler.max",
        structure::describe(value)
    );
    reader.error(&member(&item(PATH, at), "value"), message);
    true
}

/// Holds an algorithm's own options against the schema it gives of them. `field` of the part at `path` names it.
fn check_options<Build>(
    reader: &mut Reader<'_>,
    path: &str,
    field: &str,
    default: &str,
    registry: &[Registration<Build>],
) {
    let options = member(path, "options");
    let Some(Json::Object(written)) = reader.get(&options) else { return };
    let name = reader.get(&member(path, field)).and_then(Json::as_str).unwrap_or(default);
    let Some(registration) = registry.iter().find(|registration| registration.name == name) else { return };
    let schema = (registration.options)().to_value();
    let found = structure::check(&schema, &options, &mut Json::Object(written.clone()));
    reader.options.extend(found.problems);
}
