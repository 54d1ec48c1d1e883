//! The lines of one attempt, out of a pod's log.

use std::{
    collections::VecDeque,
    io::{self, Write},
    time::Duration,
};

use futures::{AsyncBufRead, AsyncBufReadExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::LogParams, core::Status};
use temper_crds::Trial;
use temper_runner::agent::protocol::Beginning;
use tokio::time::{Instant, sleep};

use crate::cluster::Output;

/// How often it is looked whether something that cannot be watched cheaply has changed.
pub(super) const POLL: Duration = Duration::from_secs(1);

/// How long the kubelet may take to say that a container runs whose trial has reported already.
const KUBELET_IS_BEHIND: Duration = Duration::from_secs(30);

/// What is printed.
pub(super) struct Stream {
    pub(super) pods: Api<Pod>,
    pub(super) trials: Api<Trial>,
    /// Name of the Trial.
    pub(super) trial: String,
    pub(super) output: Output,
    pub(super) follow: bool,
    pub(super) tail: Option<u32>,
    pub(super) timestamps: bool,
}

/// How it came out.
pub(super) enum Ended {
    Done,
    /// The pod's log holds nothing of the attempt.
    Nothing,
    /// The API server does not give the log.
    Refused(kube::Error),
}

/// Whether a pod's log is refused only because it has not started.
pub(super) fn is_not_yet(status: &Status) -> bool {
    let words = ["waiting to start", "does not have a host assigned", "not available"];
    status.code == 400 && words.iter().any(|words| status.message.contains(words))
}

impl Stream {
    /// Prints until there is no more, or with `follow` until the attempt ends.
    pub(super) async fn run(self, out: &mut impl Write, say: impl Fn(&str)) -> io::Result<Ended> {
        let mut has_said = false;
        let begun = Instant::now();
        loop {
            match self.pods.log_stream(&self.output.pod, &self.parameters()).await {
                Ok(log) => {
                    let ended = self.copy(log, out).await?;
                    out.flush()?;
                    return Ok(ended);
                }
                Err(kube::Error::Api(status)) if self.follow && self.may_come(&status).await => {
                    if !has_said {
                        say(&format!("pod {} has not started yet; waiting", self.output.pod));
                        has_said = true;
                    }
                    sleep(POLL).await;
                }
                // A short trial's report is there before the kubelet has said that its container runs.
                Err(kube::Error::Api(status))
                    if is_not_yet(&status)
                        && begun.elapsed() < KUBELET_IS_BEHIND
                        && matches!(self.has_reported().await, Ok(true)) =>
                {
                    sleep(POLL / 5).await;
                }
                Err(error) => return Ok(Ended::Refused(error)),
            }
        }
    }

    fn parameters(&self) -> LogParams {
        LogParams {
            container: Some(self.output.container.clone()),
            follow: self.follow,
            // The last lines of a log that several share are not those of each.
            tail_lines: self.tail.filter(|_| self.output.shared_as.is_none()).map(i64::from),
            timestamps: self.timestamps,
            ..LogParams::default()
        }
    }

    /// Whether a pod that gives no log may give one yet: it is made after the Trial that names it.
    async fn may_come(&self, status: &Status) -> bool {
        is_not_yet(status) || (status.code == 404 && matches!(self.is_over().await, Ok(false)))
    }

    async fn is_over(&self) -> kube::Result<bool> {
        let trial = self.trials.get_opt(&self.trial).await?;
        Ok(trial.is_none_or(|trial| self.output.is_over(&trial)))
    }

    /// Whether the attempt has said anything, and so runs or has run.
    async fn has_reported(&self) -> kube::Result<bool> {
        let report = self.trials.get_opt(&self.trial).await?.and_then(|trial| trial.status?.report);
        Ok(report.is_some_and(|report| report.attempt >= self.output.attempt))
    }

    async fn copy(&self, log: impl AsyncBufRead, out: &mut impl Write) -> io::Result<Ended> {
        let mut log = std::pin::pin!(log);
        let mut part = Part::new(self.output.shared_as, self.tail.map(|lines| lines as usize));
        let mut line = Vec::new();
        loop {
            let is_shared = self.output.shared_as.is_some();
            let read = tokio::select! {
                read = log.read_until(b'\n', &mut line) => read?,
                // The log of a worker goes on, be it silently, when the attempt is over.
                () = sleep(POLL), if self.follow && is_shared => {
                    if self.is_over().await.unwrap_or(false) {
                        return part.finish(out);
                    }
                    continue;
                }
            };
            if (read == 0 && line.is_empty()) || part.take(&line, out)? == Place::After {
                return part.finish(out);
            }
            line.clear();
            if self.follow {
                out.flush()?;
            }
        }
    }
}

/// The part of a log that is printed.
struct Part {
    /// The attempt whose lines they are; `None`: all of them.
    of: Option<Beginning>,
    has_begun: bool,
    /// So many of the last lines, where that cannot be left to the API server.
    last: Option<(usize, VecDeque<Vec<u8>>)>,
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Before,
    Within,
    After,
}

