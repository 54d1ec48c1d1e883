#!/bin/bash
# A real Kubernetes cluster on this machine, below target/cluster, with the operator of this checkout in it. Run again
# after a change: a cluster that is there is kept, the operator in it is replaced.
#
#   scripts/cluster.sh [UP-ARGUMENT...]   arguments of `tests/cluster/cluster up`, when it is not there yet
set -euo pipefail
cd "$(dirname "$0")/.."
cluster=tests/cluster/cluster

if ! $cluster kubectl get --raw /readyz >/dev/null 2>&1; then
    $cluster build
    $cluster up "$@" >/dev/null
fi
scripts/images.sh operator
$cluster load-image target/images/temper.tar target/cluster/bin/{busybox,python}.tar
KUBECONFIG=$($cluster kubeconfig)
export KUBECONFIG
# The image's name stays the same from build to build, so a new one is told by the annotation.
"$(scripts/tool.sh helm)" upgrade --install temper charts/temper --namespace temper-system --create-namespace --wait \
    --set image.repository=temper.test/temper,image.tag=dev \
    --set-string podAnnotations.image="$(sha256sum <target/images/temper.tar | cut -c1-16)" >/dev/null
cat <<END

Kubernetes with Temper runs on this machine. Next:

  export KUBECONFIG=$KUBECONFIG PATH=$PWD/target/cluster/bin:\$PATH
  kubectl apply -f examples/cluster/first.yaml && kubectl get tuningjobs --watch

Images that trials may use: busybox:1, python:3-slim, and what \`$cluster load-image\` puts there.
\`make cluster-down\` ends it.
END
