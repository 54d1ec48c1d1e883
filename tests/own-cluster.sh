# shellcheck shell=bash
# For scripts that try something on a cluster, at the root of the repository: leaves one to them in
# TEMPER_TEST_KUBECONFIG, the one that was named there or one of their own, which goes when they end.
#
#   . tests/own-cluster.sh NAME WHAT [PART...]
#
# NAME: of the folder below target/cluster for one of their own; WHAT: what is tried, in words; PART: what of
# `tests/cluster/cluster build` it needs. A cluster of their own needs root. Without, the script ends here, and fails if
# TEMPER_REQUIRE_CLUSTER is set. OWN_CLUSTER is set for one of their own, and `cluster` does things with it.
name=$1 what=$2
shift 2
OWN_CLUSTER=
if [ -z "${TEMPER_TEST_KUBECONFIG-}" ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "$what is not tried on a cluster: that needs root, or TEMPER_TEST_KUBECONFIG" >&2
        [ -z "${TEMPER_REQUIRE_CLUSTER-}" ]
        exit
    fi
    OWN_CLUSTER=$PWD/target/cluster/$name
    cluster() { tests/cluster/cluster --dir "$OWN_CLUSTER" "$@"; }
    cluster build "$@"
    trap 'cluster down' EXIT
    TEMPER_TEST_KUBECONFIG=$(cluster up)
    export TEMPER_TEST_KUBECONFIG
fi
