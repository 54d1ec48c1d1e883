//! `temper top`.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use super::{
    Exit, Failure, Shell,
    output::{Columns, Table},
    shell::style,
    store::{Source, StoreOption},
    trials::{self, duration},
};
use crate::view::{JobState, JobView, TrialState, TrialView};

/// Watch a job: progress, the trials that run, the best
///
/// Refreshes until the job is over; Ctrl-C ends the watching, not the job. Where stdout is no terminal it prints once.
#[derive(clap::Args)]
#[command(after_help = "\
temper top
temper top --interval 10 --store ./.temper/fashion")]
pub(super) struct Top {
    #[command(flatten)]
    store: StoreOption,
    /// Seconds between two refreshes.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds)]
    interval: f64,
    /// Print once.
    #[arg(long)]
    once: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("give seconds, from 0.1 to 86400".to_owned()),
    }
}

/// Rows of trials where the terminal does not say how high it is.
const ROWS: usize = 24;
/// How many of the best are shown.
const BEST: usize = 5;

/// Back to the upper left corner; from there everything is written over.
const HOME: &str = "\x1b[H";
const CLEAR: &str = "\x1b[2J";
const CLEAR_LINE: &str = "\x1b[K\n";
const CLEAR_BELOW: &str = "\x1b[J";

impl Top {
    pub(super) fn run(self, shell: Shell) -> Result<Exit, Failure> {
        let source = self.store.open(shell)?;
        if self.once || !shell.out_is_terminal() {
            let picture = picture(&source, &source.view()?, shell, usize::MAX)?;
            let mut out = shell.out();
            out.write_all(&picture)?;
            out.flush()?;
            return Ok(Exit::Done);
        }
        let mut clear = CLEAR;
        loop {
            let begin = Instant::now();
            let job = source.view()?;
            let rows = shell.rows().unwrap_or(ROWS);
            let picture = picture(&source, &job, shell, rows)?;
            let mut out = shell.out();
            write!(out, "{clear}{HOME}")?;
            for line in String::from_utf8_lossy(&picture).lines().take(rows.saturating_sub(1)) {
                write!(out, "{line}{CLEAR_LINE}")?;
            }
            write!(out, "{CLEAR_BELOW}")?;
            out.flush()?;
            clear = "";
            if matches!(job.state, JobState::Complete | JobState::Failed) {
                return Ok(Exit::Done);
            }
            // Reading a large store must not keep a core busy.
            thread::sleep(Duration::from_secs_f64(self.interval).max(begin.elapsed() * 10));
        }
    }
}

/// Everything, in about so many rows.
fn picture(source: &Source, job: &JobView, shell: Shell, rows: usize) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let on = anstyle::Style::new().bold();
    let state = match job.state {
        JobState::Running if !source.is_running()? => "not over, and nobody runs it".to_owned(),
        state => format!("{state:?}").to_lowercase(),
    };
    writeln!(text, "{on}{}{on:#}  {state}, {}", job.name, duration(job.active_millis))?;
    if let Some(message) = &job.message {
        writeln!(text, "{message}")?;
    }
    writeln!(text, "{}  {}", bar(job), counted(job))?;
    let algorithm = job
        .scheduler
        .as_ref()
        .map_or_else(|| job.algorithm.clone(), |scheduler| format!("{}, {scheduler}", job.algorithm));
    writeln!(text, "{dim}{algorithm}, {} at once{dim:#}", job.parallelism, dim = style::DIM)?;

    let running: Vec<&TrialView> =
        job.trials.iter().filter(|trial| trial.state == TrialState::Running).collect();
    let mut best: Vec<(&TrialView, f64)> = job.results().collect();
    best.sort_by(|(_, a), (_, b)| job.objective().loss(*a).total_cmp(&job.objective().loss(*b)));
    let best: Vec<&TrialView> = best.into_iter().map(|(trial, _)| trial).take(BEST).collect();
    let room = rows.saturating_sub(8 + best.len()).max(1);
    let hidden = running.len().saturating_sub(room);
    section(&mut text, "best", job, &best, shell)?;
    section(&mut text, "running", job, &running[..running.len() - hidden], shell)?;
    if hidden > 0 {
        writeln!(text, "and {hidden} more")?;
    }
    Ok(text)
}

fn section(
    text: &mut Vec<u8>,
    title: &str,
    job: &JobView,
    trials: &[&TrialView],
    shell: Shell,
) -> Result<(), Failure> {
    if trials.is_empty() {
        return Ok(());
    }
    let table: Table = trials::table(job, trials, Columns::Main, shell.columns());
    writeln!(text, "\n{0}{title}{0:#}", style::HEADING)?;
    table.print(text)?;
    Ok(())
}

fn counted(job: &JobView) -> String {
    let counts = job.counts;
    let mut parts = vec![match job.max_trials {
        Some(max) => format!("{} of {max} trials", counts.finished()),
        None => format!("{} trials", counts.finished()),
    }];
    let others = [
        (counts.running, "running"),
        (counts.pending, "pending"),
        (counts.paused, "paused"),
        (counts.stopped, "stopped early"),
        (counts.failed, "failed"),
    ];
    parts
        .extend(others.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    parts.join(", ")
}

fn bar(job: &JobView) -> String {
    const WIDTH: u64 = 30;
    let Some(max) = job.max_trials.filter(|&max| max > 0) else { return String::new() };
    let full = (u64::from(job.counts.finished()) * WIDTH / u64::from(max)).min(WIDTH) as usize;
    let good = style::GOOD;
    format!("{good}{}{good:#}{}", "━".repeat(full), "─".repeat(WIDTH as usize - full))
}
