//! From what is read off a command to reports: which values belong together, and how far the trial was.

use std::collections::{BTreeMap, BTreeSet};

use super::{metrics::Reading, nearest::did_you_mean, protocol::Report};

/// A report holds at most so many metrics; objectives always find room.
const MOST_METRICS: usize = 128;
/// Names remembered for messages.
const MOST_NAMES: usize = 1000;
/// Names longer than this are no metrics.
const LONGEST_NAME: usize = 256;
/// How near to a whole number a resource counts as whole: `0.1 * 30` is 3.
const WHOLE: f64 = 1e-6;

/// What the attempt is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Aim {
    /// At least one.
    pub(super) objectives: Vec<String>,
    /// Name of the metric that counts.
    pub(super) resource: Option<String>,
    /// How far to go.
    pub(super) run_to: Option<u64>,
    /// How far earlier attempts have reported; 0 for not at all.
    pub(super) reported_to: u64,
    /// Resource of the checkpoint that the attempt began with; 0 without one.
    pub(super) resumed_at: u64,
    /// The command counts from 0, as an earlier attempt has shown.
    pub(super) from_zero: bool,
}

/// What a reading gives rise to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// To be told: a new report, or more about the last.
    Report(Report),
    /// An objective is NaN or infinite: says which, and where.
    Diverged(String),
    /// To be told to a person.
    Warning(String),
}

/// Puts the readings of one attempt together.
///
/// - A reading that holds the resource says how far the trial is, for itself and for those after it that do not.
///   Without any, the readings that bring an objective anew are counted: 1, 2, 3, ..., on from the checkpoint that
///   the attempt began with.
/// - A command that counts from 0 (its first resource is 0) is one further than it says: after its epoch 0 it has
///   done one epoch. A fraction counts as what is completed: epoch 2.5 is 2, and does not replace what was told
///   at 2.
/// - A report goes out as soon as it has one objective. What else comes for the same resource is added to it.
/// - The resource never goes back: an objective at an earlier one is passed over, with one warning.
/// - Once `run_to` is reached, what lies beyond is not reported.
pub(super) struct Reports {
    aim: Aim,
    /// The resource that readings without one belong to.
    current: Option<u64>,
    /// Values without an objective, for the next report.
    carried: BTreeMap<String, f64>,
    last: Option<Report>,
    /// `last` has grown since it was told.
    last_has_news: bool,
    beyond: bool,
    /// Names of the metrics seen.
    seen: BTreeSet<String>,
    warned: Warned,
}

/// What was warned of, once is enough.
#[derive(Default)]
struct Warned {
    no_resource: bool,
    going_back: bool,
}

/// Where a reading stands.
struct Position {
    resource: u64,
    /// It is not at the resource but some way behind it.
    fraction: bool,
}

impl Reports {
    pub(super) fn new(aim: Aim) -> Self {
        Self {
            aim,
            current: None,
            carried: BTreeMap::new(),
            last: None,
            last_has_news: false,
            beyond: false,
            seen: BTreeSet::new(),
            warned: Warned::default(),
        }
    }

    /// The last report, told or not.
    pub(super) fn last(&self) -> Option<&Report> {
        self.last.as_ref()
    }

    /// How far the trial is known to be.
    pub(super) fn resource(&self) -> u64 {
        self.last.as_ref().map_or(self.aim.resumed_at, |last| last.resource)
    }

    /// Whether the command counts from 0.
    pub(super) fn counts_from_zero(&self) -> bool {
        self.aim.from_zero
    }

    /// `run_to` is reached.
    pub(super) fn reached(&self) -> bool {
        self.last.as_ref().zip(self.aim.run_to).is_some_and(|(last, run_to)| last.resource >= run_to)
    }

    /// The last report has every objective.
    pub(super) fn is_complete(&self) -> bool {
        self.last
            .as_ref()
            .is_some_and(|last| self.aim.objectives.iter().all(|name| last.metrics.contains_key(name)))
    }

    /// The command has gone beyond the report that reached `run_to`.
    pub(super) fn is_beyond(&self) -> bool {
        self.beyond
    }

    /// The names of all metrics seen, sorted.
    pub(super) fn seen(&self) -> impl Iterator<Item = &str> {
        self.seen.iter().map(String::as_str)
    }

    /// The objectives that were never reported.
    pub(super) fn missing(&self) -> impl Iterator<Item = &str> {
        self.aim.objectives.iter().map(String::as_str).filter(|name| !self.seen.contains(*name))
    }

