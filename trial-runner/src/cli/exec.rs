//! `temper-runner exec`: runs a command as a trial would run, and shows what Temper reads from it.

use std::path::{Path, PathBuf, absolute};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::Exit;
use crate::agent::{
    ByHand, check_metrics, file_uri,
    protocol::{Assignment, Ended, EnvVar, Message, MetricsSource, Outcome, Report},
    run_by_hand, short,
};

/// Run a command as a trial would, and show what Temper reads from it
///
/// What the command prints is passed through; what Temper has to say goes to stderr, at the end a table of the
/// reports and the outcome. The exit code is 0 when the trial would have succeeded, 1 when it would have failed, 2 for
/// a wrong option and 130 after an interruption.
#[derive(Args)]
#[allow(clippy::doc_markdown, reason = "the comments are the help that a person reads in the terminal")]
#[command(after_help = "\
Examples:
  # Does Temper find the accuracy that the script prints?
  temper-runner exec --metric accuracy --format KeyValue -- python train.py --lr=0.1
  # With a parameter, as far as epoch 3
  temper-runner exec --metric accuracy --resource epoch --run-to 3 --param lr=0.1 -- python train.py '--lr=$(PARAM_lr)'")]
pub(super) struct Exec {
    /// An objective that the command reports; may be given several times
    #[arg(long, short, value_name = "NAME", required = true)]
    metric: Vec<String>,
    /// How it reports: JSONLines, KeyValue, Regex, TensorBoard or Auptimizer
    #[arg(long, short, value_name = "FORMAT", default_value = "JSONLines")]
    format: String,
    /// The file that it writes metrics to, for TensorBoard the folder; stdout, or the working folder, when absent
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
    /// For the format Regex: a pattern with named groups, or with two groups for name and value
    #[arg(long, value_name = "REGEX")]
    pattern: Vec<String>,
    /// The metric that counts how far the training is, such as epoch; reports are counted when absent
    #[arg(long, value_name = "NAME")]
    resource: Option<String>,
    /// How far to go
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    run_to: Option<u64>,
    /// A parameter: $(PARAM_name) in the command, PARAM_name in its environment
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = pair)]
    param: Vec<(String, String)>,
    /// A variable of the environment
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,
    /// Where to commit what the command saves to $TEMPER_CHECKPOINT_DIR: a folder or a URI
    #[arg(long, value_name = "PLACE")]
    checkpoints: Option<String>,
    /// The committed checkpoint to begin with: a folder or a URI
    #[arg(long, value_name = "CHECKPOINT")]
    resume: Option<String>,
    /// Seconds between SIGTERM and SIGKILL
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    grace: f64,
    /// Where to keep the command's outputs and parameters; a temporary folder when absent
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How to show what was read; with json it goes to stdout, and what the command prints there to stderr
    #[arg(long, short, value_name = "AS", value_enum, default_value_t = Output::Table)]
    output: Output,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    if name.is_empty() { Err(format!("{text:?} has no name")) } else { Ok((name.into(), value.into())) }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if seconds.is_finite() && seconds >= 0.0 { Ok(seconds) } else { Err("at least 0".into()) }
}

/// A folder of this machine as a URI.
fn uri(place: &str) -> Result<String> {
    if place.contains("://") {
        return Ok(place.into());
    }
    Ok(file_uri(&absolute(Path::new(place)).with_context(|| place.to_owned())?))
}

impl Exec {
    pub(super) fn run(self) -> Result<Exit> {
        let temporary = tempfile::Builder::new().prefix("temper-exec-").tempdir()?;
        let output = self.output;
        let assignment = self.into_assignment(temporary.path())?;
        if let Err(problem) = check_metrics(&assignment.metrics, &assignment.objectives) {
            eprintln!("error: {problem}");
            return Ok(Exit::WrongInput);
        }
        let done = run_by_hand(&assignment, output == Output::Json, |message| match message {
            Message::Warning { text } => eprintln!("temper-runner: warning: {text}"),
            Message::Checkpoint(checkpoint) => {
                eprintln!("temper-runner: checkpoint at {}: {}", checkpoint.resource, checkpoint.uri);
            }
            Message::Started { .. } | Message::Report(_) | Message::Ended(_) => {}
        })?;
        match output {
            Output::Table => eprint!("{}", as_text(&assignment, &done)),
            Output::Json => println!("{}", json!({ "ended": done.ended, "reports": done.reports })),
        }
        Ok(match done.ended.map(|ended| ended.outcome) {
            _ if done.interrupted => Exit::Interrupted,
            Some(Outcome::Failed { .. }) | None => Exit::Failed,
            Some(_) => Exit::Done,
        })
    }

