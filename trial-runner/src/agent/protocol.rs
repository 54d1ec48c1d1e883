//! What the executor and the agent say to each other: one JSON object a line, orders on the agent's stdin,
//! messages on its stdout.
//!
//! One agent runs one trial after another:
//!
//! ```text
//! executor   Assign                     Recorded*  (Stop | Pause)?          Ack   Assign ...
//! agent             Started  Report* Checkpoint*               ...  Ended
//! ```
//!
//! The lines are ordered, so a `Stop` that crosses an `Ended` can only mean the trial that has ended; the agent
//! passes over it. `Assign` comes only when no trial is open: at the start, and after `Ack`. The end of stdin means
//! that the executor is gone: whatever runs is killed, and an end that was not acknowledged is kept in
//! [`ENDED_FILE`].
//!
//! In a pod the Kubernetes API takes the executor's place: [`PodOrders`] and the Trial object become the same orders,
//! and the messages the Trial's `status.report`.

mod pod;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub use pod::{Beginning, Goal, POD_ORDERS, POD_UID, PodOrders};

/// In the attempt's folder: an [`Ended`] that no executor was there to acknowledge. The next one takes it up with
/// [`Ended::left_behind`] and then removes the file.
pub const ENDED_FILE: &str = "ended.json";

/// From the executor to the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Order {
    /// Run this attempt.
    Assign(Box<Assignment>),
    /// End the attempt for good: SIGTERM, the grace, SIGKILL. Its outcome is [`Outcome::Stopped`].
    Stop {
        /// Why, for the log.
        reason: String,
    },
    /// Let the attempt save its state and end, to be resumed later. Its outcome is [`Outcome::Paused`].
    Pause,
    /// As [`Self::Pause`], from a machine that is about to go away.
    Vacate {
        /// The command is gone by then, whatever it does.
        within_seconds: f64,
    },
    /// This checkpoint is durably recorded: whoever goes on after the attempt was lost goes on from it, so it is kept.
    Recorded {
        /// Its URI.
        checkpoint: String,
    },
    /// The `Ended` message is durably recorded.
    Ack,
}

/// From the agent to the executor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "camelCase", deny_unknown_fields)]
pub enum Message {
    /// The command runs.
    #[serde(rename_all = "camelCase")]
    Started {
        /// The trial's index.
        trial: u32,
        /// Which attempt at it.
        attempt: u32,
        /// The command's process id, which is also that of its process group.
        pid: u32,
    },
    /// The command has reported at least one objective.
    Report(Report),
    /// A checkpoint was committed.
    Checkpoint(Checkpoint),
    /// Something a person should know that does not end the attempt.
    Warning {
        /// What.
        text: String,
    },
    /// The attempt is over; nothing it started is left running.
    Ended(Box<Ended>),
}

/// One attempt to run a trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Assignment {
    /// Name of the tuning job.
    pub job: String,
    /// The trial's index within the job.
    pub trial: u32,
    /// Which attempt at this trial, from 1.
    pub attempt: u32,
    /// The program and its arguments: `command` followed by `args` of the container. `$(NAME)` is expanded.
    pub command: Vec<String>,
    /// Added to the agent's own environment, in this order; `$(NAME)` sees the names before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// Where the command runs; the agent's own folder when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<PathBuf>,
    /// The trial's configuration.
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// How the command says what it has measured.
    #[serde(default)]
    pub metrics: MetricsSource,
    /// The metrics that are asked for; the first is the scheduler's. A report holds at least one of them.
    pub objectives: Vec<String>,
    /// Name of the metric that counts how far the trial is (`epoch`, `step`). Absent: reports are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// How far to go in this attempt, in units of the resource. Absent: until the command ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_to: Option<u64>,
    /// How far earlier attempts have reported: what is repeated up to here is not sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_to: Option<u64>,
    /// Where the job's checkpoints go, as a URI (`file:///...`) of a place that no other job uses. Absent: what the command saves stays in the attempt's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<String>,
    /// URI of the committed checkpoint to begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_from: Option<String>,
    /// Seconds between SIGTERM and SIGKILL.
    pub grace_seconds: f64,
    /// The attempt's own folder, made if it is not there: `stdout.log`, `stderr.log`, `parameters.json`, `checkpoint/`.
    pub dir: PathBuf,
}

/// A variable of the environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// Its value, in which `$(NAME)` is expanded.
    #[serde(default)]
    pub value: String,
}

/// How a command says what it has measured: as in the job's `trial.metrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricsSource {
    /// `JSONLines`, `KeyValue`, `Regex`, `TensorBoard` or `Auptimizer`.
    pub format: String,
    /// The file it writes them to, for `TensorBoard` the folder; relative to the working folder; `$(NAME)` is
    /// expanded. Absent: stdout, for `TensorBoard` the working folder. `/dev/stderr` is the command's stderr.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// For `Regex`: each with groups named after metrics, or with two groups, the metric's name and its value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<String>,
}

