#!/bin/bash
# The chart's tests on a real cluster: objects.sh, rights.sh and release.sh, on the cluster that TEMPER_TEST_KUBECONFIG
# names or on one of their own.
#
#   [TEMPER_TEST_KUBECONFIG=...] tests/chart/run.sh
#
# A cluster of their own needs root. Without, they are left out, unless TEMPER_REQUIRE_CLUSTER is set.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${TEMPER_TEST_KUBECONFIG-}" ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "the chart is not tried on a cluster: that needs root, or TEMPER_TEST_KUBECONFIG" >&2
        [ -z "${TEMPER_REQUIRE_CLUSTER-}" ]
        exit
    fi
    cluster() { tests/cluster/cluster --dir target/cluster/chart "$@"; }
    cluster build
    scripts/images.sh operator
    trap 'cluster down' EXIT
    TEMPER_TEST_KUBECONFIG=$(cluster up)
    export TEMPER_TEST_KUBECONFIG
    cluster load-image target/images/temper.tar target/cluster/bin/busybox.tar
    PATH=$PWD/target/cluster/bin:$PATH
fi
tests/chart/objects.sh
tests/chart/rights.sh
tests/chart/release.sh
