"""Images per second of the built-in networks and of the same networks in eager PyTorch, interleaved in one run.

    make bench-torch                              or
    make bench-torch DEVICE=cuda                  on a GPU, or
    .venv/bin/python tests/bench/torch/run.py --runner target/release/temper-runner

On a GPU both compute in bfloat16, with the data there, and an epoch's time ends when the GPU has done its last update.
Where torch sees no GPU this says so and measures nothing.

Each round starts every contender once, in an order that turns with the round, and takes its last epoch; the ratio
is the median over the rounds of temper-runner's rate by the contender's in the same round.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
EPOCHS = 2


def last_line(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def ours(arguments, model, width, batch, threads):
    with tempfile.TemporaryDirectory() as empty:
        return last_line(
            [arguments.runner, "train", "--model", model, "--data", "fashion-mnist", "--device", arguments.device]
            + ["--threads", str(threads), "--subset", str(arguments.samples), "--epochs", str(EPOCHS)]
            + ["--val-fraction", "0.01", "--checkpoint-dir", empty]
            + [f"--set={name}" for name in ("optimizer=sgd", "lr=0.02", "momentum=0.9", "weightDecay=0.0005")]
            + [f"--set=width={width}", f"--set=batchSize={batch}", "--set=schedule=constant"]
        )


def eager(arguments, model, width, batch, threads, layout):
    return last_line(
        [sys.executable, os.path.join(HERE, "eager.py"), model, str(width), str(batch), str(threads)]
        + [str(arguments.samples), str(EPOCHS), layout, arguments.device]
    )


def why_no_gpu():
    """Why torch cannot use a GPU here; nothing if it can."""
    try:
        import torch
    except ImportError as error:
        return f"torch cannot be imported: {error}"
    if torch.cuda.is_available():
        return None
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    return f"torch {torch.__version__}, {built}, sees no GPU"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", default="target/release/temper-runner")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, help="training samples of an epoch (default 6400; on a GPU 51200)")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, nargs="*", help="(default 1 2; on a GPU 1)")
    parser.add_argument("--models", nargs="*", default=["cnn:16", "cnn:32", "resnet:16"], metavar="MODEL:WIDTH")
    parser.add_argument("--batch", type=int, default=128)
    arguments = parser.parse_args()
    on_gpu = arguments.device == "cuda"
    arguments.samples = arguments.samples or (51200 if on_gpu else 6400)
    arguments.threads = arguments.threads or ([1] if on_gpu else [1, 2])
    if on_gpu and (why := why_no_gpu()):
        print(f"skipped, nothing was measured: {why}")
        return
    if not os.access(arguments.runner, os.X_OK):
        parser.error(f"{arguments.runner} is not there: cargo build --release -p temper-runner --features torch")

    print(f"images per second on {arguments.device}, batch {arguments.batch}, median of {arguments.rounds} rounds; eager PyTorch as written "
          "by default and with channels last")
    print(f"{'model':<10} {'threads':>7} {'temper':>8} {'eager':>8} {'ratio':>6} {'eager, channels last':>21} {'ratio':>6}")
    worst = float("inf")
    for threads in arguments.threads:
        for spec in arguments.models:
            model, width = spec.split(":")
            contenders = {
                "temper": lambda: ours(arguments, model, width, arguments.batch, threads),
                "plain": lambda: eager(arguments, model, width, arguments.batch, threads, "plain"),
                "last": lambda: eager(arguments, model, width, arguments.batch, threads, "channels-last"),
            }
            names = list(contenders)
            rates = {name: [] for name in names}
            for turn in range(arguments.rounds):
                for name in names[turn % 3 :] + names[: turn % 3]:
                    rates[name].append(contenders[name]()["images_per_second"])
            middle = {name: statistics.median(values) for name, values in rates.items()}
            ratio = {
                name: statistics.median(mine / theirs for mine, theirs in zip(rates["temper"], rates[name]))
                for name in ("plain", "last")
            }
            worst = min(worst, ratio["plain"])
            print(
                f"{spec:<10} {threads:>7} {middle['temper']:>8.0f} {middle['plain']:>8.0f} {ratio['plain']:>6.2f} "
                f"{middle['last']:>21.0f} {ratio['last']:>6.2f}",
                flush=True,
            )
    print(f"lowest ratio to eager PyTorch: {worst:.2f}")


if __name__ == "__main__":
    main()
