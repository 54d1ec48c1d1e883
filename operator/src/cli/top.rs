//! `temper top`.

mod jobs;

use std::{
    borrow::Cow,
    io::Write,
    thread,
    time::{Duration, Instant},
};

use super::{
    Exit, Failure, Shell,
    cluster::Unreachable,
    look::{JobOption, Source},
    output::{Columns, Table},
    shell::style,
    trials::{self, duration},
};
use crate::view::{JobState, JobView, TrialState, TrialView};

/// Watch a job: progress, the trials that run, the best
///
/// Refreshes until the job is over; Ctrl-C ends the watching, not the job. Where stdout is no terminal it prints once. On
/// a cluster, without a job: all jobs of the namespace.
#[derive(clap::Args)]
#[command(after_help = "\
temper top
temper top --interval 10 --store ./.temper/fashion
# A job on a cluster, all jobs of a namespace, all jobs
temper top fashion
temper top -n research
temper top -A")]
pub(super) struct Top {
    #[command(flatten)]
    job: JobOption,
    /// All jobs, of all namespaces.
    #[arg(
        short = 'A',
        long,
        conflicts_with_all = ["job", "namespace", "store"],
        help_heading = "On a cluster"
    )]
    all_namespaces: bool,
    /// Seconds between two refreshes.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds)]
    interval: f64,
    /// Print once.
    #[arg(long)]
    once: bool,
}

/// What is shown, and whether it will change.
struct Picture {
    text: Vec<u8>,
    is_final: bool,
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
        if self.all_namespaces || (self.job.is_on_cluster(shell) && self.job.names_no_job()) {
            let cluster = self.job.cluster.connect(shell)?;
            let draw = |rows| {
                let jobs = cluster.list(self.all_namespaces)?;
                Ok(Picture {
                    text: jobs::picture(&jobs, &cluster, self.all_namespaces, shell, rows)?,
                    is_final: false,
                })
            };
            return if self.is_once(shell) {
                once(shell, draw)
            } else {
                self.show(shell, draw, thread::sleep)
            };
        }
        let source = self.job.open(shell)?;
        let draw = |job: &JobView, rows| {
            let is_final = matches!(job.state, JobState::Complete | JobState::Failed);
            Ok(Picture { text: picture(&source, job, shell, rows)?, is_final })
        };
        if self.is_once(shell) {
            return once(shell, |rows| draw(&source.view()?, rows));
        }
        let watched = source.watch();
        self.show(shell, |rows| draw(&watched.view()?, rows), |how_long| watched.pause(how_long))
    }

    fn is_once(&self, shell: Shell) -> bool {
        self.once || !shell.out_is_terminal()
    }

    /// Again and again, in about so many rows.
    fn show(
        &self,
        shell: Shell,
        mut draw: impl FnMut(usize) -> Result<Picture, Failure>,
        pause: impl Fn(Duration),
    ) -> Result<Exit, Failure> {
        let mut shown: Option<Picture> = None;
        let mut clear = CLEAR;
        loop {
            let begin = Instant::now();
            let rows = shell.rows().unwrap_or(ROWS);
            let (picture, trouble) = match (draw(rows), shown.take()) {
                (Ok(picture), _) => (picture, None),
                // An API server that restarts comes back.
                (Err(failure), Some(shown)) if failure.is::<Unreachable>() => (shown, Some(failure)),
                (Err(failure), _) => return Err(failure),
            };
            let mut out = shell.out();
            // Once everything is cleared, later pictures are written over the one before, without a flicker.
            write!(out, "{clear}{HOME}")?;
            clear = "";
            for line in String::from_utf8_lossy(&picture.text).lines().take(rows.saturating_sub(2)) {
                write!(out, "{line}{CLEAR_LINE}")?;
            }
            if let Some(trouble) = trouble {
                let warning = style::WARNING;
                write!(out, "{warning}not up to date{warning:#}: {trouble}; trying again{CLEAR_LINE}")?;
            }
            write!(out, "{CLEAR_BELOW}")?;
            out.flush()?;
            if picture.is_final {
                return Ok(Exit::Done);
            }
            shown = Some(picture);
            // Reading a large job must not keep a core busy.
            pause(Duration::from_secs_f64(self.interval).max(begin.elapsed() * 10));
        }
    }
}

/// All of it, once.
fn once(shell: Shell, draw: impl FnOnce(usize) -> Result<Picture, Failure>) -> Result<Exit, Failure> {
    let picture = draw(usize::MAX)?;
    let mut out = shell.out();
    out.write_all(&picture.text)?;
    out.flush()?;
    Ok(Exit::Done)
}

/// A line of text; a part of it where it would take a second row of those there are.
fn fitted(line: &str, shell: Shell, rows: usize) -> Cow<'_, str> {
    let room = shell.columns().filter(|_| rows < usize::MAX).unwrap_or(usize::MAX);
    if line.chars().count() <= room {
        return line.into();
    }
    let kept: String = line.chars().take(room.saturating_sub(1)).collect();
    format!("{kept}…").into()
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
    for line in job.message.iter().flat_map(|message| message.lines()) {
        writeln!(text, "{}", fitted(line, shell, rows))?;
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
