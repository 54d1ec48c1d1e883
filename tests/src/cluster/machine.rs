//! The cluster itself.

use std::{
    env,
    fmt::Write as _,
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use super::rights::Rights;
use crate::{root, succeed};

/// A cluster with Temper's definitions in it, and no operator.
#[derive(Debug)]
pub struct Cluster {
    pub(super) kubeconfig: PathBuf,
    /// Its folder, where it is one of `tests/cluster`: then it can be broken.
    dir: Option<PathBuf>,
    pub(super) image: String,
    pub(super) runner_image: String,
    pub(super) rights: Rights,
    /// Ends it when this program has ended.
    _guard: Option<Child>,
}

static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
/// How often its API server was stopped.
static STOPS: AtomicU32 = AtomicU32::new(0);

impl Cluster {
    /// The one that all tests of this program share. `None`, and it was said why, where there can be none.
    pub(super) fn shared(nodes: u32) -> Option<&'static Self> {
        let shared = SHARED.get_or_init(|| match Self::start(nodes) {
            Ok(cluster) => Some(cluster),
            Err(missing) => {
                assert!(env::var_os("TEMPER_REQUIRE_CLUSTER").is_none(), "no cluster: {missing}");
                None
            }
        });
        if shared.is_none() {
            // The tests' output is shown for those that fail only, and nothing has.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: it needs a cluster, and none can be started here (TEMPER_REQUIRE_CLUSTER=1 says why)"
            );
        }
        shared.as_ref()
    }

    /// The one that is given, or a new one.
    fn start(nodes: u32) -> Result<Self, String> {
        let image = env::var("TEMPER_TEST_IMAGE").unwrap_or_else(|_| "busybox:1".to_owned());
        let runner_image =
            env::var("TEMPER_TEST_RUNNER_IMAGE").unwrap_or_else(|_| "temper.test/runner:dev".to_owned());
        let cluster = if let Some(kubeconfig) = env::var_os("TEMPER_TEST_KUBECONFIG") {
            let dir = env::var_os("TEMPER_TEST_CLUSTER_DIR").map(PathBuf::from);
            let (kubeconfig, rights) = (kubeconfig.into(), Rights::render());
            Self { kubeconfig, dir, image, runner_image, rights, _guard: None }
        } else {
            let missing = missing();
            if !missing.is_empty() {
                return Err(missing);
            }
            let program = env::current_exe().ok();
            let name = program.as_ref().and_then(|path| path.file_stem()?.to_str()).unwrap_or("tests");
            // Without the hash that cargo puts behind it.
            let name = name.rsplit_once('-').map_or(name, |(name, _)| name);
            let dir = root().join("target/cluster/tests").join(name);
            let guard = guard(&dir);
            let up = succeed(script(&dir).args(["up", "--nodes", &nodes.to_string()]));
            let kubeconfig = String::from_utf8_lossy(&up.stdout).trim().into();
            let runner = dir.join("runner.tar");
            let agent = format!("{}:/temper-runner", static_runner().display());
            succeed(
                script(&dir)
                    .args(["make-image", &runner_image, &agent, "--user", "65532", "--out"])
                    .arg(&runner),
            );
            let busybox = root().join("target/cluster/bin/busybox.tar");
            succeed(script(&dir).arg("load-image").arg(&runner).arg(busybox));
            let (dir, guard, rights) = (Some(dir), Some(guard), Rights::render());
            Self { kubeconfig, dir, image, runner_image, rights, _guard: guard }
        };
        cluster.define();
        Ok(cluster)
    }

    /// The definitions. What an operator may do is made with its namespace.
    fn define(&self) {
        self.must(&["apply", "--server-side", "--force-conflicts", "-f", "crds/manifests"]);
        for name in ["tuningjobs", "trials", "trialhistories"] {
            let definition = format!("crd/{name}.temper.rs");
            self.must(&["wait", "--for=condition=Established", &definition, "--timeout=30s"]);
        }
    }

    /// What leads to it, as administrator.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// `kubectl`, as administrator.
    pub fn kubectl(&self, arguments: &[&str]) -> Command {
        let built = root().join("target/cluster/bin/kubectl");
        let mut command = Command::new(if built.exists() { built } else { "kubectl".into() });
        command.env("KUBECONFIG", &self.kubeconfig).current_dir(root()).args(arguments);
        command
    }

    /// What `kubectl` printed, which must do well.
    pub fn must(&self, arguments: &[&str]) -> String {
        String::from_utf8_lossy(&succeed(&mut self.kubectl(arguments)).stdout).into_owned()
    }

    /// The same, with something to read.
    pub fn must_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let output = feed(&mut self.kubectl(arguments), input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A command of `tests/cluster/cluster`, which must do well; one at a time.
    pub fn fault(&self, arguments: &[&str]) -> String {
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        if arguments.contains(&"stop-apiserver") {
            STOPS.fetch_add(1, Ordering::Relaxed);
        }
        let dir = self.dir.as_ref().unwrap_or_else(|| {
            panic!("TEMPER_TEST_CLUSTER_DIR names the folder of a cluster that may be broken")
        });
        String::from_utf8_lossy(&succeed(script(dir).args(arguments)).stdout).into_owned()
    }

    /// Requests to make a pod in a namespace that the API server has refused, by its audit log; `None` where that cannot
    /// be read.
    pub fn refused_pods(&self, namespace: &str) -> Option<usize> {
        let log = fs::read_to_string(self.dir.as_ref()?.join("audit.log")).ok()?;
        let of_pods = format!("\"objectRef\":{{\"resource\":\"pods\",\"namespace\":\"{namespace}\"");
        let is_refused = |line: &&str| {
            line.contains(&of_pods) && line.contains("\"verb\":\"create\"") && !line.contains("\"code\":2")
        };
        Some(log.lines().filter(is_refused).count())
    }

    /// How often its API server was stopped. One that has just started refuses all for which it has not read the roles.
    pub(super) fn stops() -> u32 {
        STOPS.load(Ordering::Relaxed)
    }

    /// How long its audit log is; nothing where that cannot be read.
    pub(super) fn audited(&self) -> u64 {
        let log = self.dir.as_ref().and_then(|dir| fs::metadata(dir.join("audit.log")).ok());
        log.map_or(0, |log| log.len())
    }

    /// What a user had no right to ask for, by the lines of the audit log from that place on.
    pub(super) fn forbidden(&self, user: &str, since: u64) -> Vec<String> {
        let mut read = Vec::new();
        let log = self.dir.as_ref().and_then(|dir| File::open(dir.join("audit.log")).ok());
        let Some(mut log) = log.filter(|log| (&*log).seek(SeekFrom::Start(since)).is_ok()) else {
            return Vec::new();
        };
        // What is there by now.
        let _ = log.read_to_end(&mut read);
        let of_user = format!("\"user\":{{\"username\":\"{user}\"");
        let is_forbidden = |line: &&str| {
            line.contains(&of_user) && line.contains("\"authorization.k8s.io/decision\":\"forbid\"")
        };
        String::from_utf8_lossy(&read).lines().filter(is_forbidden).map(str::to_owned).collect()
    }

    /// Whether it can be broken on purpose.
    pub fn is_breakable(&self) -> bool {
        self.dir.is_some()
    }
}

