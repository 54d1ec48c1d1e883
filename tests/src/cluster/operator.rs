//! The operator as a process of this machine, which can be killed.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{machine::LONG, world::World};
use crate::temper;

/// A running operator; it is killed with the value.
#[derive(Debug)]
pub struct Operator {
    child: Child,
    log: PathBuf,
}

impl Operator {
    /// One for the world's namespace alone, called `identity` among those that want to lead there; its clock is
    /// `ahead` of everybody's. Options win over those that it has anyway; those of the form `NAME=VALUE` are variables.
    pub(super) fn start(world: &World, identity: &str, ahead: Duration, options: &[&str]) -> Self {
        let cluster = world.cluster();
        let log = world.folder().join(format!("{identity}.log"));
        let file = File::options().create(true).append(true).open(&log);
        let file = file.unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let copy = file.try_clone().unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let program = temper(&[]).get_program().to_owned();
        let skew = format!("+{}s", ahead.as_secs());
        let is_variable = |option: &&str| option.contains('=') && !option.starts_with('-');
        let (variables, options): (Vec<&str>, Vec<&str>) = options.iter().copied().partition(is_variable);
        // It does not outlive the tests, however they end.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .args(if ahead.is_zero() { Vec::new() } else { vec!["faketime".into(), "-f".into(), skew] })
            .arg(program)
            .args(["operator", "--listen", "127.0.0.1:0"])
            .args(options)
            .args(["--namespaces", world.namespace(), "--lease-namespace", world.namespace()])
            .env("KUBECONFIG", &cluster.kubeconfig)
            .env("POD_NAME", identity)
            .env("TEMPER_RUNNER_IMAGE", &cluster.runner_image)
            // A clock that is wrong, not one that runs otherwise.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("TEMPER_LOG", "info,temper_operator=debug")
            .envs(variables.iter().filter_map(|variable| variable.split_once('=')))
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(copy)
            .spawn()
            .unwrap_or_else(|error| panic!("setpriv: {error}"));
        Self { child, log }
    }

    /// What it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it has said this.
    pub fn says(&self, text: &str) {
        let deadline = Instant::now() + LONG;
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "the operator never said {text:?}:\n{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Status and body of its answer at `/health`, `/ready` or `/metrics`; `None` where there is none.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        // It was given no port, and says which it took: one that was started again, the last.
        let log = self.log();
        let told = log.lines().rfind(|line| line.contains("serves /health"))?;
        let (_, port) = told.split_once("127.0.0.1:")?;
        let port: String = port.chars().take_while(char::is_ascii_digit).collect();
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).ok()?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// A number among its metrics that has no label.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics")?;
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// SIGKILL: it has no time for anything.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, as a kubelet sends it.
    pub fn ask_to_end(&self) {
        crate::succeed(Command::new("kill").args(["-TERM", &self.child.id().to_string()]));
    }

    /// Stops it in the middle of whatever it does, as a machine that hangs; or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        crate::succeed(Command::new("kill").args([signal, &self.child.id().to_string()]));
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Its end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LONG;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return status,
                _ => assert!(Instant::now() < deadline, "the operator does not end:\n{}", self.log()),
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.kill();
        let stuck = self.log().contains("a trial was overlooked");
        assert!(!stuck || thread::panicking(), "trials were stuck for a while:\n{}", self.log());
    }
}