    /// Takes a reading, in the order of their coming.
    pub(super) fn take(&mut self, reading: Reading, events: &mut Vec<Event>) {
        let (position, values) = self.split(reading);
        if let Some(position) = &position {
            self.move_to(position.resource, events);
        }
        let brings_objective = values.iter().any(|(name, _)| self.is_objective(name));
        let resource = match (&position, self.current) {
            (_, Some(resource)) => resource,
            (_, None) if brings_objective => self.counted(&values),
            (_, None) => self.resource(),
        };
        if self.reached() && resource > self.resource() {
            self.beyond = true;
            return;
        }
        if let Some((name, value)) =
            values.iter().find(|(name, value)| self.is_objective(name) && !value.is_finite())
        {
            let unit = self.aim.resource.as_deref().unwrap_or("report");
            let value = if value.is_nan() { "NaN".to_owned() } else { value.to_string() };
            events.push(Event::Diverged(format!("{name} is {value} at {unit} {resource}")));
            return;
        }
        if !brings_objective || resource == 0 {
            self.put_aside(resource, values);
            return;
        }
        if self.current.is_none() {
            self.warn_of_resource(events);
        }
        let told_fraction = position.is_some_and(|position| position.fraction)
            && self.last.as_ref().is_some_and(|last| last.resource == resource);
        if !told_fraction {
            self.report(resource, values, events);
        }
    }

    /// The command has ended: what was added to the last report is told.
    pub(super) fn finish(&mut self, events: &mut Vec<Event>) {
        if std::mem::take(&mut self.last_has_news)
            && let Some(last) = &self.last
            && last.resource > self.aim.reported_to
        {
            events.push(Event::Report(last.clone()));
        }
    }

    fn is_objective(&self, name: &str) -> bool {
        self.aim.objectives.iter().any(|objective| objective == name)
    }

    /// Parts the resource from the other values.
    fn split(&mut self, reading: Reading) -> (Option<Position>, Vec<(String, f64)>) {
        let Reading { mut resource, mut values } = reading;
        values.retain(|(name, value)| {
            let is_resource = self.aim.resource.as_ref() == Some(name);
            if is_resource {
                resource = Some(*value);
            }
            !is_resource && name.len() <= LONGEST_NAME
        });
        for (name, _) in &values {
            if !self.seen.contains(name) && (self.seen.len() < MOST_NAMES || self.is_objective(name)) {
                self.seen.insert(name.clone());
            }
        }
        // From 2^53 on a double does not count any more.
        let countable = resource.filter(|resource| (0.0..9e15).contains(resource));
        let position = countable.map(|resource| {
            let whole = (resource + WHOLE).floor();
            let fraction = resource - whole > WHOLE;
            if self.current.is_none() && self.aim.resumed_at == 0 && whole == 0.0 && !fraction {
                self.aim.from_zero = true;
            }
            Position { resource: whole as u64 + u64::from(self.aim.from_zero), fraction }
        });
        (position, values)
    }

    fn move_to(&mut self, resource: u64, events: &mut Vec<Event>) {
        if self.current != Some(resource) {
            self.finish(events);
            if self.current.is_some() {
                self.carried.clear();
            }
            self.current = Some(resource);
        }
    }

    /// The number of this reading, or of the last one when it only adds other objectives to it.
    fn counted(&self, values: &[(String, f64)]) -> u64 {
        match &self.last {
            Some(last)
                if !values
                    .iter()
                    .any(|(name, _)| self.is_objective(name) && last.metrics.contains_key(name)) =>
            {
                last.resource
            }
            _ => self.resource() + 1,
        }
    }

    fn put_aside(&mut self, resource: u64, values: Vec<(String, f64)>) {
        match &mut self.last {
            Some(last) if self.current == Some(last.resource) && resource == last.resource => {
                self.last_has_news = true;
                add(&mut last.metrics, values, &self.aim.objectives);
            }
            _ => add(&mut self.carried, values, &self.aim.objectives),
        }
    }

    fn report(&mut self, resource: u64, values: Vec<(String, f64)>, events: &mut Vec<Event>) {
        let mut metrics = match self.last.take_if(|last| last.resource <= resource) {
            Some(last) if last.resource == resource => last.metrics,
            _ => BTreeMap::new(),
        };
        if let Some(last) = &self.last {
            if !self.warned.going_back {
                self.warned.going_back = true;
                let unit = self.aim.resource.as_deref().unwrap_or("resource");
                events.push(Event::Warning(format!(
                    "{unit} went back from {} to {resource}: what is reported there is passed over",
                    last.resource
                )));
            }
            return;
        }
        add(&mut metrics, std::mem::take(&mut self.carried), &self.aim.objectives);
        add(&mut metrics, values, &self.aim.objectives);
        let report = Report { resource, metrics };
        if resource > self.aim.reported_to {
            events.push(Event::Report(report.clone()));
        }
        self.last_has_news = false;
        self.last = Some(report);
    }

    fn warn_of_resource(&mut self, events: &mut Vec<Event>) {
        if let Some(resource) = &self.aim.resource
            && !self.warned.no_resource
        {
            self.warned.no_resource = true;
            events.push(Event::Warning(format!(
                "no {resource} is reported{}: the reports are counted instead",
                did_you_mean(resource, self.seen())
            )));
        }
    }
}

/// Adds what is finite and finds room.
fn add(
    metrics: &mut BTreeMap<String, f64>,
    values: impl IntoIterator<Item = (String, f64)>,
    objectives: &[String],
) {
    for (name, value) in values {
        let has_room =
            metrics.len() < MOST_METRICS || metrics.contains_key(&name) || objectives.contains(&name);
        if value.is_finite() && has_room {
            metrics.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests;
