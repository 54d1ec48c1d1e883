#!/usr/bin/env python3
"""What ASHA saves of the main job's wall time: the same job with it and with no scheduler, one after the other.

Usage: tests/bench/scheduler.py [--seeds N...] (default: the job's own seed), after `make build`. A seed takes about 20
minutes on two cores. Equal best accuracy is the lower of the two best: the time until either job has first reported it.
"""

import argparse
import csv
import io
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
JOB = ROOT / "examples/fashion-mnist/job.yaml"
TEMPER = ROOT / "target/release/temper"
# The job names its command `temper-runner`, as in the image.
ENVIRONMENT = {**os.environ, "PATH": f"{TEMPER.parent}:{os.environ['PATH']}"}
SCHEDULERS = {"ASHA": None, "no scheduler": "{type: None}"}


def job(seed, scheduler):
    """The main job's text with another seed and scheduler."""
    text = JOB.read_text()
    if seed is not None:
        text, found = re.subn(r"^  seed: .*$", f"  seed: {seed}", text, flags=re.MULTILINE)
        assert found == 1, "the job has no seed"
    if scheduler:
        text, found = re.subn(r"^  scheduler: .*$", f"  scheduler: {scheduler}", text, flags=re.MULTILINE)
        assert found == 1, "the job has no scheduler"
    return text


def run(text, folder):
    """Runs a job: its wall time in seconds, and (seconds since its first trial, accuracy) of each report in order."""
    (folder / "job.yaml").write_text(text)
    store = ["--store", folder / "store"]
    begun = time.monotonic()
    command = [TEMPER, "run", folder / "job.yaml", *store, "--progress", "none"]
    subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT)
    seconds = time.monotonic() - begun
    rows = subprocess.run([TEMPER, "export", *store, "--reports"], check=True, capture_output=True, text=True).stdout
    reports = sorted((int(row["at"]), float(row["metrics.accuracy"])) for row in csv.DictReader(io.StringIO(rows)))
    trials = subprocess.run([TEMPER, "export", *store], check=True, capture_output=True, text=True).stdout
    start = min(int(row["started"]) for row in csv.DictReader(io.StringIO(trials)))
    return seconds, [((at - start) / 1000, accuracy) for at, accuracy in reports]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[None])
    saved = []
    for seed in parser.parse_args().seeds:
        seen = {}
        for name, scheduler in SCHEDULERS.items():
            with tempfile.TemporaryDirectory(dir=ROOT) as folder:
                seconds, reports = run(job(seed, scheduler), pathlib.Path(folder))
            seen[name] = seconds, reports
            best = max(accuracy for _, accuracy in reports)
            print(f"{name:13} {seconds:6.0f} s, {len(reports):3} epochs, best {best:.4f}", flush=True)
        equal = min(max(accuracy for _, accuracy in reports) for _, reports in seen.values())
        until = {
            name: next(at for at, accuracy in reports if accuracy >= equal) for name, (_, reports) in seen.items()
        }
        whole = seen["ASHA"][0] / seen["no scheduler"][0]
        saved.append(1 - until["ASHA"] / until["no scheduler"])
        print("until {:.4f}: ".format(equal) + ", ".join(f"{name} {at:.0f} s" for name, at in until.items()))
        print(f"saved until equal best {saved[-1]:.0%}; of the whole job {1 - whole:.0%}", flush=True)
    if len(saved) > 1:
        print(f"saved until equal best, median of {len(saved)} seeds: {statistics.median(saved):.0%}")


if __name__ == "__main__":
    main()
