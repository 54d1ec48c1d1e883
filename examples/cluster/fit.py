"""Fits a line through noisy points by gradient descent. Needs nothing but Python."""

import argparse
import random

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--rate", type=float, default=0.1)
arguments.add_argument("--momentum", type=float, default=0.0)
arguments.add_argument("--steps", type=int, default=45)
arguments = arguments.parse_args()

dice = random.Random(1)
points = [(x / 50, 3 * x / 50 - 1 + dice.gauss(0, 0.1)) for x in range(100)]
slope, offset, by_slope, by_offset = 0.0, 0.0, 0.0, 0.0
for step in range(1, arguments.steps + 1):
    errors = [(x, slope * x + offset - y) for x, y in points]
    by_slope = arguments.momentum * by_slope - arguments.rate * sum(2 * e * x for x, e in errors) / len(points)
    by_offset = arguments.momentum * by_offset - arguments.rate * sum(2 * e for _, e in errors) / len(points)
    slope, offset = slope + by_slope, offset + by_offset
    loss = sum((slope * x + offset - y) ** 2 for x, y in points) / len(points)
    print(f"step={step} loss={min(loss, 1e12):.6f}", flush=True)
