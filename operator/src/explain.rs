//! What a job would do, before it does it.

mod options;
mod reach;

use std::path::Path;

use serde::Serialize;
use temper_advisor::{
    Invalid, Resource, TrialIndex, schedule,
    space::{Configuration, Domain, Parameter, Prior, Scale},
};
use temper_crds::job::{Goal, Job, MetricsFormat};
use temper_runner::agent::{self, protocol::Assignment};

pub use options::OptionInUse;
pub use reach::{Reach, Rung};

use crate::{
    local::workload::Workload,
    plan::{Action, Event, JobState, Millis, Observation, plan_for},
    plot::brief,
    warm_start::Learned,
};

/// What a job would do.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Its name.
    pub job: String,
    /// What it is for, a sentence for each objective.
    pub objectives: Vec<String>,
    /// What is searched.
    pub parameters: Vec<ParameterText>,
    /// How many different configurations there are; absent when there is no end to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configurations: Option<u128>,
    /// Name of the algorithm that proposes configurations.
    pub algorithm: String,
    /// How it does that, and why so.
    pub search: String,
    /// What Auto chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen: Option<String>,
    /// What can be set of the algorithm, of what Auto chose too.
    pub search_options: Vec<OptionInUse>,
    /// From which earlier jobs it learns, or why it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_start: Option<String>,
    /// How far trials go.
    pub scheduler: String,
    /// What can be set of the scheduler.
    pub scheduler_options: Vec<OptionInUse>,
    /// How many trials get how far, and what that saves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
    /// How much it may use.
    pub budget: Vec<String>,
    /// The configurations that would be tried first.
    pub proposals: Vec<Configuration>,
    /// What the command of a trial must report, and how.
    pub metrics: String,
    /// The command of the first trial.
    pub command: Vec<String>,
    /// What the first trial finds in its environment, besides what the container has.
    pub environment: Vec<Variable>,
}