    fn into_assignment(self, temporary: &Path) -> Result<Assignment> {
        let parameters: Map<String, Value> = self
            .param
            .into_iter()
            .map(|(name, text)| {
                // Numbers and truth values keep their type; anything else is text, as a job's values are.
                let value = serde_json::from_str(&text).ok().filter(|value: &Value| !value.is_null());
                (name, value.unwrap_or(Value::String(text)))
            })
            .collect();
        Ok(Assignment {
            job: "exec".into(),
            trial: 0,
            attempt: 1,
            command: self.command,
            env: self.env.into_iter().map(|(name, value)| EnvVar { name, value }).collect(),
            parameters,
            metrics: MetricsSource { format: self.format, file: self.file, patterns: self.pattern },
            objectives: self.metric,
            resource: self.resource,
            run_to: self.run_to,
            checkpoints: self.checkpoints.as_deref().map(uri).transpose()?,
            resume_from: self.resume.as_deref().map(uri).transpose()?,
            grace_seconds: self.grace,
            dir: self.dir.unwrap_or_else(|| temporary.to_owned()),
            ..Assignment::default()
        })
    }
}

/// Of a long series the first and the last reports are shown.
const FIRST: usize = 5;
const LAST: usize = 15;
/// Metrics beside the objectives.
const OTHERS: usize = 6;

fn as_text(assignment: &Assignment, done: &ByHand) -> String {
    let mut text = format!("\n{}", table(assignment, &done.reports));
    let Some(ended) = &done.ended else { return text + "killed\n" };
    text.push_str(&conclusion(ended, done.reports.len()));
    text
}

fn conclusion(ended: &Ended, reports: usize) -> String {
    let outcome = match &ended.outcome {
        Outcome::Succeeded => "succeeded".to_owned(),
        Outcome::Failed { reason, message } => format!("failed ({reason:?}): {message}"),
        Outcome::Stopped => "stopped".to_owned(),
        Outcome::Paused => "paused".to_owned(),
    };
    let plural = if reports == 1 { "" } else { "s" };
    format!("{reports} report{plural} in {:.1} s; {outcome}\n", ended.seconds)
}

fn table(assignment: &Assignment, reports: &[Report]) -> String {
    if reports.is_empty() {
        return String::new();
    }
    let others = reports.iter().flat_map(|report| report.metrics.keys());
    let mut names: Vec<&String> = assignment.objectives.iter().collect();
    for name in others {
        if !names.contains(&name) && names.len() < assignment.objectives.len() + OTHERS {
            names.push(name);
        }
    }
    let unit = assignment.resource.as_deref().unwrap_or("report");
    let mut rows =
        vec![std::iter::once(unit.to_owned()).chain(names.iter().map(ToString::to_string)).collect()];
    let hidden = reports.len().saturating_sub(FIRST + LAST);
    for (index, report) in reports.iter().enumerate() {
        if hidden > 0 && index == FIRST {
            rows.push(vec!["...".to_owned(); names.len() + 1]);
        }
        if hidden == 0 || index < FIRST || index >= FIRST + hidden {
            let value =
                |name: &&String| report.metrics.get(*name).map_or("-".to_owned(), |value| short(*value));
            rows.push(std::iter::once(report.resource.to_string()).chain(names.iter().map(value)).collect());
        }
    }
    aligned(&rows)
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        cells.join("  ") + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_series_the_middle_is_left_out() {
        let assignment = Assignment { objectives: vec!["a".into()], ..Assignment::default() };
        let reports: Vec<Report> =
            (1..=100).map(|resource| Report { resource, metrics: [("a".into(), 0.5)].into() }).collect();
        let text = table(&assignment, &reports);
        assert_eq!(text.lines().count(), 1 + FIRST + 1 + LAST);
        assert!(text.starts_with("report    a\n") && text.ends_with("   100  0.5\n"), "{text}");
    }
}
