#!/bin/bash
# The agent's tests that need a real Kubernetes API server or a real S3 server: on the cluster of tests/cluster that
# TEMPER_TEST_KUBECONFIG and TEMPER_TEST_CLUSTER_DIR name, or on one of their own.
#
#   [TEMPER_TEST_KUBECONFIG=... TEMPER_TEST_CLUSTER_DIR=...] tests/agent.sh
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/own-cluster.sh agent 'the agent' k8s pause versitygw
if [ -n "$OWN_CLUSTER" ]; then
    export TEMPER_TEST_CLUSTER_DIR=$OWN_CLUSTER TEMPER_REQUIRE_S3=1
fi
agent() { cargo test --locked -p temper-runner --features pod --test "$@"; }
agent agent -- stores::
agent pod -- --ignored --skip api_server_that_is_away
# It stops the API server, so it is alone.
[ -z "${TEMPER_TEST_CLUSTER_DIR-}" ] || agent pod -- --ignored api_server_that_is_away
