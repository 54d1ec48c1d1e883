#!/bin/bash
# Rights and the admission policy on a real API server, with tokens it issues for pods: a trial's pod writes the report
# of its own Trial and nothing else; the operator can do its work and no more; people get jobs by Kubernetes' own roles.
#
#   TEMPER_TEST_KUBECONFIG=... tests/chart/rights.sh
#
# No image is pulled and no operator runs. The cluster may be in use: everything is made under names of its own and
# removed in the end, definitions too if they were missing.
set -euo pipefail
cd "$(dirname "$0")/../.."
export KUBECONFIG=${TEMPER_TEST_KUBECONFIG:?names the kubeconfig of the cluster to test on}
helm=$(scripts/tool.sh helm)
release=rights-$$ system=temper-rights-$$-system ns=temper-rights-$$ other=temper-rights-$$-other
operator=system:serviceaccount:$system:$release-temper-operator
work=$(mktemp -d)
made_definitions=

clean_up() {
    [ -z "$made_definitions" ] || kubectl delete --ignore-not-found -f crds/manifests >/dev/null 2>&1 || true
    kubectl delete --ignore-not-found --wait=false namespace "$system" "$ns" "$other" >/dev/null 2>&1 || true
    kubectl delete --ignore-not-found validatingadmissionpolicies,validatingadmissionpolicybindings,clusterroles,clusterrolebindings \
        -l app.kubernetes.io/instance="$release" >/dev/null 2>&1 || true
    rm -r "$work"
}
trap clean_up EXIT

checks=0 failures=0
check() { # check WHAT FOUND EXPECTED: counts, and says what differs
    checks=$((checks + 1))
    if [ "$2" != "$3" ]; then
        failures=$((failures + 1))
        printf 'FAILED: %s\n  expected: %s\n  found:    %s\n' "$1" "$3" "$2"
    fi
}
allowed() { # allowed yes|no USER VERB RESOURCE [ARGUMENT...]
    local wanted=$1 user=$2 found
    shift 2
    found=$(kubectl auth can-i --as="$user" "$@" 2>/dev/null || true)
    check "$user may ${*/#--namespace=/in }" "${found:-no}" "$wanted"
}

# --- install: the definitions if they are missing, and the chart's rights and policy for one namespace -------------
if ! kubectl get crd trials.temper.rs >/dev/null 2>&1; then
    made_definitions=yes
    kubectl apply --server-side -f crds/manifests >/dev/null
fi
kubectl wait --for=condition=Established --timeout=30s crd/{tuningjobs,trials,trialhistories}.temper.rs >/dev/null
for each in "$system" "$ns" "$other"; do kubectl create namespace "$each" >/dev/null; done
"$helm" template "$release" charts/temper --namespace "$system" --set crds.enabled=false --set "watchNamespaces={$ns}" \
    --show-only templates/operator/serviceaccount.yaml --show-only templates/rbac-operator.yaml \
    --show-only templates/rbac-trial.yaml --show-only templates/rbac-users.yaml \
    --show-only templates/admissionpolicy.yaml | kubectl apply -f - >/dev/null

server=$(kubectl config view --raw --minify -o jsonpath='{.clusters[0].cluster.server}')
kubectl config view --raw --minify -o jsonpath='{.clusters[0].cluster.certificate-authority-data}' | base64 -d >"$work/ca"
[ -s "$work/ca" ] || cp "$(kubectl config view --raw --minify -o jsonpath='{.clusters[0].cluster.certificate-authority}')" "$work/ca"

# --- what the operator makes, made with the operator's own token ------------------------------------------------
as_operator() { kubectl --as="$operator" --namespace "$ns" "$@"; }
as_operator create serviceaccount temper-trial >/dev/null
as_operator create rolebinding temper-trial --clusterrole="$release-temper-trial" --serviceaccount="$ns:temper-trial" >/dev/null
pod() { # a pod that is never scheduled: tokens are issued for it all the same
    cat <<END
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  serviceAccountName: temper-trial
  nodeSelector: {temper.rs/nowhere: "true"}
  containers: [{name: trial, image: none, resources: {}}]
END
}
trial() { # trial NAME INDEX POD-AS-YAML
    cat <<END
apiVersion: temper.rs/v1alpha1
kind: Trial
metadata: {name: $1}
spec: {job: job, index: $2, parameters: {lr: 0.1}${3:+, pod: $3}}
END
}
pod own-1 | as_operator create -f - >/dev/null
pod other-1 | as_operator create -f - >/dev/null
uid() { kubectl --namespace "$ns" get pod "$1" -o jsonpath='{.metadata.uid}'; }
own_uid=$(uid own-1)
trial own 0 '{name: own-1}' | as_operator create -f - >/dev/null
trial other 1 '{name: other-1}' | as_operator create -f - >/dev/null
trial none 2 '' | as_operator create -f - >/dev/null
trial exact 3 "{name: own-1, uid: $own_uid}" | as_operator create -f - >/dev/null
trial earlier 4 '{name: own-1, uid: 00000000-0000-0000-0000-000000000000}' | as_operator create -f - >/dev/null

