//! A folder with a job in it, and everything that is run from there.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use temper_operator::local::store::Reader;
use tempfile::TempDir;

/// In the environment of everything that a world runs.
const MARK: &str = "TEMPER_TEST_WORLD";

pub(crate) struct World {
    root: TempDir,
    dir: PathBuf,
}

/// A job in the words of these tests.
pub(crate) struct Job {
    pub(crate) parameters: &'static str,
    pub(crate) algorithm: &'static str,
    pub(crate) budget: &'static str,
    /// Further lines of `spec`.
    pub(crate) more: &'static str,
    /// Further entries of `spec.trial`.
    pub(crate) trial: &'static str,
    /// Further entries of the container.
    pub(crate) container: &'static str,
    /// For `sh`; `$LOG` is a file to append to, `report N VALUE` reports, `save` saves a checkpoint.
    pub(crate) script: &'static str,
}

impl Job {
    pub(crate) const DEFAULT: Self = Self {
        parameters: "[{name: x, type: float, min: 0, max: 1}]",
        algorithm: "Random",
        budget: "{maxTrials: 4, parallelism: 2}",
        more: "",
        trial: "",
        container: "",
        script: "report 1 $PARAM_x",
    };
}

impl Default for Job {
    fn default() -> Self {
        Self::DEFAULT
    }
}

const PRELUDE: &str = r#"
LOG="$PWD/log"
report() { echo "{\"epoch\": $1, \"a\": $2}"; }
save() { echo "${1-done}" >"$TEMPER_CHECKPOINT_DIR/state"; }
"#;

impl World {
    pub(crate) fn new(job: &Job) -> Self {
        Self::called("work", job)
    }

    /// In a folder of this name.
    pub(crate) fn called(name: &str, job: &Job) -> Self {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join(name);
        fs::create_dir(&dir).unwrap();
        let world = Self { root, dir };
        world.write(job);
        world
    }

    /// Gives its folder another name.
    pub(crate) fn rename(&mut self, name: &str) {
        let dir = self.root.path().join(name);
        fs::rename(&self.dir, &dir).unwrap();
        self.dir = dir;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// What lies beside its folder, itself included.
    pub(crate) fn beside(&self) -> Vec<OsString> {
        fs::read_dir(self.root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    /// Writes, or writes anew, the manifest and the script.
    pub(crate) fn write(&self, job: &Job) {
        let Job { parameters, algorithm, budget, more, trial, container, script } = job;
        fs::write(self.path("train.sh"), format!("{PRELUDE}\n{script}")).unwrap();
        let manifest = format!(
            "apiVersion: temper.rs/v1alpha1
kind: TuningJob
metadata: {{name: job}}
spec:
  objectives: [{{metric: a, goal: maximize}}]
  parameters: {parameters}
  search: {{algorithm: {algorithm}}}
  budget: {budget}
{more}
  trial:
{trial}
    template:
      spec:
        terminationGracePeriodSeconds: 1
        containers:
        - name: trial
          command: [sh, train.sh]
{container}
"
        );
        fs::write(self.path("job.yaml"), manifest).unwrap();
    }

    pub(crate) fn replace(&self, from: &str, to: &str) {
        let path = self.path("job.yaml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is not in the manifest");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// The program, about to run in this world.
    pub(crate) fn temper(&self, arguments: &[&str]) -> Command {
        // Tests that are run in the background of a script inherit that Ctrl-C is ignored.
        let mut command = Command::new("env");
        command.args(["--default-signal=INT", env!("CARGO_BIN_EXE_temper")]);
        command.args(arguments).current_dir(&self.dir).env(MARK, self.root.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `temper run job.yaml`, to its end.
    pub(crate) fn run(&self, options: &[&str]) -> Run {
        let output = self.temper(&[&["run", "job.yaml"], options].concat()).output().unwrap();
        Run::of(&output)
    }

    /// `temper run job.yaml`, begun.
    pub(crate) fn begin(&self) -> Child {
        self.temper(&["run", "job.yaml"]).spawn().unwrap()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path(".temper/job")
    }

    /// The journal, as JSON.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let mut events = Vec::new();
        let reader = Reader::open(&self.store()).unwrap();
        reader.replay(|_, event| events.push(serde_json::to_value(event).unwrap())).unwrap();
        events
    }

    /// Whether something like this is in the journal: these members, with these values.
    pub(crate) fn count(&self, pattern: &[(&str, &str)]) -> usize {
        let fits = |event: &&Value| {
            pattern.iter().all(|(path, wanted)| {
                event.pointer(path).is_some_and(|value| value.to_string().trim_matches('"') == *wanted)
            })
        };
        self.journal().iter().filter(fits).count()
    }

    /// Lines that trials wrote to `$LOG`.
    pub(crate) fn log(&self) -> Vec<String> {
        fs::read_to_string(self.path("log")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Waits until the trials wrote so many lines.
    pub(crate) fn await_log(&self, lines: usize) {
        Self::wait_for(|| self.log().len() >= lines, "trials to write to the log");
    }

    pub(crate) fn wait_for(happened: impl Fn() -> bool, what: &str) {
        let begun = Instant::now();
        while !happened() {
            assert!(begun.elapsed() < Duration::from_secs(20), "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Every process that belongs to this world, with its command line.
    pub(crate) fn processes(&self) -> Vec<(i32, String)> {
        let mark = format!("{MARK}={}", self.root.path().display());
        let pids = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &i32| {
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|env| env.split(|&byte| byte == 0).any(|variable| variable == mark.as_bytes()))
        })
        .map(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            (pid, String::from_utf8_lossy(&line).replace('\0', " ").trim().to_owned())
        })
        .collect()
    }

    pub(crate) fn agents(&self) -> Vec<i32> {
        self.processes().into_iter().filter(|(_, line)| line == "temper agent").map(|(pid, _)| pid).collect()
    }

    pub(crate) fn assert_no_process_left(&self) {
        let begun = Instant::now();
        loop {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(3), "left behind: {left:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    // It may have ended just now.
    let _ = kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal);
}

/// Whether the file is there, for scripts that wait for a sign.
pub(crate) fn touch(path: &Path) {
    fs::write(path, "").unwrap();
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.out.contains(word) || self.err.contains(word),
                "{word:?} is missing\nstdout: {}\nstderr: {}",
                self.out,
                self.err
            );
        }
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}
