#!/bin/bash
# The chart's life on a real cluster, with the real operator and jobs that run meanwhile: install, upgrade, rollback,
# uninstall with the results kept, install again, uninstall with everything gone.
#
#   TEMPER_TEST_KUBECONFIG=... tests/chart/release.sh
#
# The cluster must have no Temper in it, and must have the images TEMPER_TEST_IMAGE (temper.test/temper:dev) and
# TEMPER_TEST_TRIAL_IMAGE (busybox:1). HELM names another helm, of version 3 for instance.
set -euo pipefail
cd "$(dirname "$0")/../.."
export KUBECONFIG=${TEMPER_TEST_KUBECONFIG:?names the kubeconfig of the cluster to test on}
helm=${HELM:-$(scripts/tool.sh helm)}
system=temper-system ns=temper-release-test
image=${TEMPER_TEST_IMAGE:-temper.test/temper:dev}
trial_image=${TEMPER_TEST_TRIAL_IMAGE:-busybox:1}

step() { printf '%4d s  %s\n' $SECONDS "$*"; }
fail() {
    echo "FAILED: $*" >&2
    kubectl get tuningjobs,trials,pods --all-namespaces 2>&1 | tail -40 >&2 || true
    kubectl --namespace $system logs --selector app.kubernetes.io/name=temper --tail 10 >&2 || true
    exit 1
}
if kubectl get crd tuningjobs.temper.rs >/dev/null 2>&1 || kubectl get namespace $system >/dev/null 2>&1; then
    echo "error: this cluster has Temper's definitions or the namespace $system; this test needs one without" >&2
    exit 2
fi
clean_up() {
    "$helm" uninstall temper --namespace $system >/dev/null 2>&1 || true
    kubectl delete --ignore-not-found crd {tuningjobs,trials,trialhistories}.temper.rs >/dev/null 2>&1 || true
    kubectl delete --ignore-not-found namespace $system $ns >/dev/null 2>&1 || true
}
trap clean_up EXIT

release() { # release install|upgrade ARGUMENT...
    "$helm" "$1" temper charts/temper --namespace $system --wait --timeout 120s \
        --set image.repository="${image%:*}",image.tag="${image##*:}" "${@:2}" >/dev/null || fail "helm $*"
}
job() { # job NAME TRIALS SECONDS: trials that take so long
    kubectl --namespace $ns apply -f - >/dev/null <<END
apiVersion: temper.rs/v1alpha1
kind: TuningJob
metadata: {name: $1}
spec:
  objectives: [{metric: accuracy, goal: maximize}]
  parameters: [{name: x, type: float, min: 0, max: 1}]
  search: {algorithm: Random}
  budget: {maxTrials: $2, parallelism: 2}
  trial:
    metrics: {format: KeyValue}
    template:
      spec:
        terminationGracePeriodSeconds: 3
        securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
        containers:
        - name: trial
          image: $trial_image
          command: [sh, -c, "sleep $3; echo accuracy=\$(PARAM_x)"]
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
END
}
wait_job() { # wait_job NAME TRIALS
    kubectl --namespace $ns wait --for=condition=Complete --timeout=120s tuningjob/"$1" >/dev/null || fail "job $1 did not complete"
    local finished
    finished=$(kubectl --namespace $ns get trials --field-selector spec.job="$1" -o json |
        jq '[.items[] | select(.status.report.state == "Succeeded") | .spec.index] | unique | length')
    [ "$finished" = "$2" ] || fail "job $1: $finished of $2 trials succeeded"
}
read_metrics() { # of the one operator, which must not have been refused anything
    local pod refused
    pod=$(kubectl --namespace $system get pods --selector app.kubernetes.io/name=temper -o jsonpath='{.items[0].metadata.name}')
    metrics=$(kubectl get --raw "/api/v1/namespaces/$system/pods/$pod:8080/proxy/metrics")
    refused=$(grep -E '^temper_api_requests_total\{.*code="403"' <<<"$metrics" || true)
    [ -z "$refused" ] || fail "the operator was refused: $refused"
}
# Both namespaces hold their pods to the restricted standard.
for each in $system $ns; do
    kubectl create namespace "$each" >/dev/null
    kubectl label namespace "$each" pod-security.kubernetes.io/enforce=restricted >/dev/null
done

release install
step "installed; the operator is ready"
job first 4 1
wait_job first 4
step "a job of 4 trials is complete"

