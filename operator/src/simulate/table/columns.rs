//! What the columns of a table of learning curves mean.

use std::collections::BTreeMap;

use temper_advisor::{space::Space, suggest::did_you_mean};

/// Column with the seconds that a step took.
pub(super) const SECONDS: &str = "seconds";

/// Columns named in an error.
const SHOWN: usize = 20;

/// What a column is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    /// The parameter at this position of the space.
    Parameter(usize),
    /// How far the trial is.
    Resource,
    /// How long the step took.
    Seconds,
    /// Which trial the row is of.
    Trial,
    /// When it was reported, in milliseconds.
    At,
    /// A metric of this name.
    Metric(String),
    /// Nothing that a simulation needs.
    Nothing,
}

/// The columns of a table, of one of two forms: with names as they are in the job, or as `temper export --reports`
/// writes them, `parameters.NAME` and `metrics.NAME` among others of its own.
pub(super) struct Columns<'a> {
    names: &'a [String],
    /// What each is.
    pub(super) meanings: Vec<Meaning>,
    is_export: bool,
}

const PARAMETERS: &str = "parameters.";
const METRICS: &str = "metrics.";

impl<'a> Columns<'a> {
    pub(super) fn new(names: &'a [String], space: &Space, resource: Option<&str>) -> Self {
        let is_export = names.iter().any(|name| name.starts_with(PARAMETERS));
        let meaning = |name: &String| {
            if is_export { exported(name, space) } else { plain(name, space, resource) }
        };
        Self { names, meanings: names.iter().map(meaning).collect(), is_export }
    }

    /// Columns that must be there and are not, that are there twice, or that are of another job. A column for a
    /// parameter may be missing where it is never active.
    pub(super) fn check(&self, resource: Option<&str>, objectives: &[&str]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut seen: BTreeMap<&Meaning, &str> = BTreeMap::new();
        for (name, meaning) in self.names.iter().zip(&self.meanings) {
            if self.is_export && *meaning == Meaning::Nothing && name.starts_with(PARAMETERS) {
                wrong.push(format!("column {name:?}: the job has no such parameter"));
            }
            if *meaning != Meaning::Nothing
                && let Some(other) = seen.insert(meaning, name)
            {
                wrong.push(format!("columns {other:?} and {name:?} are the same"));
            }
        }
        if resource.is_some() && !self.has_resource() {
            wrong.push(self.missing(self.unit(resource), "the resource"));
        }
        for objective in objectives.iter().filter(|objective| !self.has_metric(objective)) {
            let name = if self.is_export { format!("{METRICS}{objective}") } else { (*objective).to_owned() };
            wrong.push(self.missing(&name, "an objective"));
        }
        wrong
    }

    /// Name of the column with the resource.
    pub(super) fn unit<'r>(&self, resource: Option<&'r str>) -> &'r str {
        resource.filter(|_| !self.is_export).unwrap_or("resource")
    }

    /// Whether there is one.
    pub(super) fn has_resource(&self) -> bool {
        self.meanings.contains(&Meaning::Resource)
    }

    /// Whether there is a column for this metric.
    pub(super) fn has_metric(&self, name: &str) -> bool {
        let is_it = |meaning: &Meaning| matches!(meaning, Meaning::Metric(metric) if metric == name);
        self.meanings.iter().any(is_it) || (name == SECONDS && self.meanings.contains(&Meaning::Seconds))
    }

    /// What to say of a parameter without a column.
    pub(super) fn missing_parameter(&self, name: &str) -> String {
        let name = if self.is_export { format!("{PARAMETERS}{name}") } else { name.to_owned() };
        self.missing(&name, "a parameter")
    }

    fn missing(&self, name: &str, what: &str) -> String {
        let shown: Vec<&str> = self.names.iter().take(SHOWN).map(String::as_str).collect();
        let more = match self.names.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        // A column that is understood is not the one that was meant.
        let unclaimed = self.names.iter().zip(&self.meanings).filter_map(|(name, meaning)| {
            matches!(meaning, Meaning::Metric(_) | Meaning::Nothing).then_some(name.as_str())
        });
        let near = did_you_mean(name, unclaimed);
        format!("no column {name:?}, {what} of the job: there are {}{more}{near}", shown.join(", "))
    }
}

fn plain(name: &str, space: &Space, resource: Option<&str>) -> Meaning {
    match position(name, space) {
        Some(parameter) => Meaning::Parameter(parameter),
        None if resource == Some(name) => Meaning::Resource,
        None if name == SECONDS => Meaning::Seconds,
        None => Meaning::Metric(name.to_owned()),
    }
}

fn exported(name: &str, space: &Space) -> Meaning {
    if let Some(metric) = name.strip_prefix(METRICS) {
        return Meaning::Metric(metric.to_owned());
    }
    if let Some(parameter) = name.strip_prefix(PARAMETERS) {
        return position(parameter, space).map_or(Meaning::Nothing, Meaning::Parameter);
    }
    match name {
        "index" => Meaning::Trial,
        "resource" => Meaning::Resource,
        "at" => Meaning::At,
        SECONDS => Meaning::Seconds,
        _ => Meaning::Nothing,
    }
}

fn position(name: &str, space: &Space) -> Option<usize> {
    space.parameters().iter().position(|parameter| parameter.name.as_str() == name)
}
