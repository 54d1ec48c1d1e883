#!/bin/bash
# The chart's tests on a real cluster: objects.sh, rights.sh and release.sh, on the cluster that TEMPER_TEST_KUBECONFIG
# names or on one of their own.
#
#   [TEMPER_TEST_KUBECONFIG=...] tests/chart/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/own-cluster.sh chart 'the chart'
if [ -n "$OWN_CLUSTER" ]; then
    scripts/images.sh operator
    cluster load-image target/images/temper.tar target/cluster/bin/busybox.tar
    PATH=$PWD/target/cluster/bin:$PATH
fi
tests/chart/objects.sh
tests/chart/rights.sh
tests/chart/release.sh
