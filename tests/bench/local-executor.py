#!/usr/bin/env python3
"""How many trials a second the local executor runs when a trial costs nothing, and what it costs itself.

Usage: tests/bench/local-executor.py [TRIALS] (default 10000), after `cargo build --release -p temper-operator`.
Prints the rate over every tenth of the trials, which is level if the cost of a trial does not grow with those that
have finished, and the executor's resident memory at its largest. Exits with 1 when a threshold is missed: --rate,
--memory, or --slower, how many times slower than the second tenth the last three may be (their median; with room for
what else the machine does).
"""

import argparse
import os
import pathlib
import sqlite3
import statistics
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


def run(temper, trials):
    """Runs a job of so many trials: seconds, MB, and when each trial ended, in milliseconds."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        job = pathlib.Path(folder) / "job.yaml"
        job.write_text(JOB.format(trials=trials))
        command = [temper, "run", job, "--store", f"{folder}/store", "--progress", "none"]
        begun = time.monotonic()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        memory = 0
        while child.poll() is None:
            memory = max(memory, resident(child.pid))
            time.sleep(0.1)
        seconds = time.monotonic() - begun
        ends = [row[0] for row in sqlite3.connect(f"{folder}/store/store.db").execute(ENDS)]
    assert len(ends) == trials, f"{len(ends)} of {trials} trials ended"
    return seconds, memory, ends


def missed(rate, memory, tenths, limits):
    """What was not met, a sentence for each."""
    if rate < limits.rate:
        yield f"{rate:.0f} trials a second, fewer than {limits.rate:g}"
    if memory > limits.memory:
        yield f"{memory:.0f} MB, more than {limits.memory:g}"
    second, last = tenths[1], statistics.median(tenths[-3:])
    if last * limits.slower < second:
        yield f"{last:.0f} a second at the end beside {second:.0f} in the second tenth: over {limits.slower:g} times slower"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trials", type=int, nargs="?", default=10_000)
    parser.add_argument("--rate", type=float, default=150, help="fewest trials a second (default %(default)s)")
    parser.add_argument("--memory", type=float, default=100, help="most MB (default %(default)s)")
    parser.add_argument("--slower", type=float, default=1.5, help="how much slower the end may be (default %(default)s)")
    limits = parser.parse_args()
    trials = limits.trials
    if trials < 100:
        parser.error("fewer than 100 trials say nothing")
    temper = pathlib.Path(os.environ.get("TEMPER", pathlib.Path(__file__).parents[2] / "target/release/temper")).resolve()
    if not temper.exists():
        parser.error(f"{temper} is not there: cargo build --release -p temper-operator")
    seconds, memory, ends = run(temper, trials)
    step = trials // 10
    tenths = []
    for first in range(0, 10 * step, step):
        begin = ends[first - 1] if first else ends[0]
        tenths.append(step / max((ends[first + step - 1] - begin) / 1000, 1e-3))
        print(f"trials {first:6} to {first + step:6}: {tenths[-1]:6.0f} a second")
    rate = trials / seconds
    print(f"{trials} trials in {seconds:.1f} s: {rate:.0f} a second; executor {memory:.0f} MB")
    problems = list(missed(rate, memory, tenths, limits))
    for problem in problems:
        print(f"missed: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
