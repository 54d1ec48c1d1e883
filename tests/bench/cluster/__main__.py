#!/usr/bin/env python3
"""The operator's figures on a real cluster of this machine, each beside what a plain client gets in the same run.

Usage: python3 tests/bench/cluster [FIGURE...] [--quick] [...], as root; all figures where none is named. It starts a
cluster of its own (tests/cluster) and ends it. Needs `make cluster-build`, a release build of `temper`, and the static
`temper-runner`.
"""

import argparse
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import real  # noqa: E402
import scaling  # noqa: E402
import simulated  # noqa: E402
from stage import ROOT, Stage  # noqa: E402

FIGURES = {
    "writes": real.writes,
    "start": real.start,
    "gaps": real.gaps,
    "rate": simulated.rate,
    "reuse": simulated.reuse,
    "memory": simulated.memory,
    "level": simulated.level,
    "scaling": scaling.scaling,
}
# After these the cluster is made anew.
LARGE = {"rate", "reuse", "memory", "level"}
# What each option is, in full and in quick runs.
SIZES = {
    "repeats": (9, 3, "starts of each kind (start, gaps)"),
    "trials": (40, 10, "real trials of a job (writes, gaps)"),
    "pods": (4000, 1500, "simulated trials (rate, reuse)"),
    "retention": (50, 50, "finished trials that a job keeps as objects (rate, reuse, level)"),
    "live": (10_000, 1_000, "live trials (memory), in a tenth as many jobs"),
    "long": (20_000, 3_000, "trials of the one long job (level)"),
    "mean": (5.0, 1.0, "mean seconds of a trial (scaling)"),
    "least": (1, 8, "fewest workers (scaling)"),
}
RUNNER = ROOT / "target/x86_64-unknown-linux-gnu/release/temper-runner"


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/cluster", description=__doc__.split("\n\n")[0])
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"of {', '.join(FIGURES)}")
    parser.add_argument("--quick", action="store_true", help="smaller, in about three minutes")
    for name, (full, quick, what) in SIZES.items():
        parser.add_argument(f"--{name}", type=type(full), help=f"{what}; {full}, or {quick} where quick")
    parser.add_argument("--folder", default=ROOT / "target/cluster/bench", help="of the cluster")
    parser.add_argument("--temper", default=ROOT / "target/release/temper", help="the operator's program")
    parser.add_argument("--runner", default=RUNNER, help="the static temper-runner")
    parser.add_argument("--plot", default=ROOT / "docs/images/scaling.svg", help="where `scaling` draws")
    parser.add_argument("--keep", action="store_true", help="leave the cluster up at the end")
    options = parser.parse_args()
    if unknown := set(options.figures) - FIGURES.keys():
        parser.error(f"no figure {', '.join(sorted(unknown))}; there are {', '.join(FIGURES)}")
    for name, (full, quick, _) in SIZES.items():
        if getattr(options, name) is None:
            setattr(options, name, quick if options.quick else full)
    for program in (options.temper, options.runner):
        if not pathlib.Path(program).exists():
            parser.error(f"{program} is not there; make bench-cluster builds it")
    options.detail = lambda text: print(text, file=sys.stderr, flush=True)
    return options


def main():
    options = arguments()
    stage = Stage(options.folder, options.temper, options.runner)
    rows, failed = [], []
    began = time.time()
    try:
        is_fresh = False
        for name in options.figures or FIGURES:
            # The quick run draws no curve that takes minutes.
            if options.quick and not options.figures and name == "scaling":
                continue
            # What thousands of objects leave behind in the control plane would cost the next figure.
            if not is_fresh:
                stage.up(simulated.NODES)
            is_fresh = name not in LARGE
            stage.start_operator()
            print(f"{name}: load {os.getloadavg()[0]:.1f}, at {time.time() - began:.0f} s", file=sys.stderr, flush=True)
            try:
                for row in FIGURES[name](stage, options):
                    rows.append(row)
                    options.detail("  " + " | ".join(str(cell) for cell in row))
            except (RuntimeError, TimeoutError, OSError) as error:
                failed.append(name)
                options.detail(f"  {name} could not be measured: {error}")
            stage.stop_operator()
    finally:
        stage.stop_operator()
        if not options.keep:
            stage.down()
    print("| figure | target | measured | in the same run | met |\n|---|---|---|---|---|")
    for figure, target, measured, beside, is_met in rows:
        print(f"| {figure} | {target} | {measured} | {beside} | {'yes' if is_met else '**no**'} |")
    print(f"\nLoad of the machine at the end: {json.dumps(os.getloadavg())}; {time.time() - began:.0f} s in all.")
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
