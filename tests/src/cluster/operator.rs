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

use super::{Cluster, machine::LONG, rights, world::World};
use crate::temper;

/// A running operator; it is killed with the value.
#[derive(Debug)]
pub struct Operator {
    child: Child,
    log: PathBuf,
    cluster: &'static Cluster,
    /// As the API server calls it.
    user: String,
    begins: Begins,
    /// It was given a user of the test's own.
    is_another: bool,
}

/// What there was when it began.
#[derive(Debug)]
struct Begins {
    /// Bytes of its log, and of the audit log.
    said: usize,
    audited: u64,
    stops: u32,
}

impl Operator {
    /// One for the world's namespace alone, called `identity` among those that want to lead there; its clock is
    /// `ahead` of everybody's. Options win over those that it has anyway; those of the form `NAME=VALUE` are variables.
    pub(super) fn start(world: &World, identity: &str, ahead: Duration, options: &[&str]) -> Self {
        let (cluster, namespace) = (world.cluster(), world.namespace());
        let log = world.folder().join(format!("{identity}.log"));
        let file = File::options().create(true).append(true).open(&log);
        let file = file.unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let copy = file.try_clone().unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let said = fs::read(&log).map_or(0, |said| said.len());
        let begins = Begins { said, audited: cluster.audited(), stops: Cluster::stops() };
        let program = temper(&[]).get_program().to_owned();
        let skew = format!("+{}s", ahead.as_secs());
        let is_variable = |option: &&str| option.contains('=') && !option.starts_with('-');
        let (variables, options): (Vec<&str>, Vec<&str>) = options.iter().copied().partition(is_variable);
        let is_another = variables.iter().any(|variable| variable.starts_with("KUBECONFIG="));
        // It does not outlive the tests, however they end.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .args(if ahead.is_zero() { Vec::new() } else { vec!["faketime".into(), "-f".into(), skew] })
            .arg(program)
            .args(["operator", "--listen", "127.0.0.1:0"])
            .args(options)
            .args(["--namespaces", namespace, "--lease-namespace", namespace])
            .env("KUBECONFIG", world.operators_kubeconfig())
            .env("TEMPER_LEASE_NAME", rights::operator_name(namespace))
            .env("TEMPER_TRIAL_CLUSTER_ROLE", rights::trial_role(namespace))
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
        Self { child, log, cluster, user: rights::user(namespace), begins, is_another }
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

    /// What it asked for without a right to, as it said itself and as the API server noted.
    fn missing_rights(&self) -> Vec<String> {
        let Begins { said, audited, stops } = self.begins;
        if self.is_another || stops != Cluster::stops() {
            return Vec::new();
        }
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(log.get(said..).unwrap_or_default()).into_owned();
        let told = log.lines().filter(|line| rights::tells_of_a_missing_right(line)).map(str::to_owned);
        told.chain(self.cluster.forbidden(&self.user, audited)).collect()
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
        if thread::panicking() {
            return;
        }
        assert!(
            !self.log().contains("a trial was overlooked"),
            "trials were stuck for a while:\n{}",
            self.log()
        );
        let missing = self.missing_rights();
        assert!(missing.is_empty(), "the chart does not give it these rights:\n{}", missing.join("\n"));
    }
}
