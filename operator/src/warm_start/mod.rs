//! What a job learns from earlier ones (`spec.warmStartFrom`). Pure.
//!
//! Trials of an earlier job become [`PastTrial`]s: configurations of the later job's space with losses of its
//! objectives. A search that models what came of trials takes them as if they were its own; nothing else does: they
//! are no trials of the job, take nothing of its budget, and no scheduler judges by them.
//!
//! They are taken once, when a job begins, and recorded with it ([`Observation::Learned`]): what becomes of the earlier
//! job afterwards changes nothing.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use temper_advisor::{
    Resource,
    advisor::Advisor,
    history,
    past::{PastEnding, PastTrial},
    space::Misfit,
    suggest::did_you_mean,
};
use temper_crds::job::Job;

use crate::{
    plan::{JobState, Objective, Observation, Outcome},
    view::pareto_front,
};

/// Most trials that a job learns from, of all earlier jobs together: as many as a Gaussian process is conditioned on,
/// and no more than one object of a cluster holds.
pub const MOST: usize = 1_000;
/// Of an earlier job of more trials than are taken, so many of the best are taken whatever the others: TPE's density of
/// good trials is made of at most 50.
const BEST: usize = 100;
/// Most reports that are taken of one trial.
const MOST_REPORTS: usize = 16;

/// An earlier job and what became of it.
pub struct Earlier<'a> {
    /// As `warmStartFrom` names it.
    pub name: &'a str,
    /// Its manifest.
    pub job: &'a Job,
    /// Its trials.
    pub state: &'a JobState,
}

/// Why nothing can be learned from an earlier job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is not over.
    #[error("{job} is not finished: {ended} of its {created} trials have ended")]
    NotFinished {
        /// Its name.
        job: String,
        /// Trials that are over.
        ended: u32,
        /// All that it has begun.
        created: u32,
    },
    /// It was not measured what this job is to be measured by.
    #[error(
        "{job} has no objective {metric:?}, it was tuned for {theirs}{hint}: there is nothing to learn from it"
    )]
    OtherObjectives {
        /// Its name.
        job: String,
        /// What is missing.
        metric: String,
        /// Its objectives.
        theirs: String,
        /// The one that was probably meant.
        hint: String,
    },
}

/// What a job learns from one earlier job.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    job: String,
    trials: Vec<PastTrial>,
    /// Trials that it has.
    of: usize,
    /// Trials that were left out, by why.
    left_out: BTreeMap<LeftOut, usize>,
}

/// Why a trial of an earlier job is not learned from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LeftOut {
    Misfit(Misfit),
    /// It ended early, and how far it was cannot be compared.
    OtherResource,
    /// It was ended before it had measured anything.
    Nothing,
    /// Whoever ran it went away before it had ended.
    Lost,
    /// There were enough without it.
    Surplus,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misfit(Misfit::Missing(name)) => write!(f, "without a value of {name}"),
            Self::Misfit(Misfit::Outside(name)) => write!(f, "outside the space of {name}"),
            Self::OtherResource => {
                f.write_str("ended early, and how far they were is counted in another unit")
            }
            Self::Nothing => f.write_str("ended before they had measured anything"),
            Self::Lost => f.write_str("never seen to end"),
            Self::Surplus => {
                f.write_str("left out because the best and an even choice of the others are enough")
            }
        }
    }
}

impl fmt::Display for Lesson {
    /// As in "learned from 38 of 40 trials of last-week; 2 outside the space of learningRate".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trials = if self.of == 1 { "trial" } else { "trials" };
        write!(f, "learned from {} of {} {trials} of {}", self.trials.len(), self.of, self.job)?;
        self.left_out.iter().try_for_each(|(why, count)| write!(f, "; {count} {why}"))
    }
}