impl Default for MetricsSource {
    fn default() -> Self {
        Self { format: "JSONLines".into(), file: None, patterns: Vec::new() }
    }
}

/// What the command has measured at one point. A later report of the same resource adds to the earlier or replaces
/// it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// How far the trial is, from 1. A command that counts from 0 is understood: its 0 is 1 here, and so on.
    pub resource: u64,
    /// By name; all finite; at least one objective among them.
    pub metrics: BTreeMap<String, f64>,
}

/// A committed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// What [`Assignment::resume_from`] takes.
    pub uri: String,
    /// The last resource reported before it was taken; 0 before the first report.
    pub resource: u64,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ended {
    /// The trial's index.
    pub trial: u32,
    /// Which attempt at it.
    pub attempt: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// The command's exit code; 128 + n when signal n ended it; absent when it was not started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Reports that may not have been taken: those that a slow link could not pass on; in [`ENDED_FILE`], all of
    /// the attempt (the newest 2,000).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<Report>,
    /// The last report of the attempt, sent before or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Report>,
    /// The newest checkpoint that the attempt has committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// From the command's start to its end.
    pub seconds: f64,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase", deny_unknown_fields)]
pub enum Outcome {
    /// The command ended well, or reached [`Assignment::run_to`].
    Succeeded,
    /// It did not.
    Failed {
        /// For a program.
        reason: FailureReason,
        /// For a person.
        message: String,
    },
    /// Ended by [`Order::Stop`].
    Stopped,
    /// Ended by [`Order::Pause`] or [`Order::Vacate`].
    Paused,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FailureReason {
    /// The assignment is wrong or the command could not be started: not found, not executable, no such folder.
    CannotStart,
    /// The checkpoint to resume from is not there, torn, or of a store the agent does not know.
    BadCheckpoint,
    /// The command ended with an exit code other than 0.
    ExitCode,
    /// The command was killed by a signal that the agent did not send.
    Signal,
    /// As `Signal`, by SIGKILL: what the kernel does when memory runs out.
    Killed,
    /// An objective was NaN or infinite.
    Diverged,
    /// The command ended with 0 and never reported an objective.
    NoMetric,
}

impl FailureReason {
    /// Whether another attempt could end otherwise: not where the command is wrong, or the configuration.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::ExitCode | Self::Signal | Self::Killed => true,
            Self::CannotStart | Self::BadCheckpoint | Self::Diverged | Self::NoMetric => false,
        }
    }

    /// By its name in a report; `None` for a word that is none of these.
    pub fn parse(name: &str) -> Option<Self> {
        serde_json::from_value(name.into()).ok()
    }
}

impl Ended {
    /// The end that an agent wrote to the attempt's folder because no executor was there to take it.
    ///
    /// # Errors
    /// When the file cannot be read, or is not what an agent writes (it is put there in one step, so it is never
    /// torn).
    pub fn left_behind(dir: &Path) -> io::Result<Option<Self>> {
        match fs::read(dir.join(ENDED_FILE)) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_needs_only_what_has_no_default() {
        let line = r#"{"order":"assign","job":"j","trial":0,"attempt":1,"command":["true"],"parameters":{},
            "objectives":["accuracy"],"graceSeconds":5,"dir":"/tmp/x"}"#;
        let Order::Assign(assignment) = serde_json::from_str(line).unwrap() else {
            panic!("not an assignment")
        };
        assert_eq!(assignment.metrics, MetricsSource::default());
        assert_eq!(assignment.run_to, None);
    }

    #[test]
    fn every_message_is_one_line_and_comes_back_as_it_went() {
        let report = Report { resource: 3, metrics: BTreeMap::from([("accuracy".into(), 0.1 + 0.2)]) };
        let messages = [
            Message::Started { trial: 1, attempt: 2, pid: 3 },
            Message::Report(report.clone()),
            Message::Checkpoint(Checkpoint { uri: "file:///c/1/3".into(), resource: 3 }),
            Message::Warning { text: "two\nlines".into() },
            Message::Ended(Box::new(Ended {
                trial: 1,
                attempt: 2,
                outcome: Outcome::Failed { reason: FailureReason::ExitCode, message: "exit code 3".into() },
                exit_code: Some(3),
                reports: vec![report.clone()],
                last: Some(report),
                checkpoint: None,
                seconds: 0.25,
            })),
        ];
        for message in messages {
            let line = serde_json::to_string(&message).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Message>(&line).unwrap(), message);
        }
    }
}
