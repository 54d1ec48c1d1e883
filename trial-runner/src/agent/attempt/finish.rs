//! The end of an attempt: what is done once its command has ended.

use std::{
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
    time::{Duration, Instant},
};

use super::{End, course::Course};
use crate::agent::{
    metrics::Found,
    process::end_descendants,
    protocol::{Checkpoint, Outcome},
    verdict::{self, Tails},
};

/// How long killed processes may take to go. Those stuck in the kernel for longer are left to it.
const LAST_WAIT: Duration = Duration::from_secs(5);
/// How long an output may stay open when all that the command has started is gone: somebody else has hold of it.
const DRAIN: Duration = Duration::from_millis(500);

/// As shells report it.
fn code(status: ExitStatus) -> Option<i32> {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal))
}

impl Course<'_, '_> {
    /// Ends what the command has left running, reads what is left to read, commits what is left to commit.
    pub(super) fn finish(mut self, status: ExitStatus) -> Option<End> {
        if !end_descendants(Instant::now() + LAST_WAIT) {
            self.told.warning("a process that the command has started cannot be killed".into());
        }
        self.drain();
        while self.look_for_metrics() {}
        let mut found = Found::default();
        self.metrics.finish(&mut found);
        found.warnings.extend(self.outputs.iter_mut().filter_map(|output| output.log.finish()));
        self.take(found);
        let mut events = Vec::new();
        self.reports.finish(&mut events);
        self.tell(events);

        let [stdout, stderr] = &mut self.outputs;
        let tails = Tails { stdout: stdout.log.tail(), stderr: stderr.log.tail() };
        let told_before = self.assignment.reported_to.is_some();
        let outcome = verdict::outcome(
            self.conduct.cause(),
            status,
            &self.reports,
            told_before,
            &mut self.metrics,
            tails,
        )?;
        let last = self.reports.last().cloned();
        let checkpoint = self.close_checkpoints(&outcome, status);
        Some(End { outcome, exit_code: code(status), last, checkpoint })
    }

    fn drain(&mut self) {
        let deadline = Instant::now() + DRAIN;
        for index in 0..self.outputs.len() {
            while self.outputs[index].wait(deadline) {
                self.read_output(index);
            }
        }
    }

    fn close_checkpoints(mut self, outcome: &Outcome, status: ExitStatus) -> Option<Checkpoint> {
        let mark = self.mark();
        let mut keeper = self.keeper.take()?;
        let closed = match outcome {
            // A command that a signal has ended may have been writing.
            Outcome::Succeeded | Outcome::Paused => {
                keeper.close(mark, status.code().is_none(), Instant::now())
            }
            Outcome::Failed { .. } | Outcome::Stopped => keeper.cancel(),
        };
        match closed {
            Ok(Some(checkpoint)) => self.told.checkpoint(checkpoint),
            Ok(None) => {}
            Err(error) => self.told.warning(format!("{error:#}")),
        }
        let last = keeper.last().cloned();
        if *outcome == Outcome::Stopped {
            keeper.discard();
        } else {
            keeper.clear();
        }
        last
    }
}