/// All that a job learns when it begins.
///
/// # Errors
/// Everything that keeps it from learning from one of `earlier`.
pub fn learn(
    job: &Job,
    advisor: &Advisor,
    earlier: &[Earlier<'_>],
    most: usize,
) -> Result<Learned, Vec<Unfit>> {
    let each = most / earlier.len().max(1);
    let (mut lessons, mut wrong) = (Vec::new(), Vec::new());
    for earlier in earlier {
        match lesson(job, &advisor.rungs(), earlier, each) {
            Ok(lesson) => lessons.push(lesson),
            Err(unfit) => wrong.push(unfit),
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let mut said: Vec<String> = lessons.iter().map(ToString::to_string).collect();
    if !advisor.learns() {
        let algorithm = match job.settings.search.algorithm.as_str() {
            "Auto" => "the search that Auto chose",
            named => named,
        };
        said.push(format!("{algorithm} does not learn from trials: this changes nothing"));
    }
    let trials = lessons.into_iter().flat_map(|lesson| lesson.trials).collect();
    Ok(Learned { message: said.join("\n"), trials })
}

/// What a job learned when it began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learned {
    /// From what, for people; a line for each earlier job.
    pub message: String,
    /// What its search is told.
    pub trials: Vec<PastTrial>,
}

impl From<Learned> for Observation {
    fn from(Learned { message, trials }: Learned) -> Self {
        Self::Learned { message, trials }
    }
}

fn lesson(job: &Job, rungs: &[Resource], earlier: &Earlier<'_>, most: usize) -> Result<Lesson, Unfit> {
    let Earlier { name, job: theirs, state } = earlier;
    let counts = state.counts();
    if state.outcome().is_none() {
        let (ended, created) = (counts.finished(), counts.created);
        return Err(Unfit::NotFinished { job: (*name).to_owned(), ended, created });
    }
    let measures =
        Measures { objectives: objectives(job, theirs, name)?, resources: Resources::of(job, theirs) };
    let mut left_out: BTreeMap<LeftOut, usize> = BTreeMap::new();
    let mut trials = Vec::new();
    for (trial, known) in state.trials().iter().zip(state.advisor().history().trials()) {
        let adopted = job.settings.space.adopt(&known.configuration).map_err(LeftOut::Misfit);
        let taken = adopted.and_then(|parameters| {
            let outcome = trial.outcome().ok_or(LeftOut::Lost)?;
            let (ending, reports) = measures.take(outcome, &known.reports)?;
            Ok(PastTrial { parameters, ending, reports: thinned(reports, rungs) })
        });
        match taken {
            Ok(trial) => trials.push(trial),
            Err(why) => *left_out.entry(why).or_default() += 1,
        }
    }
    let before = trials.len();
    let trials = best_and_some(trials, most);
    if trials.len() < before {
        left_out.insert(LeftOut::Surplus, before - trials.len());
    }
    Ok(Lesson { job: (*name).to_owned(), trials, of: state.trials().len(), left_out })
}

/// For each objective of `job`, the other job's own that is its metric too, and where it stands there.
fn objectives<'a>(
    job: &'a Job,
    theirs: &'a Job,
    name: &str,
) -> Result<Vec<(&'a Objective, usize, &'a Objective)>, Unfit> {
    let of = |objective: &'a Objective| {
        let found = theirs.objectives.iter().enumerate().find(|(_, other)| other.metric == objective.metric);
        let (at, other) = found.ok_or_else(|| {
            let names = || theirs.objectives.iter().map(|other| other.metric.as_str());
            Unfit::OtherObjectives {
                job: name.to_owned(),
                metric: objective.metric.clone(),
                theirs: names().collect::<Vec<_>>().join(" and "),
                hint: did_you_mean(&objective.metric, names()),
            }
        })?;
        Ok((objective, at, other))
    };
    job.objectives.iter().map(of).collect()
}

/// How two jobs measure how far a trial is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resources {
    /// In the same unit. Whoever went all the way there went all the way here, if it is not longer here.
    Same { is_longer_here: bool, here: Option<Resource> },
    /// In different units: only what went all the way can be compared, and stands at the end of the way here.
    Different { here: Option<Resource> },
}

impl Resources {
    fn of(job: &Job, theirs: &Job) -> Self {
        let here = job.settings.max_resource();
        if job.resource == theirs.resource {
            let there = theirs.settings.max_resource();
            let is_longer_here = here.is_some_and(|here| there.is_none_or(|there| there < here));
            Self::Same { is_longer_here, here }
        } else {
            Self::Different { here }
        }
    }
}