token() { kubectl --namespace "$ns" create token temper-trial "$@"; }
own=$(token --bound-object-kind Pod --bound-object-name own-1 --bound-object-uid "$own_uid")
unbound=$(token)
operator_token=$(kubectl --namespace "$system" create token "${operator##*:}")

# --- writes by token: `write TOKEN TRIAL STATUS` answers "CODE MESSAGE" ------------------------------------------
request() { # request TOKEN METHOD PATH [CONTENT-TYPE BODY]
    curl --silent --cacert "$work/ca" --header "Authorization: Bearer $1" --request "$2" "$server$3" \
        ${5+--header "Content-Type: application/$4" --data "$5"} --write-out '\n%{http_code}' |
        jq --raw-input --slurp --raw-output 'split("\n") | .[-1] + " " + (.[:-1] | join("\n") | fromjson | .message // "")'
}
api=/apis/temper.rs/v1alpha1/namespaces/$ns
write() {
    request "$1" PATCH "$api/trials/$2/status?fieldManager=temper-runner&force=true" apply-patch+yaml \
        "{apiVersion: temper.rs/v1alpha1, kind: Trial, metadata: {name: $2}, status: $3}"
}
report="report: {attempt: 1, state: Running, pod: {name: own-1, uid: $own_uid}}"
refused() { # refused WHAT ANSWER TEXT
    checks=$((checks + 1))
    if [[ $2 != 403\ *$3* ]]; then
        failures=$((failures + 1))
        printf 'FAILED: %s\n  expected: 403 ...%s...\n  found:    %s\n' "$1" "$3" "$2"
    fi
}

# A policy is in force a moment after it was made.
for ((i = 0; ; i++)); do
    [[ $(write "$own" other "{$report}") == 403* ]] && break
    [ $i -lt 60 ] || { echo "the policy is not in force after 30 s"; exit 1; }
    sleep 0.5
done
check 'the policy has no type errors' "$(kubectl get validatingadmissionpolicy "$release-temper-trial-status" -o jsonpath='{.status.typeChecking.expressionWarnings}')" ''

check 'a pod writes the report of its own Trial' "$(write "$own" own "{$report}")" '200 '
check 'and again' "$(write "$own" own "{${report/Running/Succeeded}}")" '200 '
check 'also where the Trial names its UID' "$(write "$own" exact "{$report}")" '200 '
refused "another's Trial" "$(write "$own" other "{$report}")" \
    'pod own-1 may write the status of its own Trial only; Trial other belongs to pod other-1'
refused 'a Trial that has no pod' "$(write "$own" none "{$report}")" 'Trial none has no pod'
refused 'a Trial of an earlier pod of the same name' "$(write "$own" earlier "{$report}")" "with UID $own_uid"
refused "a report in another pod's name" "$(write "$own" own "{${report/own-1/other-1}}")" 'status.report.pod must name the pod that writes it: name own-1'
refused 'a report without a UID' "$(write "$own" own '{report: {attempt: 1, state: Running, pod: {name: own-1}}}')" 'status.report.pod must name'
condition='conditions: [{type: PodLost, status: "True", reason: Evicted, message: gone, lastTransitionTime: "2026-01-01T00:00:00Z"}]'
refused 'a condition' "$(write "$own" own "{$report, $condition}")" "status.conditions is the operator's"

check 'the operator writes conditions' "$(request "$operator_token" PATCH "$api/trials/own/status?fieldManager=temper&force=true" \
    apply-patch+yaml "{apiVersion: temper.rs/v1alpha1, kind: Trial, metadata: {name: own}, status: {$condition}}")" '200 '
check 'a pod goes on with its report beside them' "$(write "$own" own "{$report}")" '200 '
refused 'removing a condition' "$(request "$own" PATCH "$api/trials/own/status" merge-patch+json '{"status": {"conditions": null}}')" \
    "status.conditions is the operator's"
refused 'removing the report' "$(request "$own" PATCH "$api/trials/own/status" merge-patch+json '{"status": {"report": null}}')" \
    'status.report.pod must name'
refused 'changing a condition' "$(write "$own" own "{$report, ${condition/True/False}}")" "status.conditions is the operator's"

