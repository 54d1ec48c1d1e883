#!/bin/sh
# The main job: tunes a network on Fashion-MNIST, measures the best on the test set, once, and draws the search.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/target/release:$PATH
store=.temper/fashion-mnist

temper run examples/fashion-mnist/job.yaml --store "$store" "$@"

checkpoint=$(temper best --store "$store" -o json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["checkpoint"].removeprefix("file://"))')
echo
echo "the best, measured once on the test set:"
temper-runner evaluate --model-dir "$checkpoint" --split test | tee "$store/test.json"
temper plot --store "$store" --out "$store/search.svg"
echo "the search as a picture: $store/search.svg"
