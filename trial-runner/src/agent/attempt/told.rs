//! What was told of an attempt.

use std::collections::VecDeque;

use crate::agent::{
    link::Link,
    protocol::{Checkpoint, Message, Report},
};

/// So many reports are remembered, the newest.
const REMEMBERED: usize = 2000;
/// So many warnings are told; a command can give rise to any number.
const MOST_WARNINGS: usize = 100;

/// Tells the executor, and remembers the reports in case it does not hear them.
pub(super) struct Told<'a> {
    link: &'a mut dyn Link,
    reports: VecDeque<Remembered>,
    warnings: usize,
}

struct Remembered {
    report: Report,
    was_sent: bool,
}

impl<'a> Told<'a> {
    pub(super) fn new(link: &'a mut dyn Link) -> Self {
        Self { link, reports: VecDeque::new(), warnings: 0 }
    }

    pub(super) fn link(&mut self) -> &mut (dyn Link + 'a) {
        self.link
    }

    pub(super) fn started(&mut self, trial: u32, attempt: u32, pid: u32) {
        self.link.send(&Message::Started { trial, attempt, pid });
    }

    pub(super) fn checkpoint(&mut self, checkpoint: Checkpoint) {
        self.link.send(&Message::Checkpoint(checkpoint));
    }

    pub(super) fn warning(&mut self, text: String) {
        self.warnings += 1;
        if self.warnings <= MOST_WARNINGS {
            self.link.send(&Message::Warning { text });
        }
    }

    pub(super) fn report(&mut self, report: Report) {
        let message = Message::Report(report);
        let was_sent = self.link.send(&message);
        let Message::Report(report) = message else { return };
        // A report of the same resource takes the place of the one before.
        if self.reports.back().is_some_and(|last| last.report.resource == report.resource) {
            self.reports.pop_back();
        }
        if self.reports.len() == REMEMBERED {
            self.reports.pop_front();
        }
        self.reports.push_back(Remembered { report, was_sent });
    }

    /// Those that the link refused, and all.
    pub(super) fn into_reports(self) -> (Vec<Report>, Vec<Report>) {
        let unsent =
            self.reports.iter().filter(|told| !told.was_sent).map(|told| told.report.clone()).collect();
        (unsent, self.reports.into_iter().map(|told| told.report).collect())
    }
}
