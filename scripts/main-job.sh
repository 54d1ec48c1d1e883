#!/bin/sh
# The main job: tunes a network on Fashion-MNIST, measures the best on the test set, once, and draws the search.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/target/release:$PATH
store=.temper/fashion-mnist

temper run examples/fashion-mnist/job.yaml --store "$store" "$@"

checkpoint=$(temper best --store "$store" -o json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["checkpoint"].removeprefix("file://"))')
# The test set is touched once for a model: a job that goes on and finds no better one keeps its measurement.
measured=$store/test.json
of=$store/test-checkpoint
echo
if [ -s "$measured" ] && [ "$(cat "$of" 2>/dev/null)" = "$checkpoint" ]; then
    echo "the best on the test set, as it was measured before:"
else
    echo "the best, measured once on the test set:"
    temper-runner evaluate --model-dir "$checkpoint" --split test >"$measured.new"
    rm -f "$measured"
    echo "$checkpoint" >"$of"
    mv "$measured.new" "$measured"
fi
cat "$measured"
temper plot --store "$store" --out "$store/search.svg"
echo "the search as a picture: $store/search.svg"
