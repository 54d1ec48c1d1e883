//! What became of an attempt, from how its command ended and what it has said.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

use super::{
    conduct::Cause,
    metrics::{Metrics, Stream},
    nearest::did_you_mean,
    protocol::{FailureReason, Outcome},
    reports::Reports,
};

/// What is quoted of an output: its last lines.
const QUOTED_LINES: usize = 8;
const QUOTED_LINE: usize = 400;
/// How a shell reports that its command was killed by SIGKILL: 128 + 9.
const SHELL_SAYS_KILLED: i32 = 137;

/// The ends of both outputs.
#[derive(Clone, Copy)]
pub(super) struct Tails<'a> {
    pub(super) stdout: &'a [u8],
    pub(super) stderr: &'a [u8],
}

/// The outcome; `None` when nobody is there to hear of it and there is nothing to keep.
pub(super) fn outcome(
    cause: Option<&Cause>,
    status: ExitStatus,
    reports: &Reports,
    told_before: bool,
    metrics: &mut Metrics,
    tails: Tails,
) -> Option<Outcome> {
    match cause {
        Some(Cause::Diverged(message)) => {
            Some(Outcome::Failed { reason: FailureReason::Diverged, message: message.clone() })
        }
        Some(Cause::Stop) => Some(Outcome::Stopped),
        Some(Cause::Pause) => Some(Outcome::Paused),
        Some(Cause::ReachedRunTo) => Some(Outcome::Succeeded),
        // It was killed in the middle, so the next executor runs it again.
        Some(Cause::Abandoned) if status.signal().is_some() && !reports.reached() => None,
        Some(Cause::Abandoned) | None => Some(by_itself(status, reports, told_before, metrics, tails)),
    }
}

fn by_itself(
    status: ExitStatus,
    reports: &Reports,
    told_before: bool,
    metrics: &mut Metrics,
    tails: Tails,
) -> Outcome {
    // What it was run for is there, whatever happened on the way out.
    if reports.reached() {
        return Outcome::Succeeded;
    }
    if status.success() {
        return match reports.last() {
            None if !told_before => Outcome::Failed {
                reason: FailureReason::NoMetric,
                message: no_metric(reports, metrics, tails),
            },
            _ => Outcome::Succeeded,
        };
    }
    let (reason, what) = match (status.code(), status.signal()) {
        (Some(SHELL_SAYS_KILLED), _) => (
            FailureReason::Killed,
            "exit code 137: something it ran was killed by SIGKILL, most often because memory ran out"
                .to_owned(),
        ),
        (Some(code), _) => (FailureReason::ExitCode, format!("exit code {code}")),
        (None, Some(9)) => (
            FailureReason::Killed,
            "killed by SIGKILL, which was not sent by Temper: most often memory ran out".to_owned(),
        ),
        (None, Some(signal)) => (FailureReason::Signal, format!("killed by {}", signal_name(signal))),
        (None, None) => (FailureReason::Signal, format!("ended with {status}")),
    };
    Outcome::Failed { reason, message: what + &quoted(tails) }
}

fn signal_name(signal: i32) -> String {
    signal_hook::low_level::signal_name(signal)
        .map_or_else(|| format!("signal {signal}"), |name| format!("{name} (signal {signal})"))
}

/// The last lines of stderr, or of stdout when there are none.
fn quoted(tails: Tails) -> String {
    let lines = |output: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(output);
        let lines = text.split(['\n', '\r']).filter(|line| !line.trim().is_empty());
        let mut last: Vec<String> = lines
            .rev()
            .take(QUOTED_LINES)
            .map(|line| {
                format!(
                    "  {}",
                    line.chars().filter(|c| !c.is_control()).take(QUOTED_LINE).collect::<String>()
                )
            })
            .collect();
        last.reverse();
        last
    };
    [(tails.stderr, Stream::Stderr), (tails.stdout, Stream::Stdout)]
        .into_iter()
        .map(|(output, stream)| (lines(output), stream))
        .find(|(lines, _)| !lines.is_empty())
        .map(|(lines, stream)| format!("; its {} ends with\n{}", stream.name(), lines.join("\n")))
        .unwrap_or_default()
}

