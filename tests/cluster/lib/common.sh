# shellcheck shell=bash
# What every part of `cluster` uses. HERE and ROOT are this folder and the repository's, BIN holds what was built, DIR
# holds one cluster.
# shellcheck disable=SC2034  # used by the other parts

ROOT=$(dirname "$(dirname "$HERE")")
# The image of a pod's sandbox.
PAUSE_IMAGE=temper.test/pause:1
BIN=${TEMPER_CLUSTER_BIN:-$ROOT/target/cluster/bin}
DIR=$(readlink -m "${TEMPER_CLUSTER_DIR:-$ROOT/target/cluster/run}")

die() {
    echo "error: $*" >&2
    exit 1
}

# Waits until a command succeeds: `wait_until SECONDS WHAT COMMAND...`.
wait_until() {
    local seconds=$1 what=$2 deadline
    shift 2
    deadline=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -le "$deadline" ] || die "$what did not happen within $seconds s; the logs lie below $DIR"
        sleep 0.05
    done
}

need_root() {
    [ "$(id -u)" -eq 0 ] || die "this needs root (namespaces, mounts, a bridge); run it with sudo"
}

need_cluster() {
    [ -e "$DIR/cluster.env" ] || die "there is no cluster in $DIR; start one with: cluster --dir $DIR up"
    # shellcheck source=/dev/null
    . "$DIR/cluster.env"
}

# Programs and the Debian packages that hold them. As root, what is missing is installed; otherwise it is named.
need_packages() {
    local missing=() program package
    while read -r program package; do
        [ -x "$program" ] || command -v "$program" >/dev/null || missing+=("$package")
    done <<'LIST'
runc runc
/usr/lib/cni/bridge containernetworking-plugins
iptables iptables
conntrack conntrack
umoci umoci
skopeo skopeo
ip iproute2
nsenter util-linux
openssl openssl
jq jq
faketime faketime
LIST
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "missing here: ${missing[*]} (names of Debian's packages)"
    [ "$(id -u)" -eq 0 ] || die "missing here; run: sudo apt-get install ${missing[*]}"
    echo "installing ${missing[*]}" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
