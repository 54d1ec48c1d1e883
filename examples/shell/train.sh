#!/bin/sh
# Counts the steps of Newton's method from a starting point: a stand-in for any program that a script starts. It
# takes one argument and prints one line.
set -eu
awk -v x="$1" 'BEGIN {
    for (steps = 0; steps < 60; steps++) {
        error = x * x - 2
        if (error < 1e-9 && error > -1e-9) break
        x = x - error / (2 * x)
    }
    printf "steps=%d\n", steps
}'
