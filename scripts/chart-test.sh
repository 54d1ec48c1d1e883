#!/bin/bash
# Tests charts/temper without a cluster: lint, rendering with Helm 4 and with Helm 3's engine, and that wrong values
# are refused by name.
set -euo pipefail
cd "$(dirname "$0")/.."
chart=charts/temper

if helm=$(scripts/tool.sh helm) && helm_unittest=$(scripts/tool.sh helm-unittest); then :; else
    [ $? -eq 3 ] || exit 1
    echo "chart: not checked"
    # Where nothing may be left out, as in continuous integration.
    [ -z "${TEMPER_REQUIRE_CLUSTER-}" ]
    exit
fi
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
render() { "$helm" template temper "$chart" --namespace temper-system --kube-version 1.35 "$@"; }

for values in "$chart"/ci/*-values.yaml; do
    "$helm" lint --strict --quiet "$chart" --values "$values"
    render --values "$values" >"$work/$(basename "$values")"
done

"$helm_unittest" --strict --color=false "$chart" >"$work/unittest" || {
    cat "$work/unittest"
    exit 1
}

# Every line: what is set, and the field that the refusal must name.
failed=0
while IFS='|' read -r set field; do
    [ -n "$set" ] || continue
    # shellcheck disable=SC2086  # several arguments
    if render $set >"$work/out" 2>&1; then
        echo "error: accepted: $set"
        failed=1
    elif ! grep -q -- "$field" "$work/out"; then
        printf 'error: %s is refused without naming %s:\n%s\n' "$set" "$field" "$(cat "$work/out")"
        failed=1
    fi
done <<'END'
--set replica=2|'replica' not allowed
--set replicas=two|/replicas
--set replicas=-1|/replicas
--set image.repositry=x|'repositry' not allowed
--set image.repository=example/temper:v1|/image/repository
--set image.digest=0123|/image/digest
--set trial.runnerDelivery=copy|/trial/runnerDelivery
--set image.pullPolicy=Sometimes|/image/pullPolicy
--set crds.enabled=yes|/crds/enabled
--set crds.keep=1|/crds/keep
--set watchNamespaces=research|/watchNamespaces
--set watchNamespaces={Research}|/watchNamespaces/0
--set log.format=yaml|/log/format
--set extraEnv[0].value=x|/extraEnv/0
--set resources.memory=1Gi|/resources
--set admissionPolicy.exemptUsers={velero}|/admissionPolicy/exemptUsers/0
--set tolerations[0].operator=Any|/tolerations/0/operator
--set affinity.node=x|/affinity
--set podDisruptionBudget.maxUnavailable=half|/podDisruptionBudget/maxUnavailable
--set networkPolicy.apiServerPorts={70000}|/networkPolicy/apiServerPorts/0
--set metrics.port=80|/metrics/port
--set metrics.serviceMonitor.interval=often|/metrics/serviceMonitor/interval
--set metrics.dashboards.enabled=true|/metrics
--set serviceAccount.create=false|serviceAccount.name
--set metrics.serviceMonitor.enabled=true,metrics.podMonitor.enabled=true|metrics.podMonitor.enabled
--kube-version 1.29|kubeVersion
END
[ $failed -eq 0 ]

echo "chart: $(find "$chart"/ci -name '*-values.yaml' | wc -l) sets of values, $(sed -n 's/^Tests: *//p' "$work/unittest")"
