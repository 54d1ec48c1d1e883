//! Commands for a job on a cluster that cannot be reached.

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use common::{PROGRAM, Run, run};

/// A kubeconfig with two contexts; nobody listens where they lead.
const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
current-context: research
clusters: [{name: here, cluster: {server: 'http://127.0.0.1:9'}}]
users: [{name: me, user: {}}]
contexts:
- {name: research, context: {cluster: here, user: me, namespace: team}}
- {name: production, context: {cluster: here, user: me}}
";

fn temper(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).args(arguments).env("KUBECONFIG", folder.join("config")).env("HOME", folder);
    run(&mut command)
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("config"), KUBECONFIG).expect("written");
    folder
}

#[test]
fn a_cluster_that_does_not_answer_is_named() {
    let folder = folder();
    let commands: [&[&str]; 6] = [
        &["best", "fashion"],
        &["trials", "-n", "team"],
        &["top", "-A"],
        &["logs", "fashion", "3"],
        &["suspend", "fashion"],
        &["plot", "--context", "production"],
    ];
    for arguments in commands {
        let run = temper(folder.path(), arguments);
        assert_eq!(run.code, 1, "{arguments:?}: {}", run.stderr);
        let said = "error: cannot reach the cluster at http://127.0.0.1:9: Connection refused";
        assert!(run.stderr.starts_with(said), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains("hint: "), "{}", run.stderr);
    }
}

#[test]
fn without_a_job_s_name_it_is_one_on_this_machine() {
    let folder = folder();
    let run = temper(folder.path(), &["best"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("there is no job in ./.temper"), "{}", run.stderr);
    // As a kubectl plugin it is one on the cluster.
    let plugin = folder.path().join("kubectl-temper");
    std::os::unix::fs::symlink(PROGRAM, &plugin).expect("a link");
    let mut command = Command::new(plugin);
    let run = common::run(command.arg("best").env("KUBECONFIG", folder.path().join("config")));
    assert!(run.stderr.contains("cannot reach the cluster"), "{}", run.stderr);
}

#[test]
fn a_context_that_is_not_there_gets_the_nearest_name() {
    let folder = folder();
    let run = temper(folder.path(), &["best", "fashion", "--context", "prodution"]);
    assert_eq!(run.code, 2);
    let said = "the kubeconfig has no context \"prodution\"; did you mean \"production\"?";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    assert!(run.stderr.contains("it has research, production"), "{}", run.stderr);
}

#[test]
fn a_kubeconfig_that_is_not_there_is_named() {
    let folder = folder();
    let run = temper(folder.path(), &["best", "fashion", "--kubeconfig", "nowhere"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("cannot read nowhere"), "{}", run.stderr);
    fs::remove_file(folder.path().join("config")).expect("removed");
    let run = temper(folder.path(), &["best", "fashion"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("there is no cluster to talk to"), "{}", run.stderr);
    assert!(run.stderr.contains("--kubeconfig FILE"), "{}", run.stderr);
}

#[test]
fn a_job_is_either_here_or_there() {
    let folder = folder();
    let run = temper(folder.path(), &["best", "fashion", "--store", ".temper/fashion"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("cannot be used with"), "{}", run.stderr);
    let run = temper(folder.path(), &["best", ".temper/fashion"]);
    assert!(run.stderr.contains("hint: a job on this machine: --store .temper/fashion"), "{}", run.stderr);
}

#[test]
fn an_operator_whose_cluster_does_not_answer_says_so_in_the_form_that_is_asked_for() {
    let folder = folder();
    let said = |form: &str| {
        let mut operator = Command::new(PROGRAM)
            .args(["operator", "--listen", "127.0.0.1:0", "--runner-image", "none", "--log-format", form])
            .env("KUBECONFIG", folder.path().join("config"))
            .env("HOME", folder.path())
            .env_remove("TEMPER_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // It tries again for ever.
        let lines = BufReader::new(operator.stderr.take().expect("a pipe")).lines();
        let said: Vec<String> = lines.take(3).map(|line| line.expect("utf-8")).collect();
        operator.kill().expect("killed");
        operator.wait().expect("ended");
        said
    };
    for line in said("json") {
        let line: serde_json::Value = serde_json::from_str(&line).expect(&line);
        for field in ["level", "message", "target", "timestamp"] {
            assert!(line[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {line}");
        }
    }
    let text = said("text").join("\n");
    assert!(text.contains(" WARN ") && text.contains("cannot reach the API server yet"), "{text}");
    assert!(!text.contains('\u{1b}'), "a file is no place for colours: {text}");
}
