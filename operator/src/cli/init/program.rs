//! The command that is to be tuned: its words, its script, what its text and its `--help` say.

use std::{
    fs,
    io::Read,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};

use super::{
    flag::Flag,
    help_text,
    metric::{self, Seen},
    python,
};
use crate::cli::Failure;

/// A script longer than this is data.
const LONGEST_SCRIPT: u64 = 4 << 20;
/// How long a program may take to print its help; some import whole frameworks first.
const PATIENCE: Duration = Duration::from_mins(1);

/// The command that is to be tuned.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// Its words, the program first.
    pub(super) command: Vec<String>,
    /// The flags it takes, as far as its text says.
    pub(super) flags: Vec<Flag>,
    /// What its text says of metrics.
    pub(super) seen: Seen,
}

impl Program {
    /// Reads the script that a command runs; it is not run.
    ///
    /// # Errors
    /// When the command is nothing but a file that is not there, or one that cannot be read.
    pub(super) fn of(mut command: Vec<String>) -> Result<Self, Failure> {
        let script = command.iter().find(|word| Path::new(word).is_file()).cloned();
        if script.is_none() && command.len() == 1 && (command[0].contains('/') || command[0].contains('.')) {
            let error = anyhow!("there is no file {}", command[0]);
            return Err(
                Failure::wrong_input(error).hint("give the command as you would type it in this folder")
            );
        }
        let source = script.as_deref().map(read_script).transpose()?.flatten().unwrap_or_default();
        let is_python = script.as_deref().is_some_and(|script| extension(script) == Some("py"))
            || source.lines().next().is_some_and(|first| first.starts_with("#!") && first.contains("python"));
        if command.len() == 1 || command[1].starts_with('-') {
            match extension(&command[0]) {
                Some("py") => command.insert(0, "python3".to_owned()),
                Some("sh") => command.insert(0, "sh".to_owned()),
                _ if script.as_ref() == Some(&command[0]) && !command[0].contains('/') => {
                    command[0] = format!("./{}", command[0]);
                }
                _ => {}
            }
        }
        let flags = if is_python { python::flags(&source) } else { Vec::new() };
        Ok(Self { command, flags, seen: metric::look(&source) })
    }

    /// Runs the command with `--help`.
    ///
    /// # Errors
    /// When it cannot be started, does not end, or lists no flags.
    pub(super) fn flags_from_help(&self) -> Result<Vec<Flag>, Failure> {
        let line = format!("{} --help", self.command.join(" "));
        let output = help_of(&self.command).with_context(|| format!("cannot run {line}"))?;
        let flags = help_text::flags(&output);
        if flags.is_empty() {
            let shown = output.lines().take(5).collect::<Vec<_>>().join("\n  ");
            let error = anyhow!("{line} lists no flags; it prints\n  {shown}");
            return Err(Failure::wrong_input(error).hint("say what to search: --param lr=1e-5..1e-1:log"));
        }
        Ok(flags)
    }

    /// A name for the job, from the script's.
    pub(super) fn job_name(&self) -> String {
        let is_interpreter = |word: &&String| {
            let name = Path::new(word).file_name().and_then(|name| name.to_str()).unwrap_or_default();
            word.starts_with('-')
                || ["python", "sh", "bash", "torchrun", "uv", "env"].iter().any(|i| name.starts_with(i))
        };
        let word = self.command.iter().find(|word| !is_interpreter(word)).unwrap_or(&self.command[0]);
        let stem = Path::new(word).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let name: String = stem
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(52)
            .collect();
        let name = name.trim_matches('-').to_owned();
        if name.is_empty() { "tuning".to_owned() } else { name }
    }

    /// Whether the command sets this flag.
    pub(super) fn sets(&self, flag: &str) -> bool {
        self.command.iter().any(|word| word.split('=').next() == Some(flag))
    }
}

fn extension(word: &str) -> Option<&str> {
    Path::new(word).extension().and_then(|extension| extension.to_str())
}

/// The text of a script; `None` for a program that is no text.
fn read_script(path: &str) -> Result<Option<String>, Failure> {
    let cannot_read = || format!("cannot read {path}");
    let size = fs::metadata(path).with_context(cannot_read)?.len();
    if size > LONGEST_SCRIPT {
        return Ok(None);
    }
    Ok(String::from_utf8(fs::read(path).with_context(cannot_read)?).ok())
}

/// What the command prints with `--help`, on stdout or else on stderr.
fn help_of(command: &[String]) -> anyhow::Result<String> {
    let (program, arguments) = command.split_first().context("there is no command")?;
    let mut child = Command::new(program)
        .args(arguments)
        .arg("--help")
        // Wide, so that lines are not broken.
        .env("COLUMNS", "200")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let reader = |pipe: Option<Box<dyn Read + Send>>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read until an error is what there is.
            let _ = pipe.map(|pipe| pipe.take(LONGEST_SCRIPT).read_to_end(&mut bytes));
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = reader(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let stderr = reader(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let begin = Instant::now();
    while child.try_wait()?.is_none() {
        if begin.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Err(anyhow!("it did not end within {} seconds", PATIENCE.as_secs()));
        }
        thread::sleep(Duration::from_millis(5));
    }
    let text = |reader: thread::JoinHandle<String>| reader.join().unwrap_or_default();
    let (stdout, stderr) = (text(stdout), text(stderr));
    Ok(if stdout.trim().is_empty() { stderr } else { stdout })
}
