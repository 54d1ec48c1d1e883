//! `temper-runner exec`.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::harness::{BINARY, alive, until};

fn exec(arguments: &[&str]) -> Output {
    Command::new(BINARY).arg("exec").args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn output_is_passed_through_and_what_was_read_is_shown() {
    let script = r#"for i in 1 2; do echo "epoch=$i accuracy=0.$i lr=$PARAM_lr"; done; echo note >&2"#;
    let output = exec(&[
        "--metric",
        "accuracy",
        "--format",
        "KeyValue",
        "--resource",
        "epoch",
        "--param",
        "lr=0.1",
        "--",
        "sh",
        "-c",
        script,
    ]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "epoch=1 accuracy=0.1 lr=0.1\nepoch=2 accuracy=0.2 lr=0.1\n");
    let shown = text(&output.stderr);
    assert!(shown.starts_with("note\n"), "{shown}");
    assert!(shown.contains("epoch  accuracy   lr\n    1       0.1  0.1\n    2       0.2  0.1\n"), "{shown}");
    assert!(shown.contains("2 reports in ") && shown.ends_with("succeeded\n"), "{shown}");
}

#[test]
fn json_is_for_a_program() {
    let output = exec(&["-m", "accuracy", "-o", "json", "--", "echo", r#"{"accuracy": 0.5}"#]);
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["reports"][0]["metrics"]["accuracy"], 0.5);
    assert_eq!(shown["ended"]["outcome"]["is"], "succeeded");
    assert_eq!(text(&output.stderr), "{\"accuracy\": 0.5}\n");
}

#[test]
fn the_exit_code_says_how_it_went() {
    let output = exec(&["-m", "accuracy", "--", "true"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr)
            .contains("failed (NoMetric): the command ended with exit code 0 and never reported accuracy")
    );
    for wrong in [
        &["--", "true"][..],
        &["-m", "accuracy"],
        &["-m", "accuracy", "--format", "XML", "--", "true"],
        &["-m", "accuracy", "--format", "Regex", "--pattern", "(", "--", "true"],
        &["-m", "accuracy", "--run-to", "0", "--", "true"],
        &["-m", "accuracy", "--param", "lr", "--", "true"],
        &["-m", "accuracy", "--grace", "-1", "--", "true"],
    ] {
        assert_eq!(exec(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_run_can_be_limited_and_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("checkpoints");
    let script = r#"i=$(cat $TEMPER_CHECKPOINT_DIR/n || echo 0); while :; do i=$((i+1)); echo "{\"epoch\": $i, \"accuracy\": 0.5}"; echo $i > $TEMPER_CHECKPOINT_DIR/n; sleep 1; done"#;
    let common = ["-m", "accuracy", "--resource", "epoch", "--checkpoints", place.to_str().unwrap()];
    let output = exec(&[&common[..], &["--run-to", "1", "--", "sh", "-c", script]].concat());
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stderr).contains("temper-runner: checkpoint at 1: file://"),
        "{}",
        text(&output.stderr)
    );
    let checkpoint = place.join("0/1-1-1");
    let resume = ["--resume", checkpoint.to_str().unwrap(), "--run-to", "2", "--", "sh", "-c", script];
    let output = exec(&[&common[..], &resume].concat());
    assert!(text(&output.stdout).starts_with("{\"epoch\": 2,"), "{}", text(&output.stdout));
}

#[test]
fn an_interruption_stops_the_command_and_a_second_one_kills_it() {
    for (script, times) in
        [("echo ready; sleep 60", 1), ("trap '' TERM; echo ready; while :; do sleep 1; done", 2)]
    {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().to_str().unwrap();
        // Tests that are run in the background of a script inherit that Ctrl-C is ignored.
        let mut process = Command::new("env")
            .args(["--default-signal=INT", BINARY])
            .args(["exec", "-m", "accuracy", "--dir", dir, "--", "sh", "-c", script])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("the command runs", || {
            std::fs::read(folder.path().join("stdout.log")).is_ok_and(|log| log == b"ready\n")
        });
        for _ in 0..times {
            assert!(
                Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap().success()
            );
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert_eq!(process.wait().unwrap().code(), Some(130));
        assert_eq!(alive(folder.path()), [] as [String; 0]);
    }
}
