//! A real S3 server (versitygw) for tests.

use std::{
    env, fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// The one bucket there is.
pub(crate) const BUCKET: &str = "models";
const USER: &str = "tester";
const PASSWORD: &str = "tester-secret";

/// A server with an empty bucket; ends with the value.
pub(crate) struct S3 {
    folder: TempDir,
    program: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl S3 {
    /// `None`, after it was said, where the server is not built. With `TEMPER_REQUIRE_S3` in the environment that is a
    /// failure.
    pub(crate) fn start() -> Option<Self> {
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/cluster/bin/versitygw");
        let program = env::var_os("TEMPER_VERSITYGW").map_or(built, PathBuf::from);
        if !program.exists() {
            let problem = format!("there is no S3 server at {}: make cluster-build", program.display());
            assert!(env::var_os("TEMPER_REQUIRE_S3").is_none(), "{problem}");
            eprintln!("skipped: {problem}");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        for part in [&format!("data/{BUCKET}"), "beside"] {
            fs::create_dir_all(folder.path().join(part)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { folder, program, port, process: None };
        server.resume();
        Some(server)
    }

    /// What reaches it and is let in.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ACCESS_KEY_ID", USER.into()),
            ("AWS_SECRET_ACCESS_KEY", PASSWORD.into()),
        ]
    }

    /// The file that an object is.
    pub(crate) fn object(&self, key: &str) -> PathBuf {
        self.folder.path().join("data").join(BUCKET).join(key)
    }

    /// The names below a key, sorted.
    pub(crate) fn names(&self, key: &str) -> Vec<String> {
        let entries = fs::read_dir(self.object(key)).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Ends it as a power cut would.
    pub(crate) fn interrupt(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it again, with all that it had.
    pub(crate) fn resume(&mut self) {
        let process = Command::new(&self.program)
            .env_clear()
            .envs([("ROOT_ACCESS_KEY", USER), ("ROOT_SECRET_KEY", PASSWORD)])
            .args(["--port", &format!("127.0.0.1:{}", self.port), "--quiet", "posix", "--sidecar"])
            .args([self.folder.path().join("beside"), self.folder.path().join("data")])
            .stdout(Stdio::null())
            .spawn();
        self.process = Some(process.unwrap());
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "the S3 server does not start");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.interrupt();
    }
}
