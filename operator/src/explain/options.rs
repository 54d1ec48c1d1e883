//! The options of a job's search and scheduler, with the values in use.

use serde::Serialize;
use serde_json::{Map, Value};
use temper_advisor::{Invalid, options::OptionText, registry::Registration, schedule};
use temper_crds::job::Job;

/// An option, and what it is in this job.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OptionInUse {
    /// What there is to know of it.
    #[serde(flatten)]
    pub option: OptionText,
    /// What the job sets it to, or its default; null where its description says what that is.
    pub value: Value,
}

/// The options of the algorithm that proposes, and its name where Auto chose it: it has to be named to set them.
pub(super) fn of_search(job: &Job) -> Result<(Vec<OptionInUse>, Option<String>), Vec<Invalid>> {
    let settings = &job.settings;
    let algorithm = settings.algorithm().map_err(|error| vec![error])?;
    let chosen = (algorithm.name != settings.search.algorithm).then(|| algorithm.name.to_owned());
    Ok((in_use(algorithm, &settings.search.options), chosen))
}

/// The options of the scheduler.
pub(super) fn of_scheduler(job: &Job) -> Result<Vec<OptionInUse>, Vec<Invalid>> {
    let settings = &job.settings.scheduler;
    let scheduler = schedule::scheduler(&settings.kind).map_err(|error| vec![error])?;
    Ok(in_use(scheduler, &settings.options))
}

fn in_use<Build>(algorithm: &Registration<Build>, set: &Map<String, Value>) -> Vec<OptionInUse> {
    let with_value = |option: OptionText| {
        let value = set.get(&option.name).unwrap_or(&option.default).clone();
        OptionInUse { option, value }
    };
    algorithm.described().into_iter().map(with_value).collect()
}