impl Part {
    fn new(of: Option<Beginning>, tail: Option<usize>) -> Self {
        let last = tail.filter(|_| of.is_some()).map(|most| (most, VecDeque::new()));
        Self { of, has_begun: of.is_none(), last }
    }

    fn take(&mut self, line: &[u8], out: &mut impl Write) -> io::Result<Place> {
        let text = String::from_utf8_lossy(line);
        let (before, beginning) = match Beginning::at_end_of(&text).filter(|_| self.of.is_some()) {
            // What stands before it on the line is time, or the end of what was printed until then.
            Some((before, beginning)) => (before, Some(beginning)),
            None => ("", None),
        };
        match (self.has_begun, beginning) {
            (false, Some(beginning)) if Some(beginning) == self.of => {
                self.has_begun = true;
                Ok(Place::Before)
            }
            (false, _) => Ok(Place::Before),
            (true, None) => {
                self.print(line, out)?;
                Ok(Place::Within)
            }
            (true, Some(_)) => {
                if !before.is_empty() && !is_time(before) {
                    self.print(format!("{before}\n").as_bytes(), out)?;
                }
                Ok(Place::After)
            }
        }
    }

    fn print(&mut self, line: &[u8], out: &mut impl Write) -> io::Result<()> {
        let Some((most, last)) = &mut self.last else { return out.write_all(line) };
        last.push_back(line.to_vec());
        if last.len() > *most {
            last.pop_front();
        }
        Ok(())
    }

    fn finish(self, out: &mut impl Write) -> io::Result<Ended> {
        let last = self.last.into_iter().flat_map(|(_, last)| last);
        last.into_iter().try_for_each(|line| out.write_all(&line))?;
        Ok(if self.has_begun { Ended::Done } else { Ended::Nothing })
    }
}

fn is_time(text: &str) -> bool {
    text.trim_end().parse::<k8s_openapi::jiff::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The log of a worker that ran three trials, the first without a line end at its end.
    const LOG: &str = "\
temper: attempt 1 of trial 4 begins
the one before
temper: attempt 2 of trial 7 begins
epoch 1

its last wordstemper: attempt 1 of trial 8 begins
the one after
";

    fn printed(log: &str, mut part: Part) -> (String, bool) {
        let mut out = Vec::new();
        for line in log.split_inclusive('\n') {
            if part.take(line.as_bytes(), &mut out).unwrap() == Place::After {
                break;
            }
        }
        let ended = part.finish(&mut out).unwrap();
        (String::from_utf8(out).unwrap(), matches!(ended, Ended::Done))
    }

    const SECOND: Option<Beginning> = Some(Beginning { trial: 7, attempt: 2 });

    #[test]
    fn of_a_pod_that_runs_several_trials_only_the_lines_of_one_are_printed() {
        assert_eq!(printed(LOG, Part::new(SECOND, None)), ("epoch 1\n\nits last words\n".to_owned(), true));
    }

    #[test]
    fn lines_keep_their_times_where_these_are_wanted() {
        let stamped: Vec<String> =
            LOG.lines().map(|line| format!("2026-01-01T00:00:10.5Z {line}\n")).collect();
        let log = stamped.concat();
        let (text, _) = printed(&log, Part::new(SECOND, None));
        assert!(text.starts_with("2026-01-01T00:00:10.5Z epoch 1\n"), "{text}");
        assert!(text.ends_with("2026-01-01T00:00:10.5Z its last words\n"), "{text}");
    }

    #[test]
    fn the_last_lines_are_the_last_of_the_trial_and_not_of_the_pod() {
        assert_eq!(printed(LOG, Part::new(SECOND, Some(2))).0, "\nits last words\n");
    }

    #[test]
    fn an_attempt_of_which_the_log_holds_nothing_is_told() {
        let other = Some(Beginning { trial: 7, attempt: 1 });
        assert_eq!(printed(LOG, Part::new(other, None)), (String::new(), false));
    }

    #[test]
    fn a_log_of_its_own_is_printed_as_it_is() {
        assert_eq!(printed(LOG, Part::new(None, Some(1))), (LOG.to_owned(), true));
        let mut out = Vec::new();
        Part::new(None, None).take(b"\xff not utf-8", &mut out).unwrap();
        assert_eq!(out, b"\xff not utf-8");
    }

    #[test]
    fn a_pod_that_has_not_started_is_waited_for_and_one_that_cannot_tell_is_not() {
        let status = |code, message: &str| Status { code, message: message.into(), ..Status::default() };
        let waiting = "container \"trial\" in pod \"a-0-1\" is waiting to start: PodInitializing";
        assert!(is_not_yet(&status(400, waiting)));
        assert!(!is_not_yet(&status(400, "container nope is not valid for pod a-0-1")));
        assert!(!is_not_yet(&status(403, waiting)));
    }
}
