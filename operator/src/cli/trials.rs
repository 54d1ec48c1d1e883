//! `temper trials`, and trials as rows of a table for other commands.

use temper_advisor::space::{Domain, Value};

use super::{
    Exit, Failure, Shell,
    look::JobOption,
    output::{Cell, Columns, MISSING, Output, Table},
    shell::style,
};
use crate::{
    plot::brief,
    view::{JobView, TrialState, TrialView},
};

/// List a job's trials
///
/// With -o json an array of objects: index, state, parameters, metrics, attempts, result (a value for each objective),
/// bracket, reports and when it was created, started and ended, in milliseconds since 1970.
#[derive(clap::Args)]
#[command(after_help = "\
temper trials
# The ten best
temper trials --sort result --limit 10
temper trials --state failed -o wide
# Of a job on a cluster
temper trials fashion -n research
temper trials -o json | jq '.[].metrics.accuracy'")]
pub(super) struct Trials {
    #[command(flatten)]
    job: JobOption,
    #[command(flatten)]
    output: Output,
    /// Only trials in this state. Repeat it for more.
    #[arg(long, value_name = "STATE", value_enum, ignore_case = true)]
    state: Vec<State>,
    /// In which order.
    #[arg(long, value_enum, default_value_t)]
    sort: Order,
    /// At most so many.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Order {
    /// By number.
    #[default]
    Index,
    /// Best first, by the first objective; those without a result last.
    Result,
    /// Longest first.
    Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum State {
    Pending,
    Running,
    Paused,
    Completed,
    Stopped,
    Failed,
}

impl State {
    fn is(self, state: TrialState) -> bool {
        matches!(
            (self, state),
            (Self::Pending, TrialState::Pending)
                | (Self::Running, TrialState::Running)
                | (Self::Paused, TrialState::Paused)
                | (Self::Completed, TrialState::Completed)
                | (Self::Stopped, TrialState::Stopped)
                | (Self::Failed, TrialState::Failed)
        )
    }
}

impl Trials {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        let job = self.job.open(shell)?.view()?;
        let mut trials: Vec<&TrialView> = job
            .trials
            .iter()
            .filter(|trial| self.state.is_empty() || self.state.iter().any(|state| state.is(trial.state)))
            .collect();
        match self.sort {
            Order::Index => {}
            Order::Result => trials.sort_by(|a, b| loss(&job, a).total_cmp(&loss(&job, b))),
            Order::Time => trials.sort_by_key(|trial| std::cmp::Reverse(took(trial).unwrap_or_default())),
        }
        trials.truncate(self.limit.unwrap_or(usize::MAX));
        self.output
            .print(&mut shell.out(), &trials, |columns| table(&job, &trials, columns, shell.columns()))?;
        Ok(Exit::Done)
    }
}

/// The first objective as a loss; what has none comes last.
fn loss(job: &JobView, trial: &TrialView) -> f64 {
    let value = trial.result.as_ref().and_then(|result| result.first());
    value.map_or(f64::INFINITY, |&value| job.objective().loss(value))
}

/// From its first start to its end, in milliseconds.
fn took(trial: &TrialView) -> Option<u64> {
    Some(trial.ended?.saturating_sub(trial.started?))
}

/// Trials as rows. In the main columns only as many parameters as fit into `width`, if there is one.
pub(super) fn table(job: &JobView, trials: &[&TrialView], columns: Columns, width: Option<usize>) -> Table {
    let all = columns == Columns::All;
    let varying: Vec<&str> = job
        .space
        .parameters()
        .iter()
        .filter(|parameter| all || !matches!(parameter.domain, Domain::Fixed(_)))
        .map(|parameter| parameter.name.as_str())
        .collect();
    let mut shown = varying.len();
    loop {
        let table = build(job, trials, columns, &varying[..shown]);
        let fits = all || width.is_none_or(|width| table.width() <= width);
        if fits || shown == 0 {
            return table;
        }
        shown -= 1;
    }
}

fn build(job: &JobView, trials: &[&TrialView], columns: Columns, parameters: &[&str]) -> Table {
    let all = columns == Columns::All;
    let mut headings: Vec<String> = vec!["trial".into(), "state".into()];
    headings.extend(job.objectives.iter().map(|objective| objective.metric.clone()));
    headings.push(job.resource.clone());
    headings.push("time".into());
    headings.extend(parameters.iter().map(|&name| name.to_owned()));
    if all {
        headings.extend(["attempts", "bracket", "run to", "checkpoint", "message"].map(str::to_owned));
    }
    let mut table = Table::new(headings);
    for trial in trials {
        let is_best = Some(trial.index) == job.best;
        let state = match trial.state {
            _ if is_best => style::GOOD,
            TrialState::Failed => style::ERROR,
            TrialState::Stopped | TrialState::Paused | TrialState::Pending => style::DIM,
            TrialState::Running | TrialState::Completed => anstyle::Style::new(),
        };
        let mut cells =
            vec![trial.index.to_string().into(), Cell::styled(format!("{:?}", trial.state), state)];
        for (k, objective) in job.objectives.iter().enumerate() {
            let result = trial.result.as_ref().and_then(|result| result.get(k));
            let value = result.or_else(|| trial.metrics.get(&objective.metric));
            let text = value.map_or_else(|| MISSING.to_owned(), |&value| brief(value));
            cells.push(if is_best { Cell::styled(text, style::GOOD) } else { text.into() });
        }
        let reached = trial.reports.last().map(|report| report.resource.to_string());
        cells.push(reached.unwrap_or_else(|| MISSING.to_owned()).into());
        cells.push(took(trial).map_or_else(|| MISSING.to_owned(), duration).into());
        cells.extend(parameters.iter().map(|name| {
            let value = trial.parameters.get(name).map(short);
            Cell::from(value.unwrap_or_else(|| MISSING.to_owned()))
        }));
        if all {
            let run_to = trial.run_to.map(|run_to| run_to.to_string());
            let one_line = trial.message.as_ref().map(|message| message.replace('\n', " "));
            cells.extend([
                Cell::from(trial.attempts.to_string()),
                trial.bracket.to_string().into(),
                run_to.unwrap_or_else(|| MISSING.to_owned()).into(),
                trial.checkpoint.clone().unwrap_or_else(|| MISSING.to_owned()).into(),
                one_line.unwrap_or_else(|| MISSING.to_owned()).into(),
            ]);
        }
        table.row(cells);
    }
    table
}

/// A value for a table: four digits are enough to tell trials apart.
pub(super) fn short(value: &Value) -> String {
    match value {
        Value::Float(number) => brief(*number),
        value => value.to_string(),
    }
}

/// Milliseconds, in two units.
pub(super) fn duration(millis: u64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        0..10 => format!("{}.{}s", seconds, millis % 1_000 / 100),
        10..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_at_most_two_units() {
        let texts = [0, 1_940, 59_000, 61_000, 3_599_000, 3_600_000, 90_000_000].map(duration);
        assert_eq!(texts, ["0.0s", "1.9s", "59s", "1m01s", "59m59s", "1h00m", "1d01h"]);
    }
}
