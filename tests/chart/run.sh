#!/bin/bash
# The chart's tests on a real cluster: objects.sh, rights.sh and release.sh, the last with Helm 4 and with Helm 3, on the
# cluster that TEMPER_TEST_KUBECONFIG names or on one of their own.
#
#   [TEMPER_TEST_KUBECONFIG=...] tests/chart/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/own-cluster.sh chart 'the chart'
if [ -n "$OWN_CLUSTER" ]; then
    scripts/images.sh operator
    # The same once more, as the next version.
    export TEMPER_TEST_NEXT_IMAGE=temper.test/temper:next
    skopeo copy --quiet oci-archive:target/images/temper.tar "oci-archive:$OWN_CLUSTER/next.tar:$TEMPER_TEST_NEXT_IMAGE"
    cluster load-image target/images/temper.tar "$OWN_CLUSTER/next.tar" target/cluster/bin/busybox.tar
    PATH=$PWD/target/cluster/bin:$PATH
fi
tests/chart/objects.sh
tests/chart/rights.sh
tests/chart/release.sh
helm3=$(scripts/tool.sh helm3)
HELM=$helm3 tests/chart/release.sh --short
