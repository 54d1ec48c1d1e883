#!/usr/bin/env python3
"""How long one suggestion takes with n observations of 20 parameters, beside Optuna, in one run on one thread.

Usage: tests/bench/suggest.py [N...] (default 100 1000), after `cargo build --release -p temper-operator` and
`pip install -r tests/bench/requirements.txt` (Optuna's Gaussian process needs torch and scipy).
Both get the same observations; the time is the median over ASKS suggestions, each followed by its result, as in a
search that runs one trial at a time. Temper's times hold two JSON lines over a pipe.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
PARAMETERS = 20
ASKS = 7


def loss(point):
    """A valley that is not aligned with the axes; the space is the unit cube."""
    return sum((x - 0.3 - 0.02 * i) ** 2 for i, x in enumerate(point)) + 0.3 * point[0] * point[1]


def temper(algorithm, observations):
    parameters = [f"  - {{name: x{i}, type: float, min: 0, max: 1}}" for i in range(PARAMETERS)]
    points = [json.dumps({f"x{i}": x for i, x in enumerate(point)}) for point in observations]
    job = "\n".join(
        ["apiVersion: temper.rs/v1alpha1", "kind: TuningJob", "metadata: {name: bench}", "spec:",
         "  objectives: [{metric: loss, goal: minimize}]", "  parameters:", *parameters,
         f"  search: {{algorithm: {algorithm}}}", "  budget: {maxTrials: 100000, parallelism: 1}",
         "  pointsToEvaluate:", *[f"  - {point}" for point in points],
         "  trial: {template: {spec: {containers: [{name: trial, command: ['true']}]}}}"]
    )
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(job)
        file.flush()
        program = os.environ.get("TEMPER", "target/release/temper")
        process = subprocess.Popen(
            [program, "ask-tell", file.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

        def say(message):
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            if "error" in answer:
                sys.exit(f"temper: {answer['error']}")
            return answer

        def ask():
            trial = say({"ask": 1})["trials"][0]
            return trial["id"], [trial["parameters"][f"x{i}"] for i in range(PARAMETERS)]

        for _ in observations:
            number, point = ask()
            say({"tell": {"id": number, "metrics": {"loss": loss(point)}}})
        times = []
        for _ in range(ASKS):
            begun = time.perf_counter()
            number, point = ask()
            times.append(time.perf_counter() - begun)
            say({"tell": {"id": number, "metrics": {"loss": loss(point)}}})
        process.stdin.close()
        process.wait()
        return statistics.median(times)


def optuna(make_sampler, observations):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = {f"x{i}": optuna.distributions.FloatDistribution(0, 1) for i in range(PARAMETERS)}
    study = optuna.create_study(sampler=make_sampler(optuna.samplers))
    study.add_trials([
        optuna.trial.create_trial(params={f"x{i}": x for i, x in enumerate(point)}, distributions=space, value=loss(point))
        for point in observations
    ])
    times = []
    for _ in range(ASKS):
        begun = time.perf_counter()
        trial = study.ask()
        point = [trial.suggest_float(f"x{i}", 0, 1) for i in range(PARAMETERS)]
        times.append(time.perf_counter() - begun)
        study.tell(trial, loss(point))
    return statistics.median(times)


def main():
    warnings.simplefilter("ignore")
    import optuna as package

    print(f"one suggestion, {PARAMETERS} parameters, milliseconds; Optuna {package.__version__}\n")
    print(f"{'algorithm':26} {'n':>6} {'Temper':>9} {'Optuna':>9} {'ratio':>7}")
    rows = [
        ("TPE", lambda s: s.TPESampler(seed=0, multivariate=True)),
        ("GaussianProcess", lambda s: s.GPSampler(seed=0)),
    ]
    for n in [int(n) for n in sys.argv[1:]] or [100, 1000]:
        dice = random.Random(7)
        observations = [[dice.random() for _ in range(PARAMETERS)] for _ in range(n)]
        for algorithm, sampler in rows:
            ours, theirs = temper(algorithm, observations), optuna(sampler, observations)
            print(f"{algorithm:26} {n:6} {ours * 1e3:9.2f} {theirs * 1e3:9.1f} {theirs / ours:6.0f}x", flush=True)


if __name__ == "__main__":
    main()
