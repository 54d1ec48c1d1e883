#!/bin/bash
# The agent's tests that need a real Kubernetes API server or a real S3 server: on the cluster of tests/cluster that
# TEMPER_TEST_KUBECONFIG and TEMPER_TEST_CLUSTER_DIR name, or on one of their own.
#
#   [TEMPER_TEST_KUBECONFIG=... TEMPER_TEST_CLUSTER_DIR=...] tests/agent.sh
#
# A cluster of their own needs root. Without, they are left out, unless TEMPER_REQUIRE_CLUSTER is set.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${TEMPER_TEST_KUBECONFIG-}" ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "the agent is not tried on a cluster: that needs root, or TEMPER_TEST_KUBECONFIG" >&2
        [ -z "${TEMPER_REQUIRE_CLUSTER-}" ]
        exit
    fi
    export TEMPER_TEST_CLUSTER_DIR=$PWD/target/cluster/agent
    cluster() { tests/cluster/cluster --dir "$TEMPER_TEST_CLUSTER_DIR" "$@"; }
    cluster build k8s pause versitygw
    trap 'cluster down' EXIT
    TEMPER_TEST_KUBECONFIG=$(cluster up)
    export TEMPER_TEST_KUBECONFIG TEMPER_REQUIRE_S3=1
fi
agent() { cargo test --locked -p temper-runner --features pod --test "$@"; }
agent agent -- stores::
agent pod -- --ignored --skip api_server_that_is_away
# It stops the API server, so it is alone.
[ -z "${TEMPER_TEST_CLUSTER_DIR-}" ] || agent pod -- --ignored api_server_that_is_away
