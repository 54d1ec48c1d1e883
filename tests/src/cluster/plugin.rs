//! `kubectl temper` in a test's namespace.

use std::{
    env,
    process::{Command, Output, Stdio},
};

use super::World;
use crate::temper;

impl World {
    fn plugin_command(&self, arguments: &[&str]) -> Command {
        let plugin = self.folder().join("kubectl-temper");
        if !plugin.exists() {
            let program = temper(&[]).get_program().to_owned();
            std::os::unix::fs::symlink(&program, &plugin).unwrap_or_else(|error| panic!("{error}"));
        }
        let folders = env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.folder().to_owned()).chain(env::split_paths(&folders));
        let folders = env::join_paths(folders).unwrap_or_else(|error| panic!("{error}"));
        // kubectl hands a plugin's arguments on from its name.
        let (command, rest) = arguments.split_at(1);
        let mut kubectl = self.cluster().kubectl(&["temper"]);
        kubectl.args(command).args(["--namespace", self.namespace()]).args(rest).env("PATH", folders);
        kubectl
    }

    /// `temper`, as a kubectl plugin, in this namespace; however it ends.
    pub fn plugin(&self, arguments: &[&str]) -> Output {
        let mut kubectl = self.plugin_command(arguments);
        kubectl.output().unwrap_or_else(|error| panic!("{kubectl:?}: {error}"))
    }

    /// What that shows on a terminal, which must do well.
    pub fn watches(&self, arguments: &[&str]) -> String {
        let kubectl = self.plugin_command(arguments);
        let words = std::iter::once(kubectl.get_program()).chain(kubectl.get_args());
        let line: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let line = format!("stty rows 24 cols 100; {}", line.join(" "));
        let mut terminal = Command::new("script");
        terminal.args(["--quiet", "--return", "--command", &line, "/dev/null"]).stdin(Stdio::null());
        for (name, value) in kubectl.get_envs() {
            value.map(|value| terminal.env(name, value));
        }
        let output = terminal.output().unwrap_or_else(|error| panic!("{terminal:?}: {error}"));
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{line}: {shown}");
        shown
    }

    /// What that printed, which must do well.
    pub fn looks(&self, arguments: &[&str]) -> String {
        let output = self.plugin(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl temper {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