/// How an earlier job's measurements become those of a later one.
struct Measures<'a> {
    objectives: Vec<(&'a Objective, usize, &'a Objective)>,
    resources: Resources,
}

type Reports = Vec<(Resource, Vec<f64>)>;

impl Measures<'_> {
    fn take(&self, outcome: &Outcome, reports: &[history::Report]) -> Result<(PastEnding, Reports), LeftOut> {
        let losses = |report: &history::Report| {
            let of = |(own, at, other): &(&Objective, usize, &Objective)| {
                own.loss(other.value(report.losses[*at]))
            };
            (report.resource, self.objectives.iter().map(of).collect())
        };
        let last = match (outcome, reports.last()) {
            (Outcome::Failed { .. }, _) => return Ok((PastEnding::Failed, Vec::new())),
            (_, None) => return Err(LeftOut::Nothing),
            (_, Some(last)) => last,
        };
        let is_complete = matches!(outcome, Outcome::Completed);
        match self.resources {
            Resources::Same { is_longer_here, here } => {
                let falls_short = is_longer_here && here.is_some_and(|here| last.resource < here);
                let ending =
                    if is_complete && !falls_short { PastEnding::Completed } else { PastEnding::Stopped };
                Ok((ending, reports.iter().map(losses).collect()))
            }
            Resources::Different { here } if is_complete => {
                let (there, losses) = losses(last);
                Ok((PastEnding::Completed, vec![(here.unwrap_or(there), losses)]))
            }
            Resources::Different { .. } => Err(LeftOut::OtherResource),
        }
    }
}

/// The reports at which trials are judged here, and the furthest; where there are too many, at equal distances.
fn thinned(reports: Reports, rungs: &[Resource]) -> Reports {
    let Some(furthest) = reports.last().map(|(resource, _)| *resource) else { return reports };
    if reports.len() <= MOST_REPORTS {
        return reports;
    }
    let reached = |resource: Resource| reports.partition_point(|(at, _)| *at <= resource);
    let mut kept: BTreeSet<usize> = rungs
        .iter()
        .filter(|rung| **rung <= furthest)
        .filter_map(|rung| reached(*rung).checked_sub(1))
        .collect();
    kept.insert(reports.len() - 1);
    if rungs.is_empty() || kept.len() > MOST_REPORTS {
        kept = (1..=MOST_REPORTS).map(|nth| nth * reports.len() / MOST_REPORTS - 1).collect();
    }
    let wanted = |(at, report)| kept.contains(&at).then_some(report);
    reports.into_iter().enumerate().filter_map(wanted).collect()
}

/// At most so many trials, in their order: the best, and of the others an even choice.
fn best_and_some(trials: Vec<PastTrial>, most: usize) -> Vec<PastTrial> {
    if trials.len() <= most {
        return trials;
    }
    let losses = |at: &usize| trials[*at].reports.last().map(|(_, losses)| losses.clone());
    let told: Vec<usize> = (0..trials.len()).filter(|at| losses(at).is_some()).collect();
    let completed: Vec<usize> =
        told.iter().copied().filter(|at| trials[*at].ending == PastEnding::Completed).collect();
    let front: BTreeSet<usize> = {
        let losses: Vec<Vec<f64>> = completed.iter().filter_map(losses).collect();
        pareto_front(&losses).into_iter().map(|at| completed[at]).collect()
    };
    let first = |at: &usize| losses(at).and_then(|losses| losses.first().copied()).unwrap_or(f64::INFINITY);
    let mut ranked = told;
    ranked.sort_by(|one, other| {
        let class = |at: &usize| (!front.contains(at), trials[*at].ending);
        class(one).cmp(&class(other)).then(first(one).total_cmp(&first(other)))
    });
    let mut kept: BTreeSet<usize> = ranked.into_iter().take(BEST.min(most)).collect();
    let others: Vec<usize> = (0..trials.len()).filter(|at| !kept.contains(at)).collect();
    let places = most - kept.len();
    kept.extend((1..=places).map(|nth| others[nth * others.len() / places - 1]));
    let wanted = |(at, trial)| kept.contains(&at).then_some(trial);
    trials.into_iter().enumerate().filter_map(wanted).collect()
}
