#!/bin/bash
# The end-to-end tests: the programs as users run them, on this machine and on real clusters. What mostly waits (nodes
# that are lost, an API server that is away) goes on beside the rest; its output is shown at the end.
#
#   tests/e2e.sh        after `make build pods`
set -uo pipefail
cd "$(dirname "$0")/.."

# Compiled before anything is measured in seconds, and so that nobody waits for another's compiler.
cargo test --locked --no-run -p temper-tests || exit
cargo test --locked --no-run -p temper-runner --features pod --test agent --test pod || exit

# The built-in models' image, which a test puts into its cluster.
[ "$(id -u)" -ne 0 ] || scripts/images.sh torch || exit

failed=0
# The clusters that the others stand on; alone, since it measures how fast one starts.
[ "$(id -u)" -ne 0 ] || tests/cluster/check.sh || failed=1

mkdir -p target/e2e
{ cargo test --locked -p temper-tests --test faults -- --test-threads=1 && tests/agent.sh; } >target/e2e/beside.log 2>&1 &
beside=$!
cargo test --locked -p temper-tests --test cluster -- --test-threads=3 || failed=1
cargo test --locked -p temper-tests --lib --test examples --test scripts -- --test-threads=2 || failed=1
tests/chart/run.sh || failed=1
wait $beside || failed=1
cat target/e2e/beside.log
exit $failed
