#!/bin/bash
# Every object that the chart renders for the values in charts/temper/ci, checked by a real API server: a dry run, which
# refuses unknown fields and whatever else Kubernetes refuses. Nothing of Temper is installed.
#
#   TEMPER_TEST_KUBECONFIG=... tests/chart/objects.sh
#
# The Prometheus operator's definitions come from its Go module; those that were missing are removed in the end.
set -euo pipefail
cd "$(dirname "$0")/../.."
export KUBECONFIG=${TEMPER_TEST_KUBECONFIG:?names the kubeconfig of the cluster to test on}
helm=$(scripts/tool.sh helm)
made=()
clean_up() { [ ${#made[@]} -eq 0 ] || kubectl delete "${made[@]}" >/dev/null; }
trap clean_up EXIT

definitions=$(cd / && go mod download -json github.com/prometheus-operator/prometheus-operator@v0.85.0 |
    jq --raw-output .Dir)/example/prometheus-operator-crd
for kind in servicemonitors podmonitors prometheusrules; do
    kubectl get crd $kind.monitoring.coreos.com >/dev/null 2>&1 && continue
    made+=("customresourcedefinition/$kind.monitoring.coreos.com")
    kubectl create -f "$definitions/monitoring.coreos.com_$kind.yaml" >/dev/null
    kubectl wait --for=condition=Established --timeout=30s crd/$kind.monitoring.coreos.com >/dev/null
done
# A dry run makes no namespace for what comes after it.
for namespace in temper-system research vision; do
    kubectl get namespace $namespace >/dev/null 2>&1 && continue
    made+=("namespace/$namespace")
    kubectl create namespace $namespace >/dev/null
done

for values in charts/temper/ci/*-values.yaml; do
    # Under a name that no installed release has, so that nothing is taken over.
    "$helm" template dry-run charts/temper --namespace temper-system --values "$values" |
        kubectl apply --server-side --force-conflicts --dry-run=server --validate=strict --output name -f - >/tmp/temper-objects.$$ || {
        echo "FAILED: $values"
        exit 1
    }
    echo "$values: $(wc -l </tmp/temper-objects.$$) objects"
    rm /tmp/temper-objects.$$
done