refused 'a token that is bound to no pod' "$(write "$unbound" own "{$report}")" "this token of system:serviceaccount:$ns:temper-trial is not bound to a pod"
refused "a Trial's spec" "$(request "$own" PATCH "$api/trials/own" merge-patch+json '{"spec": {"desired": "Stop"}}')" 'cannot patch resource "trials"'
refused 'replacing a status' "$(request "$own" PUT "$api/trials/own/status" json '{}')" 'cannot update resource "trials/status"'
refused 'deleting a Trial' "$(request "$own" DELETE "$api/trials/own")" 'cannot delete resource "trials"'
refused 'a job' "$(request "$own" GET "$api/tuningjobs")" 'cannot list resource "tuningjobs"'
refused 'a secret' "$(request "$own" GET "/api/v1/namespaces/$ns/secrets")" 'cannot list resource "secrets"'
refused 'a pod' "$(request "$own" POST "/api/v1/namespaces/$ns/pods" json '{}')" 'cannot create resource "pods"'
refused "another namespace's Trials" "$(request "$own" GET "/apis/temper.rs/v1alpha1/namespaces/$other/trials")" 'cannot list resource "trials"'
check 'a pod reads Trials' "$(request "$own" GET "$api/trials/other")" '200 '
check 'an administrator is not held up' "$(kubectl --namespace "$ns" patch trial other --subresource=status --type=merge \
    -p '{"status": {"report": {"attempt": 1, "state": "Failed", "pod": {"name": "x"}}}}' -o name 2>&1)" trial.temper.rs/other

# --- the operator: its work, in its namespaces, and no more -----------------------------------------------------
# shellcheck disable=SC2086  # an argument or none
while read -r wanted verb resource argument; do
    allowed "$wanted" "$operator" "$verb" "$resource" --namespace="$ns" $argument
    [ "$wanted" = no ] || allowed no "$operator" "$verb" "$resource" --namespace="$other" $argument
done <<END
yes watch tuningjobs.temper.rs
yes delete tuningjobs.temper.rs
yes patch tuningjobs.temper.rs --subresource=status
yes create trials.temper.rs
yes deletecollection trials.temper.rs
yes patch trials.temper.rs --subresource=status
yes create trialhistories.temper.rs
yes create pods
yes delete pods
yes deletecollection pods
yes create events.events.k8s.io
yes list events
yes patch serviceaccounts
yes create rolebindings.rbac.authorization.k8s.io
no create tuningjobs.temper.rs
no update tuningjobs.temper.rs
no patch pods
no delete events
no get serviceaccounts
no get secrets
no get configmaps
no create pods --subresource=exec
no get pods --subresource=log
no create serviceaccounts --subresource=token
no create roles.rbac.authorization.k8s.io
no delete rolebindings.rbac.authorization.k8s.io
no create deployments.apps
END
allowed yes "$operator" get "customresourcedefinitions.apiextensions.k8s.io/trials.temper.rs"
allowed no "$operator" list customresourcedefinitions.apiextensions.k8s.io
allowed no "$operator" get nodes
allowed no "$operator" list nodes
allowed yes "$operator" create leases.coordination.k8s.io --namespace="$system"
allowed yes "$operator" update "leases.coordination.k8s.io/$release-temper-operator" --namespace="$system"
allowed no "$operator" update leases.coordination.k8s.io/another --namespace="$system"
escalated=$(as_operator create rolebinding wide --clusterrole=cluster-admin --serviceaccount="$ns:temper-trial" 2>&1 || true)
checks=$((checks + 1))
[[ $escalated == *'attempting to grant RBAC permissions not currently held'* ]] || {
    failures=$((failures + 1))
    echo "FAILED: the operator binds no role but the trials': $escalated"
}

# --- people -----------------------------------------------------------------------------------------------------
for role in view edit admin; do kubectl --namespace "$ns" create rolebinding "$role" --clusterrole=$role --user=$role-er >/dev/null; done
# A controller merges the aggregated roles.
for ((i = 0; i < 60; i++)); do
    [ "$(kubectl auth can-i delete trials.temper.rs --as=admin-er --namespace="$ns" 2>/dev/null)" = yes ] && break
    sleep 0.5
done
# shellcheck disable=SC2086  # an argument or none
while read -r wanted user verb resource argument; do
    allowed "$wanted" "$user" "$verb" "$resource" --namespace="$ns" $argument
done <<END
yes view-er list tuningjobs.temper.rs
yes view-er watch trials.temper.rs
yes view-er get trialhistories.temper.rs
no view-er create tuningjobs.temper.rs
yes edit-er create tuningjobs.temper.rs
yes edit-er patch tuningjobs.temper.rs
yes edit-er delete tuningjobs.temper.rs
yes edit-er list trials.temper.rs
no edit-er patch trials.temper.rs
no edit-er patch trials.temper.rs --subresource=status
no edit-er patch tuningjobs.temper.rs --subresource=status
no edit-er delete trials.temper.rs
yes admin-er create tuningjobs.temper.rs
yes admin-er delete trials.temper.rs
no admin-er patch trials.temper.rs --subresource=status
END

echo "rights: $checks checks, $failures failed"
[ $failures -eq 0 ]
