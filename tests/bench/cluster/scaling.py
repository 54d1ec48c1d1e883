"""Auptimizer's scaling figure, repeated: 128 trials of unequal length on more and more workers, beside what greedy list
scheduling of the same lengths takes (Liu et al., Auptimizer, 2019).

The workers are simulated: 64 real ones would need more than two cores to start. What is measured is how long Temper and
the API server leave a worker without a trial."""

import heapq
import math
import pathlib
import random
import time

from simulated import Agents
from stage import JOBS, TRIALS, completed, job

TRIALS_OF_JOB = 128
WORKERS = (1, 2, 4, 8, 16, 32, 64)


def lengths(mean):
    """The same for every run: uniform between a fifth of the mean and nine fifths."""
    draw = random.Random(7)
    drawn = [draw.uniform(0.2, 1.8) for _ in range(TRIALS_OF_JOB)]
    scale = mean * TRIALS_OF_JOB / sum(drawn)
    return [round(length * scale, 3) for length in drawn]


def greedy(lengths, workers):
    """When the last ends if each goes, in order, to the worker that is free first."""
    free = [0.0] * workers
    for length in lengths:
        heapq.heapreplace(free, free[0] + length)
    return max(free)


def scaling(stage, options):
    lasting = lengths(options.mean)
    parameters = [{"name": "i", "type": "int", "min": 0, "max": TRIALS_OF_JOB - 1}]
    points = []
    for workers in (count for count in WORKERS if count >= options.least):
        namespace = stage.namespace()
        body = job("scaling", "true", TRIALS_OF_JOB, workers, True, retention=1000, parameters=parameters,
                   algorithm="Grid", simulated={})
        with Agents(stage, namespace, True, lambda spec: lasting[spec["parameters"]["i"]]) as agents:
            applied = time.time()
            stage.api.create(JOBS.format(namespace), body)
            completed(stage, namespace, "scaling", 120 + 2 * greedy(lasting, workers))
        # Of the pods' start only what keeps trials waiting after the first has begun.
        wall = max(agents.reported) - min(agents.began)
        items, _ = stage.api.listed(TRIALS.format(namespace))
        order = [item["spec"]["parameters"]["i"] for item in sorted(items, key=lambda item: item["spec"]["index"])]
        stage.remove(namespace)
        if sorted(order) != list(range(TRIALS_OF_JOB)):
            raise RuntimeError(f"{len(set(order))} of {TRIALS_OF_JOB} lengths were run")
        best = greedy([lasting[i] for i in order], workers)
        points.append((workers, wall, best))
        yield (f"{TRIALS_OF_JOB} trials of {options.mean:g} s on {workers} workers, from the first one's begin to the last one's end",
               "greedy + 5 %", f"{wall:.1f} s", f"greedy {best:.1f} s, {100 * (wall / best - 1):+.1f} %; the first began "
               f"{min(agents.began) - applied:.1f} s after the job was made", wall <= 1.05 * best)
    draw(points, options)


def draw(points, options):
    """The plot, both axes logarithmic."""
    width, height, left, bottom, top, right = 640, 400, 60, 50, 40, 20
    times = [time for _, *pair in points for time in pair]
    low, high = min(times) * 0.8, max(times) * 1.25
    first, last = math.log2(points[0][0]), math.log2(points[-1][0])

    def at(workers, seconds):
        x = left + (width - left - right) * (math.log2(workers) - first) / max(last - first, 1)
        y = top + (height - top - bottom) * (math.log(high / seconds) / math.log(high / low))
        return x, y

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{width / 2}" y="20" text-anchor="middle" font-size="14">{TRIALS_OF_JOB} trials of unequal length '
        f'(mean {options.mean:g} s), wall time</text>',
        f'<text x="{width / 2}" y="{height - 10}" text-anchor="middle">workers</text>',
        f'<text transform="translate(15 {height / 2}) rotate(-90)" text-anchor="middle">seconds</text>']
    tick = 2 ** math.ceil(math.log2(low))
    while tick <= high:
        y = at(points[0][0], tick)[1]
        lines += [f'<path d="M{left} {y:.1f}H{width - right}" stroke="#ddd"/>',
                  f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>']
        tick *= 2
    for workers, *_ in points:
        lines.append(f'<text x="{at(workers, high)[0]:.1f}" y="{height - bottom + 18}" text-anchor="middle">{workers}</text>')
    for which, colour, dash, name in ((2, "#999", "6 4", "greedy list scheduling"), (1, "#c33", "", "Temper, podPolicy Reuse")):
        path = "L".join("{:.1f} {:.1f}".format(*at(point[0], point[which])) for point in points)
        lines.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>')
        if which == 1:
            lines += ['<circle cx="{:.1f}" cy="{:.1f}" r="4" fill="{}"/>'.format(*at(*point[:2]), colour) for point in points]
        y = top + 16 * which
        lines += [f'<path d="M{width - 220} {y}h30" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>',
                  f'<text x="{width - 182}" y="{y + 4}">{name}</text>']
    plot = pathlib.Path(options.plot)
    plot.parent.mkdir(parents=True, exist_ok=True)
    plot.write_text("\n".join([*lines, "</svg>\n"]))