/// A variable of the environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the fields say it")]
pub struct Variable {
    pub name: String,
    pub value: String,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParameterText {
    /// Its name.
    pub name: String,
    /// As in the job.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its values, in words.
    pub values: String,
    /// When it is active, unless always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// Says what the job would do; `proposals` configurations are shown. Paths are of a run in the folder `here`. `learned`
/// is what it learned from earlier jobs, or why it cannot.
///
/// # Errors
/// What is wrong with the search or the scheduler; a [`Job`] was found to be right in both.
pub fn explain(
    job: &Job,
    learned: Result<Option<Learned>, Vec<String>>,
    proposals: u32,
    here: &Path,
) -> Result<Explanation, Vec<Invalid>> {
    let mut state = JobState::of(job)?;
    let warm_start = match learned {
        Ok(None) => None,
        Ok(Some(learned)) => {
            state.apply(Millis(0), &Event::Observed(learned.into()));
            state.learned().map(str::to_owned)
        }
        Err(why) => Some(why.join("\n")),
    };
    let said = state.advisor().explain();
    let (search, scheduler) = said.split_once('\n').unwrap_or((&said, ""));
    let (search, scheduler) = (search.to_owned(), scheduler.to_owned());
    state.apply(Millis(0), &Event::Observed(Observation::Opened));
    let actions = plan_for(&mut state, Millis(0), proposals.max(1));
    let proposed: Vec<(Configuration, Option<Resource>)> = actions
        .into_iter()
        .filter_map(|action| match action {
            Action::Create { parameters, run_to, .. } => Some((parameters, run_to)),
            _ => None,
        })
        .collect();
    let (environment, command) = match proposed.first() {
        Some((configuration, run_to)) => trial(job, configuration, *run_to, here),
        None => (Vec::new(), job.trial.template.command()),
    };
    let space = &job.settings.space;
    let (search_options, chosen) = options::of_search(job)?;
    Ok(Explanation {
        job: job.name.clone(),
        objectives: objectives(job),
        parameters: space.parameters().iter().map(ParameterText::of).collect(),
        configurations: space.cardinality(),
        algorithm: job.settings.search.algorithm.clone(),
        search,
        chosen,
        search_options,
        warm_start,
        scheduler_options: options::of_scheduler(job)?,
        reach: reach::reach(job, &state.advisor().rungs())?,
        scheduler,
        budget: budget(job),
        proposals: proposed
            .into_iter()
            .take(proposals as usize)
            .map(|(configuration, _)| configuration)
            .collect(),
        metrics: metrics(job),
        command,
        environment,
    })
}

fn objectives(job: &Job) -> Vec<String> {
    job.objectives
        .iter()
        .map(|objective| {
            let goal = if objective.goal == Goal::Minimize { "minimize" } else { "maximize" };
            let target = objective
                .target
                .map_or_else(String::new, |target| format!(", until one trial reaches {target}"));
            format!("{goal} {}{target}", objective.metric)
        })
        .collect()
}

impl ParameterText {
    fn of(parameter: &Parameter) -> Self {
        let (kind, values) = values(&parameter.domain);
        let conditions: Vec<String> = parameter
            .when
            .iter()
            .map(|condition| {
                let values: Vec<String> = condition.values.iter().map(ToString::to_string).collect();
                format!("{} is {}", condition.parent, values.join(" or "))
            })
            .collect();
        let when = (!conditions.is_empty()).then(|| conditions.join(" and "));
        Self { name: parameter.name.to_string(), kind, values, when }
    }
}

fn values(domain: &Domain) -> (&'static str, String) {
    let listed = |values: &[temper_advisor::space::Value]| {
        values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    match domain {
        Domain::Float(range) => {
            let step = range.step().map_or_else(String::new, |step| format!(" by {step}"));
            let (min, max) = (brief(range.min()), brief(range.max()));
            ("float", format!("{min} to {max}{step}{}", how(range.scale(), range.prior())))
        }
        Domain::Int(range) => {
            let step = if range.step() == 1 { String::new() } else { format!(" by {}", range.step()) };
            ("int", format!("{} to {}{step}{}", range.min(), range.max(), how(range.scale(), range.prior())))
        }
        Domain::Categorical { values, ordered } => {
            ("categorical", format!("{}{}", listed(values), if *ordered { ", in this order" } else { "" }))
        }
        Domain::Fixed(value) => ("fixed", value.to_string()),
        Domain::Architecture { positions } => {
            let same = positions.windows(2).all(|pair| pair[0] == pair[1]);
            let values = match positions.first() {
                Some(first) if same => format!("{} positions, each {}", positions.len(), listed(first)),
                _ => positions
                    .iter()
                    .map(|candidates| format!("[{}]", listed(candidates)))
                    .collect::<Vec<_>>()
                    .join(" "),
            };
            ("architecture", values)
        }
    }
}

fn how(scale: Scale, prior: Prior) -> String {
    let scale = match scale {
        Scale::Linear => "",
        Scale::Log => ", log",
        Scale::ReverseLog => ", reverse log",
    };
    match prior {
        Prior::Uniform => scale.to_owned(),
        Prior::Normal { mean, sd } => format!("{scale}, about {} (normal, sd {})", brief(mean), brief(sd)),
    }
}

fn budget(job: &Job) -> Vec<String> {
    let budget = &job.budget;
    let trials =
        budget.max_trials.map_or_else(|| "any number of trials".to_owned(), |max| format!("{max} trials"));
    let mut lines = vec![format!("{trials}, {} at once", budget.parallelism)];
    if let Some(duration) = budget.max_duration {
        lines.push(format!("at most {} s", duration.as_secs()));
    }
    lines.push(match budget.max_failed_trials {
        Some(limit) => format!("fails when more than {limit} trials have failed"),
        None => format!("fails when the first {} trials all fail", crate::plan::FAILURES_BEFORE_GIVING_UP),
    });
    if job.trial.retries > 0 {
        lines.push(format!("a trial that fails is tried again {} times", job.trial.retries));
    }
    if job.settings.scheduler.kind == schedule::NONE
        && budget.max_trials.is_none()
        && budget.max_duration.is_none()
    {
        lines.push("nothing ends it: set budget.maxTrials or budget.maxDuration".to_owned());
    }
    lines
}

fn metrics(job: &Job) -> String {
    let metrics = &job.trial.metrics;
    let names: Vec<&str> = job.objectives.iter().map(|objective| objective.metric.as_str()).collect();
    let with_resource: Vec<&str> = job.resource.as_deref().into_iter().chain(names.iter().copied()).collect();
    let place = match (&metrics.file, metrics.format) {
        (Some(file), MetricsFormat::TensorBoard) => format!("in the event files below {file}"),
        (None, MetricsFormat::TensorBoard) => "in the event files below its working directory".to_owned(),
        (Some(file), _) => format!("in the file {file}"),
        (None, _) => "on stdout".to_owned(),
    };
    let example = |assign: &dyn Fn(&str, &str) -> String, between: &str| {
        let value = |name: &str| if Some(name) == job.resource.as_deref() { "3" } else { "0.91" };
        with_resource.iter().map(|name| assign(name, value(name))).collect::<Vec<_>>().join(between)
    };
    let form = match metrics.format {
        MetricsFormat::JSONLines => {
            format!("a line {{{}}}", example(&|name, value| format!("\"{name}\": {value}"), ", "))
        }
        MetricsFormat::KeyValue => {
            format!("a line with {}", example(&|name, value| format!("{name}={value}"), " "))
        }
        MetricsFormat::Regex => format!("a line that matches {}", metrics.patterns.join(" or ")),
        MetricsFormat::TensorBoard => format!("scalars {}", names.join(", ")),
        MetricsFormat::Auptimizer => "a last line #Auptimizer:0.91".to_owned(),
    };
    format!("{form} {place}")
}

/// What the first trial is given on this machine.
fn trial(
    job: &Job,
    configuration: &Configuration,
    run_to: Option<Resource>,
    here: &Path,
) -> (Vec<Variable>, Vec<String>) {
    let template = &job.trial.template;
    // What cannot be run here may well run in a cluster: its own variables are left out then.
    let env = Workload::read(template).map(|workload| workload.environment(&format!("{}-0", job.name)));
    let parameters = configuration
        .0
        .iter()
        .map(|(name, value)| (name.to_string(), serde_json::to_value(value).unwrap_or_default()))
        .collect();
    let assignment = Assignment {
        job: job.name.clone(),
        trial: TrialIndex(0).0,
        attempt: 1,
        command: template.command(),
        env: env.unwrap_or_default(),
        parameters,
        run_to: run_to.map(Resource::get),
        dir: here.join(".temper").join(&job.name).join("trials/0000/1"),
        ..Assignment::default()
    };
    let (variables, command) = agent::preview(&assignment);
    (variables.into_iter().map(|(name, value)| Variable { name, value }).collect(), command)
}

/// How far trials may go, where that is known.
fn longest(job: &Job) -> Option<Resource> {
    job.settings.scheduler.max.or_else(|| schedule::max_of(&job.settings.space))
}
