//! The `temper` command as a shell sees it: output, errors and exit codes.

mod common;

use std::time::{Duration, Instant};

use common::temper;

#[test]
fn help_shows_the_commands_in_groups_and_examples() {
    let help = temper(&["--help"]).success();
    for part in ["Usage: temper", "Set up:", "completions", "Options:", "Examples:"] {
        assert!(help.stdout.contains(part), "{part:?} is missing from:\n{}", help.stdout);
    }
}

#[test]
fn without_a_command_it_shows_help_and_fails() {
    let run = temper(&[]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("Usage: temper"), "{}", run.stderr);
}

#[test]
fn a_misspelt_command_gets_the_nearest_name() {
    let run = temper(&["completion", "bash"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("'completions'"), "{}", run.stderr);
}

#[test]
fn colours_are_used_when_asked_for_and_only_then() {
    assert!(!temper(&["--help"]).success().stdout.contains('\u{1b}'));
    assert!(temper(&["--color", "always", "--help"]).success().stdout.contains('\u{1b}'));
    assert!(temper(&["--color=always", "nonsense"]).stderr.contains('\u{1b}'));
}

#[test]
fn installed_as_kubectl_temper_it_calls_itself_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let plugin = folder.path().join("kubectl-temper");
    std::fs::hard_link(common::PROGRAM, &plugin)
        .or_else(|_| std::fs::copy(common::PROGRAM, &plugin).map(drop))
        .expect("a copy of the program");
    let help = common::run(std::process::Command::new(&plugin).args(["man", "--help"])).success();
    assert!(help.stdout.contains("Usage: kubectl temper man"), "{}", help.stdout);
    assert!(help.stdout.contains("  kubectl temper man | man -l -"), "{}", help.stdout);
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(temper(&["completions", shell]).success().stdout.contains("temper"), "{shell}");
    }
}

#[test]
fn manual_pages_are_written_for_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("man1");
    temper(&["man", "--out", pages.to_str().expect("utf-8")]).success();
    let page = std::fs::read_to_string(pages.join("temper-completions.1")).expect("a page");
    assert!(page.starts_with(".ie") && page.contains(".SH SYNOPSIS"), "{page}");
    assert!(temper(&["man"]).success().stdout.contains(".TH temper 1"));
}

#[test]
fn what_cannot_be_written_is_said_with_its_cause() {
    let run = temper(&["man", "--out", "/dev/null/pages"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.starts_with("error: cannot create the folder /dev/null/pages"), "{}", run.stderr);
    assert!(run.stderr.contains("caused by: "), "{}", run.stderr);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let run = common::run(
        std::process::Command::new("sh")
            .args(["-c", &format!("{{ {} completions zsh; echo code $? >&2; }} | true", common::PROGRAM)]),
    );
    assert_eq!(run.stderr, "code 0\n");
}

#[test]
fn definitions_are_printed_written_and_checked_for_drift() {
    let printed = temper(&["crds"]).success().stdout;
    assert_eq!(printed.matches("kind: CustomResourceDefinition").count(), 3);
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().to_str().expect("utf-8");
    let missing = temper(&["crds", "--out", out, "--check"]);
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("tuningjobs.yaml is missing"), "{}", missing.stderr);
    temper(&["crds", "--out", out]).success();
    temper(&["crds", "--out", out, "--check"]).success();
    std::fs::write(folder.path().join("trials.yaml"), "kind: nothing\n").expect("written");
    let drifted = temper(&["crds", "--out", out, "--check"]);
    assert!(drifted.stderr.contains("trials.yaml differs"), "{}", drifted.stderr);
    assert!(!drifted.stderr.contains("tuningjobs.yaml"), "{}", drifted.stderr);
}

/// A release does both within ten milliseconds; a build for tests, with others beside it, may take thirty times that.
#[test]
fn it_starts_and_validates_at_once() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/fashion-mnist/job.yaml");
    for arguments in [&["--version"][..], &["validate", example]] {
        let once = |_| {
            let begun = Instant::now();
            temper(arguments).success();
            begun.elapsed()
        };
        let mut took: Vec<Duration> = (0..9).map(once).collect();
        took.sort();
        assert!(took[4] < Duration::from_millis(300), "{arguments:?} took {took:?}");
    }
}
