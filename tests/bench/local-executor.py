#!/usr/bin/env python3
"""How many trials a second the local executor runs when a trial costs nothing, and what it costs itself.

Usage: tests/bench/local-executor.py [TRIALS] (default 10000), after `cargo build --release -p temper-operator`.
Prints the rate over every tenth of the trials, which is level if the cost of a trial does not grow with those that
have finished, and the executor's resident memory at its largest.
"""

import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

JOB = """
apiVersion: temper.rs/v1alpha1
kind: TuningJob
metadata: {{name: bench}}
spec:
  objectives: [{{metric: a, goal: maximize}}]
  parameters: [{{name: x, type: float, min: 0, max: 1}}]
  search: {{algorithm: Random}}
  budget: {{maxTrials: {trials}, parallelism: 2, maxFailedTrials: {trials}}}
  trial: {{template: {{spec: {{containers: [{{name: trial, command: ["true"]}}]}}}}}}
"""
ENDS = "SELECT at FROM event WHERE body ->> '$.saw' = 'ended' ORDER BY seq"


def resident(pid):
    """The largest resident memory of a process so far, in MB; 0 once it has ended."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0)


def main():
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    temper = pathlib.Path(__file__).resolve().parents[2] / "target/release/temper"
    with tempfile.TemporaryDirectory(dir=".") as folder:
        job = pathlib.Path(folder) / "job.yaml"
        job.write_text(JOB.format(trials=trials))
        command = [temper, "run", job, "--store", f"{folder}/store", "--progress", "none"]
        begun = time.monotonic()
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        memory = 0
        while run.poll() is None:
            memory = max(memory, resident(run.pid))
            time.sleep(0.1)
        seconds = time.monotonic() - begun
        ends = [row[0] for row in sqlite3.connect(f"{folder}/store/store.db").execute(ENDS)]
    assert len(ends) == trials, f"{len(ends)} of {trials} trials ended"
    step = max(trials // 10, 1)
    for first in range(0, trials - step, step):
        rate = step / max((ends[first + step] - ends[first]) / 1000, 1e-3)
        print(f"trials {first:6} to {first + step:6}: {rate:6.0f} a second")
    print(f"{trials} trials in {seconds:.1f} s: {trials / seconds:.0f} a second; executor {memory:.0f} MB")


if __name__ == "__main__":
    main()