read_metrics
# The dashboard and the alerts ask for nothing that the operator does not expose.
grep -hoE '\b(temper|process)_[a-z_]+' charts/temper/dashboards/temper.json \
    charts/temper/templates/monitoring/prometheusrule.yaml | sed 's/_bucket$//' | sort -u | while read -r name; do
    grep -Eq "^$name(_bucket)?[{ ]" <<<"$metrics" || fail "the operator exposes no metric $name"
done
[ "$(sed -n 's/^temper_leader\({[^}]*}\)\{0,1\} //p' <<<"$metrics")" = 1 ] || fail "temper_leader is not 1"
step "every metric of the dashboard and the alerts is exposed; no request was refused"

if "$helm" upgrade temper charts/temper --namespace $system --set replicas=two >/tmp/temper-helm.$$ 2>&1; then
    fail "an upgrade with replicas=two was accepted"
fi
grep -q /replicas /tmp/temper-helm.$$ || fail "the refusal does not name /replicas: $(cat /tmp/temper-helm.$$)"
rm /tmp/temper-helm.$$

job second 8 3
release upgrade --set replicas=2,'log.level=info\,temper_operator=debug'
[ "$(kubectl --namespace $system get deployment temper-operator -o jsonpath='{.status.readyReplicas}')" = 2 ] || fail "not two replicas"
kubectl --namespace $system get poddisruptionbudget temper-operator >/dev/null || fail "no disruption budget"
wait_job second 8
holder=$(kubectl --namespace $system get lease temper-operator -o jsonpath='{.spec.holderIdentity}')
kubectl --namespace $system get pod "$holder" >/dev/null || fail "the Lease's holder '$holder' is no pod"
step "upgraded to two replicas while a job of 8 trials ran"

job third 8 3
"$helm" rollback temper 1 --namespace $system --wait --timeout 120s >/dev/null || fail "helm rollback"
[ "$(kubectl --namespace $system get deployment temper-operator -o jsonpath='{.spec.replicas}')" = 1 ] || fail "not one replica"
! kubectl --namespace $system get poddisruptionbudget temper-operator >/dev/null 2>&1 || fail "the disruption budget is still there"
wait_job third 8
step "rolled back while a job of 8 trials ran"

best=$(kubectl --namespace $ns get tuningjob second -o jsonpath='{.status.best}')
"$helm" uninstall temper --namespace $system --wait --timeout 60s >/dev/null 2>&1 || fail "helm uninstall"
left=$(kubectl get deployments,serviceaccounts,services,roles,rolebindings,leases,poddisruptionbudgets --namespace $system \
    --selector app.kubernetes.io/instance=temper -o name
    kubectl get clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings \
        --selector app.kubernetes.io/instance=temper -o name)
[ -z "$left" ] || fail "left after uninstall: $left"
[ "$(kubectl --namespace $ns get tuningjob second -o jsonpath='{.status.best}')" = "$best" ] || fail "the results are gone"
step "uninstalled; the results are still there"

release install --set crds.keep=false,watchNamespaces="{$ns}"
[ "$(kubectl --namespace $ns get tuningjob second -o jsonpath='{.status.best}')" = "$best" ] || fail "the results changed"
job fourth 2 1
wait_job fourth 2
read_metrics
step "installed over the definitions that were kept, with rights in one namespace only"

job fifth 4 30
kubectl --namespace $ns wait --for=jsonpath='{.status.trials.running}'=2 --timeout=60s tuningjob/fifth >/dev/null || fail "job fifth does not run"
"$helm" uninstall temper --namespace $system --wait --timeout 60s >/dev/null 2>&1 || fail "helm uninstall, the definitions too"
for ((i = 0; ; i++)); do
    kubectl get crd tuningjobs.temper.rs trials.temper.rs trialhistories.temper.rs >/dev/null 2>&1 || \
        [ -n "$(kubectl get crd -o name | grep temper.rs || true)" ] || break
    [ $i -lt 60 ] || fail "the definitions are still there: $(kubectl get crd -o name)"
    sleep 1
done
for ((i = 0; ; i++)); do
    [ -n "$(kubectl --namespace $ns get pods -o name)" ] || break
    [ $i -lt 60 ] || fail "trial pods are still there"
    sleep 1
done
step "uninstalled with the definitions; no job, no Trial and no trial pod is left"
