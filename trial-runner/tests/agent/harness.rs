//! An executor to test the agent with.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use temper_runner::agent::{
    file_uri,
    protocol::{Assignment, Checkpoint, Ended, FailureReason, Message, Order, Outcome, Report},
};
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Trains: state is the number of epochs done, saved after each; resumes from it.
pub(crate) const TRAINER: &str = r#"
    cd $TEMPER_CHECKPOINT_DIR
    i=$(cat state 2>/dev/null || echo 0)
    while [ $i -lt 9 ]; do
        i=$((i+1)); sleep 0.05
        echo "{\"epoch\": $i, \"accuracy\": 0.$i}"
        echo $i > state.tmp; mv state.tmp state
    done
"#;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_temper-runner");

pub(crate) struct Agent {
    pub(crate) process: Child,
    orders: Option<ChildStdin>,
    messages: Receiver<Message>,
}

/// What was told of one attempt.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) reports: Vec<Report>,
    pub(crate) checkpoints: Vec<Checkpoint>,
    pub(crate) warnings: Vec<String>,
    pub(crate) ended: Ended,
}

impl Agent {
    pub(crate) fn start() -> Self {
        let process =
            Command::new(BINARY).arg("agent").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        Self::of(process)
    }

    pub(crate) fn of(mut process: Child) -> Self {
        let (sender, messages) = channel();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let message = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        Self { orders: process.stdin.take(), process, messages }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn order(&mut self, orders: &[Order]) {
        let lines: String = orders.iter().map(|order| serde_json::to_string(order).unwrap() + "\n").collect();
        self.orders.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
    }

    pub(crate) fn assign(&mut self, assignment: &Assignment) {
        self.order(&[Order::Assign(Box::new(assignment.clone()))]);
    }

    /// The next message; `None` when the agent has ended.
    pub(crate) fn next(&mut self) -> Option<Message> {
        match self.messages.recv_timeout(LONG) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the agent says nothing for {LONG:?}"),
        }
    }

    /// The next report.
    pub(crate) fn next_report(&mut self) -> Report {
        loop {
            match self.next() {
                Some(Message::Report(report)) => return report,
                Some(Message::Ended(ended)) => panic!("{ended:?}"),
                Some(_) => {}
                None => panic!("the agent has ended"),
            }
        }
    }

    pub(crate) fn story(&mut self) -> Story {
        let (mut reports, mut checkpoints, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            match self.next().expect("the agent to tell the end") {
                Message::Started { .. } => {}
                Message::Report(report) => reports.push(report),
                Message::Checkpoint(checkpoint) => checkpoints.push(checkpoint),
                Message::Warning { text } => warnings.push(text),
                Message::Ended(ended) => return Story { reports, checkpoints, warnings, ended: *ended },
            }
        }
    }

    /// The executor goes.
    pub(crate) fn go(&mut self) {
        self.orders = None;
    }

    /// Waits until the agent has ended by itself.
    pub(crate) fn wait(&mut self) {
        let deadline = Instant::now() + LONG;
        while self.process.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the agent does not end");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.orders = None;
        if thread::panicking() {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

/// A folder for one attempt, and the assignment for it.
pub(crate) struct Trial {
    folder: TempDir,
    pub(crate) assignment: Assignment,
}

impl Trial {
    /// A shell script that reports `accuracy` as JSON lines.
    pub(crate) fn of(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let assignment = Assignment {
            job: "test".into(),
            trial: 3,
            attempt: 1,
            command: ["sh", "-c", script].map(String::from).into(),
            objectives: vec!["accuracy".into()],
            grace_seconds: 20.0,
            dir: folder.path().join("attempt"),
            ..Assignment::default()
        };
        Self { folder, assignment }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn log(&self, name: &str) -> Vec<u8> {
        fs::read(self.assignment.dir.join(name)).unwrap_or_default()
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Assignment)) -> Self {
        change(&mut self.assignment);
        self
    }

    /// With checkpoints in a folder beside the attempt's.
    pub(crate) fn with_checkpoints(self) -> Self {
        let place = self.path("checkpoints");
        self.with_checkpoints_in(&place)
    }

    pub(crate) fn with_checkpoints_in(self, place: &Path) -> Self {
        let uri = file_uri(place);
        self.with(|assignment| assignment.checkpoints = Some(uri))
    }

    /// Runs it in an agent of its own, from the assignment to the acknowledgement.
    pub(crate) fn run(&self) -> Story {
        let mut agent = Agent::start();
        agent.assign(&self.assignment);
        let story = agent.story();
        agent.order(&[Order::Ack]);
        story
    }

    /// Runs it; it must fail.
    pub(crate) fn failure(&self) -> (FailureReason, String) {
        self.run().failure()
    }
}

impl Story {
    /// The values of `accuracy` by resource.
    pub(crate) fn accuracy(&self) -> Vec<(u64, f64)> {
        self.reports.iter().map(|report| (report.resource, report.metrics["accuracy"])).collect()
    }

    pub(crate) fn failure(self) -> (FailureReason, String) {
        match self.ended.outcome {
            Outcome::Failed { reason, message } => (reason, message),
            other => panic!("it has not failed: {other:?}"),
        }
    }
}

/// The processes alive that were started with this text in their environment, as everything below an attempt is
/// started with the attempt's folder.
pub(crate) fn alive(mark: &Path) -> Vec<String> {
    let mark = mark.canonicalize().unwrap_or_else(|_| mark.to_owned());
    let mark = mark.to_str().unwrap().as_bytes().to_vec();
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok()))
        .filter(|entry| {
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            environment.windows(mark.len()).any(|part| part == mark)
        })
        .map(|entry| {
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            format!(
                "{}: {}",
                entry.file_name().display(),
                String::from_utf8_lossy(&command).replace('\0', " ")
            )
        })
        .collect()
}

/// Waits until something holds.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