fn script(dir: &Path) -> Command {
    let mut command = Command::new(root().join("tests/cluster/cluster"));
    command.arg("--dir").arg(dir).current_dir(root());
    command
}

/// The agent for pods: of `scripts/static.sh runner`, or what `TEMPER_STATIC_RUNNER` names.
fn static_runner() -> PathBuf {
    env::var_os("TEMPER_STATIC_RUNNER").map_or_else(
        || {
            let target = format!("{}-unknown-linux-gnu", env::consts::ARCH);
            root().join("target").join(target).join("release/temper-runner")
        },
        PathBuf::from,
    )
}

/// What is not there that a cluster needs; empty when all is there.
fn missing() -> String {
    let mut missing = String::new();
    let user = Command::new("id").arg("-u").output();
    if !user.is_ok_and(|user| user.stdout.trim_ascii() == b"0") {
        missing.push_str("the tests do not run as root, as a cluster on this machine must; ");
    }
    for (path, remedy) in [
        (root().join("target/cluster/bin/temper-k8s"), "make cluster-build"),
        (root().join("target/cluster/bin/containerd"), "make cluster-build"),
        (root().join("target/cluster/bin/busybox.tar"), "make cluster-build"),
        (root().join("target/cluster/bin/helm"), "make cluster-build"),
        (static_runner(), "scripts/static.sh runner"),
    ] {
        if !path.exists() {
            let _ = write!(missing, "{} is not there (run `{remedy}`); ", path.display());
        }
    }
    missing
}

/// Waits for the end of its standard input, and so of this program, and takes the cluster down.
fn guard(dir: &Path) -> Child {
    use std::os::unix::process::CommandExt as _;
    let _ = fs::create_dir_all(dir);
    let cluster = root().join("tests/cluster/cluster");
    Command::new("sh")
        .args(["-c", "cat >/dev/null; exec \"$0\" --dir \"$1\" down"])
        .arg(cluster)
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C is for the tests; the guard lives on until they are gone.
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("sh: {error}"))
}

pub(super) fn feed(command: &mut Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    if let Some(mut stdin) = child.stdin.take() {
        // It may say what is wrong before it has read everything.
        let _ = stdin.write_all(input);
    }
    child.wait_with_output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// How long anything may take on a busy machine.
pub(super) const LONG: Duration = Duration::from_mins(2);
