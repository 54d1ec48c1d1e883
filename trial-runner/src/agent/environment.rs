//! What a trial's command is given: its configuration as variables, in its arguments and as a file.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{expand::expand, process::Launch, protocol::Assignment};

/// Path of the file with the parameters as JSON; also the mark that a trial's processes are known by.
pub(super) const PARAMETERS: &str = "TEMPER_PARAMETERS";

/// The attempt's own folder and what lies in it. All paths are absolute.
pub(super) struct Folder {
    pub(super) dir: PathBuf,
    pub(super) parameters: PathBuf,
    pub(super) checkpoint: PathBuf,
}

impl Folder {
    /// Makes the folder, with an empty one for the checkpoint.
    ///
    /// # Errors
    /// When the file system does not allow it.
    pub(super) fn make(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let folder = Self::within(dir.canonicalize()?);
        if let Err(error) = fs::create_dir(&folder.checkpoint) {
            if error.kind() != io::ErrorKind::AlreadyExists {
                return Err(error);
            }
            // Of an earlier run of this attempt, which nobody has heard of.
            fs::remove_dir_all(&folder.checkpoint)?;
            fs::create_dir(&folder.checkpoint)?;
        }
        Ok(folder)
    }

    fn within(dir: PathBuf) -> Self {
        Self { parameters: dir.join("parameters.json"), checkpoint: dir.join("checkpoint"), dir }
    }
}

/// The variables that are set for a command, and what `$(NAME)` stands for.
///
/// As in a pod: the agent's own environment is inherited but is not what `$(NAME)` names.
pub(super) struct Environment {
    variables: Vec<(String, String)>,
    by_name: HashMap<String, usize>,
}

impl Environment {
    /// First the parameters and what Temper says, then the job's own variables, which may name those before them.
    pub(super) fn of(assignment: &Assignment, folder: &Folder) -> Self {
        let mut environment = Self { variables: Vec::new(), by_name: HashMap::new() };
        if std::env::var_os("PYTHONUNBUFFERED").is_none() {
            // Python holds back what it prints to a pipe; a report is of use while the trial runs.
            environment.set("PYTHONUNBUFFERED", "1".into());
        }
        for (name, value) in &assignment.parameters {
            environment.set(&format!("PARAM_{name}"), as_text(value));
        }
        let path = |path: &Path| path.to_string_lossy().into_owned();
        environment.set("TEMPER_JOB", assignment.job.clone());
        environment.set("TEMPER_TRIAL", assignment.trial.to_string());
        environment.set("TEMPER_ATTEMPT", assignment.attempt.to_string());
        environment.set("TEMPER_DIR", path(&folder.dir));
        environment.set("TEMPER_CHECKPOINT_DIR", path(&folder.checkpoint));
        environment.set(PARAMETERS, path(&folder.parameters));
        if let Some(run_to) = assignment.run_to {
            environment.set("TEMPER_RESOURCE_MAX", run_to.to_string());
        }
        for variable in &assignment.env {
            let value = environment.expand(&variable.value);
            environment.set(&variable.name, value);
        }
        environment
    }

    fn set(&mut self, name: &str, value: String) {
        if let Some(index) = self.by_name.get(name) {
            self.variables[*index].1 = value;
        } else {
            self.by_name.insert(name.to_owned(), self.variables.len());
            self.variables.push((name.to_owned(), value));
        }
    }

    /// Puts in what `$(NAME)` stands for.
    pub(super) fn expand(&self, text: &str) -> String {
        expand(text, |name| self.by_name.get(name).map(|index| self.variables[*index].1.as_str()))
    }

    /// The command, ready to start.
    pub(super) fn launch(self, command: &[String], working_dir: Option<PathBuf>) -> Launch {
        let command = command.iter().map(|argument| self.expand(argument)).collect();
        Launch { command, env: self.variables, working_dir }
    }
}

/// What the command of an assignment would be given: its variables, in their order, and its words. Nothing is made or
/// run.
pub fn preview(assignment: &Assignment) -> (Vec<(String, String)>, Vec<String>) {
    let environment = Environment::of(assignment, &Folder::within(assignment.dir.clone()));
    let command = assignment.command.iter().map(|argument| environment.expand(argument)).collect();
    (environment.variables, command)
}

/// Text as it is, everything else as JSON.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::agent::protocol::EnvVar;

    fn assignment(parameters: Value, env: &[(&str, &str)]) -> Assignment {
        let env =
            env.iter().map(|(name, value)| EnvVar { name: (*name).into(), value: (*value).into() }).collect();
        let Value::Object(parameters) = parameters else { panic!("not an object") };
        Assignment { env, parameters, run_to: Some(9), ..Assignment::default() }
    }

    fn value(environment: &Environment, name: &str) -> String {
        environment.expand(&format!("$({name})"))
    }

    fn environment(parameters: Value, env: &[(&str, &str)]) -> Environment {
        let folder = tempfile::tempdir().unwrap();
        Environment::of(&assignment(parameters, env), &Folder::make(folder.path()).unwrap())
    }

    #[test]
    fn parameters_become_text_as_a_flag_takes_it() {
        let environment =
            environment(json!({"lr": 0.01, "n": 3, "opt": "adam", "on": true, "net": [1, {"a": 2}]}), &[]);
        for (name, text) in
            [("lr", "0.01"), ("n", "3"), ("opt", "adam"), ("on", "true"), ("net", r#"[1,{"a":2}]"#)]
        {
            assert_eq!(value(&environment, &format!("PARAM_{name}")), text);
        }
        assert_eq!(value(&environment, "TEMPER_RESOURCE_MAX"), "9");
    }

    #[test]
    fn a_variable_sees_those_before_it_and_a_later_one_takes_its_place() {
        let environment = environment(
            json!({"lr": 1}),
            &[
                ("A", "lr=$(PARAM_lr)"),
                ("B", "$(A)/$(C)"),
                ("C", "late"),
                ("A", "$(A)!"),
                ("PATH_OF", "$(PATH)"),
            ],
        );
        assert_eq!(value(&environment, "B"), "lr=1/$(C)");
        assert_eq!(value(&environment, "A"), "lr=1!");
        assert_eq!(value(&environment, "PATH_OF"), "$(PATH)", "what is inherited is not expanded");
    }

    #[test]
    fn the_checkpoint_folder_is_empty_even_when_the_attempt_was_begun_before() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::make(dir.path()).unwrap();
        fs::write(folder.checkpoint.join("model"), "torn").unwrap();
        let folder = Folder::make(dir.path()).unwrap();
        assert_eq!(fs::read_dir(folder.checkpoint).unwrap().count(), 0);
    }
}