fn no_metric(reports: &Reports, metrics: &mut Metrics, tails: Tails) -> String {
    let objectives: Vec<&str> = reports.missing().collect();
    let Some(objective) = objectives.first() else { return String::new() };
    let seen: Vec<&str> = reports.seen().take(20).collect();
    let mut message = format!(
        "the command ended with exit code 0 and never reported {}: looked for {}",
        objectives.join(" or "),
        metrics.looked_for(objective)
    );
    if seen.is_empty() {
        message.push_str(", and found no metric at all");
    } else {
        message.push_str(&format!(
            ", and found only {}{}",
            seen.join(", "),
            did_you_mean(objective, seen.iter().copied())
        ));
    }
    for (stream, output) in [(Stream::Stderr, tails.stderr), (Stream::Stdout, tails.stdout)] {
        if metrics.would_find(objective, stream, output) {
            message.push_str(&format!(
                "; it is printed on {0}, which is read when metrics.file is /dev/{0}",
                stream.name()
            ));
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{metrics::Found, protocol::MetricsSource, reports::Aim};

    const NO_TAILS: Tails = Tails { stdout: b"", stderr: b"" };

    fn exit(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    fn signal(signal: i32) -> ExitStatus {
        ExitStatus::from_raw(signal)
    }

    /// The outcome of a command that printed this on stdout in the format `KeyValue`.
    fn of(printed: &str, cause: Option<&Cause>, status: ExitStatus, tails: Tails) -> Option<Outcome> {
        let objectives = vec!["accuracy".to_owned()];
        let source = MetricsSource { format: "KeyValue".into(), ..MetricsSource::default() };
        let mut metrics = Metrics::open(&source, &objectives, None, "/".as_ref()).unwrap();
        let mut reports = Reports::new(Aim { objectives, run_to: Some(2), ..Aim::default() });
        let mut found = Found::default();
        metrics.output(Stream::Stdout, printed.as_bytes(), &mut found);
        found.readings.into_iter().for_each(|reading| reports.take(reading, &mut Vec::new()));
        outcome(cause, status, &reports, false, &mut metrics, tails)
    }

    fn failure(outcome: Option<Outcome>) -> (FailureReason, String) {
        match outcome {
            Some(Outcome::Failed { reason, message }) => (reason, message),
            other => panic!("not a failure: {other:?}"),
        }
    }

    #[test]
    fn exit_zero_with_a_report_is_a_success_and_without_one_says_what_was_missing() {
        assert_eq!(of("accuracy=1\n", None, exit(0), NO_TAILS), Some(Outcome::Succeeded));
        let (reason, message) = failure(of("acuracy=1 loss=2\n", None, exit(0), NO_TAILS));
        assert_eq!(reason, FailureReason::NoMetric);
        assert_eq!(
            message,
            "the command ended with exit code 0 and never reported accuracy: looked for lines such as \
             \"accuracy=0.91\" or \"accuracy: 0.91\" on stdout (format KeyValue), and found only acuracy, loss \
             (did you mean \"acuracy\"?)"
        );
        let tails = Tails { stderr: b"INFO accuracy=0.5\n", ..NO_TAILS };
        let (_, message) = failure(of("", None, exit(0), tails));
        assert!(message.ends_with(
            "no metric at all; it is printed on stderr, which is read when metrics.file is /dev/stderr"
        ));
    }

    #[test]
    fn a_bad_end_is_told_with_the_last_lines() {
        let tails = Tails { stdout: b"out\n", stderr: b"one\n\nValueError: \x1b[1mno\n" };
        let (reason, message) = failure(of("accuracy=1\n", None, exit(3), tails));
        assert_eq!(reason, FailureReason::ExitCode);
        assert_eq!(message, "exit code 3; its stderr ends with\n  one\n  ValueError: [1mno");
        let (_, message) = failure(of("", None, exit(3), Tails { stderr: b"", ..tails }));
        assert_eq!(message, "exit code 3; its stdout ends with\n  out");
        let long: Vec<u8> =
            (0..100).flat_map(|i| format!("{i}{}\n", "x".repeat(1000)).into_bytes()).collect();
        let (_, message) = failure(of("", None, exit(3), Tails { stderr: &long, ..tails }));
        assert!(message.len() < 4000 && message.lines().count() == 9);
    }

    #[test]
    fn signals_are_named_and_a_kill_is_said_to_be_memory() {
        let (reason, message) = failure(of("", None, signal(11), NO_TAILS));
        assert_eq!((reason, message.as_str()), (FailureReason::Signal, "killed by SIGSEGV (signal 11)"));
        for status in [signal(9), exit(137)] {
            let (reason, message) = failure(of("", None, status, NO_TAILS));
            assert!(reason == FailureReason::Killed && message.contains("memory ran out"), "{message}");
        }
    }

    #[test]
    fn what_reached_its_goal_succeeded_however_it_went_out() {
        let printed = "accuracy=1\naccuracy=2\n";
        for status in [exit(0), exit(1), signal(15)] {
            assert_eq!(of(printed, None, status, NO_TAILS), Some(Outcome::Succeeded));
            assert_eq!(of(printed, Some(&Cause::Abandoned), status, NO_TAILS), Some(Outcome::Succeeded));
        }
    }

    #[test]
    fn an_abandoned_command_is_told_of_only_when_it_had_ended_by_itself() {
        assert_eq!(of("accuracy=1\n", Some(&Cause::Abandoned), signal(9), NO_TAILS), None);
        assert_eq!(of("accuracy=1\n", Some(&Cause::Abandoned), exit(0), NO_TAILS), Some(Outcome::Succeeded));
    }

    #[test]
    fn a_cause_is_the_outcome() {
        let diverged = Cause::Diverged("accuracy is NaN at epoch 3".into());
        assert_eq!(failure(of("", Some(&diverged), signal(15), NO_TAILS)).0, FailureReason::Diverged);
        assert_eq!(of("", Some(&Cause::Stop), signal(9), NO_TAILS), Some(Outcome::Stopped));
        assert_eq!(of("", Some(&Cause::Pause), exit(0), NO_TAILS), Some(Outcome::Paused));
    }
}
