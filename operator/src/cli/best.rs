//! `temper best`.

use anyhow::anyhow;

use super::{
    Exit, Failure, Shell,
    look::{JobOption, Source},
    output::{Cell, Columns, Output, Table},
    shell::style,
    trials,
};
use crate::{
    plot::brief,
    view::{JobView, TrialView},
};

/// Print the best trial
///
/// With several objectives the Pareto front: the trials that no other beats in all of them; with -o json an array of
/// trials then, otherwise one trial as in temper trials -o json.
#[derive(clap::Args)]
#[command(after_help = "\
temper best
# One parameter of it, in a script
temper best -o json | jq .parameters.learningRate
# Of a job on a cluster
temper best fashion -n research")]
pub(super) struct Best {
    #[command(flatten)]
    job: JobOption,
    #[command(flatten)]
    output: Output,
}

impl Best {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        let source = self.job.open(shell)?;
        let job = source.view()?;
        let Some(best) = job.best_trial() else { return Err(no_result(&job, &source, shell)) };
        if job.objectives.len() == 1 {
            self.output.print(&mut shell.out(), best, |columns| properties(&job, best, columns))?;
        } else {
            let front: Vec<&TrialView> = job.front.iter().filter_map(|&index| job.trial(index)).collect();
            self.output.print(&mut shell.out(), &front, |columns| {
                trials::table(&job, &front, columns, shell.columns())
            })?;
        }
        Ok(Exit::Done)
    }
}

fn no_result(job: &JobView, source: &Source, shell: Shell) -> Failure {
    let metric = &job.objective().metric;
    let error = match job.counts.created {
        0 => anyhow!("job {} has no trials yet", job.name),
        count => anyhow!("none of the {count} trials of job {} has reported {metric}", job.name),
    };
    let failure = Failure::from(error);
    if job.counts.failed == 0 {
        return failure;
    }
    let (program, named) = (shell.invoked().name(), source.named());
    failure.hint(format!("see why trials fail: {program} trials {named} --state failed -o wide"))
}

/// One trial, a property a line.
fn properties(job: &JobView, trial: &TrialView, columns: Columns) -> Table {
    let mut table = Table::new(["trial".to_owned(), trial.index.to_string()]);
    let mut row = |name: &str, value: Cell| table.row(vec![name.into(), value]);
    for (objective, value) in job.objectives.iter().zip(trial.result.iter().flatten()) {
        row(&objective.metric, Cell::styled(brief(*value), style::GOOD));
    }
    for (name, value) in &trial.parameters.0 {
        row(name.as_str(), trials::short(value).into());
    }
    if let Some(report) = trial.reports.last() {
        row(&job.resource, report.resource.to_string().into());
    }
    for (name, value) in &trial.metrics {
        let is_new =
            *name != job.resource && job.objectives.iter().all(|objective| objective.metric != *name);
        if is_new && columns == Columns::All {
            row(name, brief(*value).into());
        }
    }
    if let Some(checkpoint) = &trial.checkpoint {
        row("checkpoint", checkpoint.clone().into());
    }
    if columns == Columns::All {
        row("state", format!("{:?}", trial.state).into());
        row("attempts", trial.attempts.to_string().into());
        if let (Some(started), Some(ended)) = (trial.started, trial.ended) {
            row("time", trials::duration(ended.saturating_sub(started)).into());
        }
    }
    table
}
