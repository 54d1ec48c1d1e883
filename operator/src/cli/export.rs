//! `temper export`.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use anyhow::{Context, anyhow};

use super::{Exit, Failure, Shell, look::JobOption};
use crate::view::{JobView, TrialView};

/// Write all trials as CSV, or the whole job as JSON
///
/// CSV has a row for each trial, or with --reports for each report, and a column for each parameter (parameters.NAME)
/// and metric (metrics.NAME). Times are milliseconds since 1970; of a job on a cluster those of reports are estimated
/// from when its trial started and ended. JSON has everything there is to know of the job.
#[derive(clap::Args)]
#[command(after_help = "\
temper export --out trials.csv
# The learning curves, for a notebook
temper export --reports --out curves.csv
temper export --format json | jq .counts
# A job on a cluster
temper export fashion -n research --out trials.csv")]
#[allow(clippy::doc_markdown, reason = "the comments are the command's help")]
pub(super) struct Export {
    #[command(flatten)]
    job: JobOption,
    /// Where to write [default: stdout].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// csv or json [default: by the end of --out, else csv].
    #[arg(long, value_enum, hide_possible_values = true)]
    format: Option<Format>,
    /// For CSV, a row for each report of each trial.
    #[arg(long)]
    reports: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Csv,
    Json,
}

impl Export {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        let format = self.format()?;
        if self.reports && format == Format::Json {
            return Err(Failure::wrong_input(anyhow!(
                "--reports is for CSV: JSON has the reports in any case"
            )));
        }
        let job = self.job.open(shell)?.view()?;
        let Some(path) = &self.out else {
            let mut out = shell.out();
            self.write(&job, format, &mut out)?;
            out.flush()?;
            return Ok(Exit::Done);
        };
        let cannot_write = || format!("cannot write {}", path.display());
        let mut file = BufWriter::new(File::create(path).with_context(cannot_write)?);
        self.write(&job, format, &mut file).and_then(|()| file.flush()).with_context(cannot_write)?;
        shell.note(&format!("{} trials written to {}", job.trials.len(), path.display()));
        Ok(Exit::Done)
    }

    fn format(&self) -> Result<Format, Failure> {
        let suffix = self.out.as_ref().and_then(|path| path.extension()).and_then(|suffix| suffix.to_str());
        match (self.format, suffix) {
            (Some(format), _) => Ok(format),
            (None, Some("json")) => Ok(Format::Json),
            (None, Some("csv")) => Ok(Format::Csv),
            (None, _) if self.out.is_none() => Ok(Format::Csv),
            (None, suffix) => {
                let error = match suffix {
                    Some(suffix) => anyhow!("what a .{suffix} file should hold is not known"),
                    None => anyhow!("the name of --out does not say what it should hold"),
                };
                Err(Failure::wrong_input(error).hint("end it in .csv or .json, or say --format"))
            }
        }
    }

    fn write(&self, job: &JobView, format: Format, out: &mut impl Write) -> io::Result<()> {
        match format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, job).map_err(io::Error::from)?;
                writeln!(out)
            }
            Format::Csv if self.reports => reports(job, out),
            Format::Csv => trials(job, out),
        }
    }
}

/// Of a trial what stands in every row about it.
const OWN: [&str; 9] =
    ["index", "state", "attempts", "bracket", "runTo", "created", "started", "ended", "checkpoint"];

fn own(trial: &TrialView) -> Vec<String> {
    let text = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    vec![
        trial.index.to_string(),
        format!("{:?}", trial.state),
        trial.attempts.to_string(),
        trial.bracket.to_string(),
        text(trial.run_to),
        trial.created.to_string(),
        text(trial.started),
        text(trial.ended),
        trial.checkpoint.clone().unwrap_or_default(),
    ]
}

/// Every name that a metric has anywhere.
fn metric_names(job: &JobView) -> Vec<&str> {
    let last = job.trials.iter().flat_map(|trial| trial.metrics.keys());
    let reported =
        job.trials.iter().flat_map(|trial| &trial.reports).flat_map(|report| report.metrics.keys());
    last.chain(reported).map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect()
}

fn parameters(job: &JobView, trial: &TrialView) -> Vec<String> {
    let names = job.space.parameters().iter().map(|parameter| parameter.name.as_str());
    names.map(|name| trial.parameters.get(name).map(ToString::to_string).unwrap_or_default()).collect()
}

fn headings(job: &JobView, own: &[&str], metrics: &[&str]) -> Vec<String> {
    let parameters = job.space.parameters().iter().map(|parameter| format!("parameters.{}", parameter.name));
    let metrics = metrics.iter().map(|name| format!("metrics.{name}"));
    own.iter().map(|&name| name.to_owned()).chain(parameters).chain(metrics).collect()
}

fn trials(job: &JobView, out: &mut impl Write) -> io::Result<()> {
    let metrics = metric_names(job);
    let mut csv = csv::Writer::from_writer(out);
    let mut names = headings(job, &OWN, &metrics);
    names.push("message".to_owned());
    csv.write_record(names).map_err(plain)?;
    for trial in &job.trials {
        let mut row = own(trial);
        row.extend(parameters(job, trial));
        row.extend(metrics.iter().map(|&name| number(trial.metrics.get(name))));
        row.push(trial.message.clone().unwrap_or_default());
        csv.write_record(row).map_err(plain)?;
    }
    csv.flush()
}

fn reports(job: &JobView, out: &mut impl Write) -> io::Result<()> {
    let metrics = metric_names(job);
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(headings(job, &["index", "resource", "at"], &metrics)).map_err(plain)?;
    for trial in &job.trials {
        let parameters = parameters(job, trial);
        for report in &trial.reports {
            let mut row = vec![trial.index.to_string(), report.resource.to_string(), report.at.to_string()];
            row.extend(parameters.iter().cloned());
            row.extend(metrics.iter().map(|&name| number(report.metrics.get(name))));
            csv.write_record(row).map_err(plain)?;
        }
    }
    csv.flush()
}

fn number(value: Option<&f64>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// What the file system said, where it is that.
fn plain(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
