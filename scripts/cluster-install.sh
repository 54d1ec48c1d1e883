#!/bin/bash
# Puts the operator, built from this folder, into the test cluster (`tests/cluster/cluster up`) as a newcomer would put
# it into any cluster: by the Helm chart.
set -euo pipefail
cd "$(dirname "$0")/.."

cluster=tests/cluster/cluster
scripts/images.sh operator
kubeconfig=$($cluster up)
$cluster load-image target/images/temper.tar target/cluster/bin/busybox.tar
$cluster helm upgrade --install temper charts/temper --namespace temper-system --create-namespace --wait --timeout 2m \
    --set image.repository=temper.test/temper --set image.tag=dev --set image.pullPolicy=Never >/dev/null
$cluster kubectl --namespace temper-system get pods
cat <<END

the cluster runs, and the operator in it. In this folder:
  export KUBECONFIG=$kubeconfig PATH=$PWD/target/cluster/bin:\$PATH
  kubectl apply -f examples/cluster/first.yaml
  kubectl get tuningjobs --watch
  kubectl get trials,pods
and at the end: make cluster-down
END
