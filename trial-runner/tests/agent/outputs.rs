//! Outputs of any size and content.

use std::{fs, os::unix::fs::symlink};

use temper_runner::agent::protocol::{FailureReason, Order, Outcome};

use crate::harness::{Agent, Trial};

/// How much an agent may need for a trial's output, in bytes, on top of what it needs to start
/// (which is most where libtorch is linked in).
const OUTPUT_MEMORY: u64 = 16 << 20;

/// The most memory that the agent has used, in bytes.
fn peak_memory(agent: &Agent) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn memory_of_a_small_trial(agent: &mut Agent) -> u64 {
    let small = Trial::of("echo '{\"accuracy\": 1}'");
    agent.assign(&small.assignment);
    agent.story();
    agent.order(&[Order::Ack]);
    peak_memory(agent)
}

#[test]
fn a_gigabyte_of_output_is_read_in_bounded_memory_and_a_bounded_log() {
    let line = "x".repeat(1000);
    let trial = Trial::of(&format!("yes {line} | head -c 1G; echo; echo '{{\"accuracy\": 1}}'"));
    let mut agent = Agent::start();
    let idle = memory_of_a_small_trial(&mut agent);
    agent.assign(&trial.assignment);
    let story = agent.story();
    assert_eq!((story.accuracy(), story.ended.outcome), (vec![(1, 1.0)], Outcome::Succeeded));
    let grown = peak_memory(&agent) - idle;
    assert!(grown < OUTPUT_MEMORY, "{grown} bytes");
    let log = trial.log("stdout.log");
    assert!(log.len() > 64 << 20 && log.len() < 65 << 20, "{} bytes", log.len());
    assert!(log.ends_with(b"xxx\n{\"accuracy\": 1}\n"));
    let notice = b"bytes are left out here]";
    assert!(log.windows(notice.len()).any(|part| part == notice));
    agent.order(&[Order::Ack]);
}

#[test]
fn lines_without_end_and_binary_output_are_passed_over() {
    let trial = Trial::of(
        "head -c 30M /dev/zero; head -c 30M /dev/urandom; echo; echo '{\"accuracy\": 1}'; head -c 1M /dev/urandom >&2",
    );
    let mut agent = Agent::start();
    let idle = memory_of_a_small_trial(&mut agent);
    agent.assign(&trial.assignment);
    let story = agent.story();
    assert_eq!((story.accuracy(), story.ended.outcome), (vec![(1, 1.0)], Outcome::Succeeded));
    let grown = peak_memory(&agent) - idle;
    assert!(grown < OUTPUT_MEMORY, "{grown} bytes");
    agent.order(&[Order::Ack]);
}

#[test]
fn a_binary_stderr_can_be_quoted() {
    let (reason, message) = Trial::of("head -c 100k /dev/urandom >&2; exit 1").failure();
    assert_eq!(reason, FailureReason::ExitCode);
    assert!(message.len() < 20_000);
}

#[test]
fn a_full_disk_costs_the_log_and_not_the_trial() {
    let trial = Trial::of("echo log; echo '{\"accuracy\": 1}'; echo more");
    fs::create_dir(&trial.assignment.dir).unwrap();
    symlink("/dev/full", trial.assignment.dir.join("stdout.log")).unwrap();
    let story = trial.run();
    assert_eq!((&story.ended.outcome, story.accuracy()), (&Outcome::Succeeded, vec![(1, 1.0)]));
    assert!(
        matches!(&story.warnings[..], [warning] if warning.contains("stdout.log: No space left on device")),
        "{:?}",
        story.warnings
    );
}

#[test]
fn progress_bars_and_windows_line_ends_are_lines() {
    let trial = Trial::of(
        r"printf 'epoch 1: 10%%\repoch 1: 99%%\r{\x22accuracy\x22: 1}\r\n{\x22accuracy\x22: 2}'"
            .replace("\\x22", "\"")
            .as_str(),
    );
    assert_eq!(trial.run().accuracy(), [(1, 1.0), (2, 2.0)]);
}
