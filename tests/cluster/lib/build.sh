# shellcheck shell=bash
# Compiling what a cluster is made of. A build is skipped when its inputs are those of the last one.

PARTS=(pause k8s containerd kwok helm versitygw kubeconform busybox python)
VERSITYGW=v1.8.0
KUBECONFORM=v0.8.0
# Kinds of storage that no cluster here uses, each with libraries of its own.
CONTAINERD_TAGS=no_btrfs,no_devmapper,no_zfs

# Runs a build unless $BIN/.NAME notes that it was made of the same inputs: `cached NAME KEY COMMAND...`.
cached() {
    local stamp=$BIN/.$1 key=$2
    [ "$(cat "$stamp" 2>/dev/null)" != "$key" ] || return 0
    local go
    go=$("$HERE/../../scripts/go.sh") || die "there is no Go to build $1 with"
    PATH=$(dirname "$go"):$PATH
    echo "building $1" >&2
    mkdir -p "$BIN"
    rm -f "$stamp"
    "${@:3}"
    echo "$key" >"$stamp"
}

build() {
    local each
    [ $# -gt 0 ] || set -- "${PARTS[@]}"
    for each in "$@"; do
        case $each in
        k8s) cached k8s "$(sha256sum <"$HERE/k8s/main.go") $(cat "$HERE"/k8s/go.* | sha256sum)" build_k8s ;;
        containerd) cached containerd "$(cat "$HERE"/containerd/go.* | sha256sum) $CONTAINERD_TAGS" build_containerd ;;
        kwok) cached kwok "$(cat "$HERE"/kwok/go.* "$HERE/manifests/pod-complete.yaml" | sha256sum)" build_kwok ;;
        helm) cached helm "$(sha256sum <"$HERE/../../scripts/tool.sh")" build_helm ;;
        versitygw) cached versitygw "$VERSITYGW" install_tool github.com/versity/versitygw/cmd/versitygw "$VERSITYGW" ;;
        kubeconform) cached kubeconform "$KUBECONFORM" install_tool github.com/yannh/kubeconform/cmd/kubeconform "$KUBECONFORM" ;;
        busybox | python) cached "$each" "$(sha256sum <"$HERE/lib/test-images.sh")" "build_$each" ;;
        pause) cached pause "$(sha256sum <"$HERE/k8s/pause/main.go")" build_pause ;;
        *) die "there is nothing named '$each' to build; there are ${PARTS[*]}" ;;
        esac
    done
}

build_k8s() {
    local version name
    version=$(cd "$HERE/k8s" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
    local set=k8s.io/component-base/version minor=${version#v1.}
    (cd "$HERE/k8s" && CGO_ENABLED=0 go build -trimpath -o "$BIN/temper-k8s" -ldflags \
        "-s -w -X $set.gitVersion=$version -X $set.gitMajor=1 -X $set.gitMinor=${minor%%.*}" .)
    for name in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
        ln -sf temper-k8s "$BIN/$name"
    done
}

# What runs containers, the process beside each pod, and the client that puts images in.
build_containerd() {
    local version set=github.com/containerd/containerd/v2 name
    version=$(cd "$HERE/containerd" && go list -m -f '{{.Version}}' $set)
    for name in containerd containerd-shim-runc-v2 ctr; do
        (cd "$HERE/containerd" && CGO_ENABLED=0 go build -trimpath -tags "$CONTAINERD_TAGS" -o "$BIN/$name" \
            -ldflags "-s -w -X $set/version.Version=$version" "$set/cmd/$name")
    done
}

# And KWOK's stages: its own but for pod-complete, which is ours.
build_kwok() {
    local stages each
    (cd "$HERE/kwok" && CGO_ENABLED=0 go build -trimpath -o "$BIN/kwok" -ldflags "-s -w" sigs.k8s.io/kwok/cmd/kwok)
    stages=$(cd "$HERE/kwok" && go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
    for each in "$stages"/node/fast/node-initialize.yaml "$stages"/pod/fast/pod-{ready,delete}.yaml \
        "$stages"/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml "$HERE/manifests/pod-complete.yaml"; do
        echo "---"
        cat "$each"
    done >"$BIN/kwok-stages.yaml"
}

# The one that the checks of the chart use.
build_helm() {
    rm -f "$BIN/helm"
    cp "$("$HERE/../../scripts/tool.sh" helm)" "$BIN/helm"
}

install_tool() { GOBIN=$BIN CGO_ENABLED=0 go install -trimpath -ldflags "-s -w" "$1@$2"; }

# The pause program is static: it is also all there is in the image of a pod's sandbox.
build_pause() {
    (cd "$HERE/k8s" && CGO_ENABLED=0 go build -trimpath -o "$BIN/pause" -ldflags "-s -w" ./pause)
    make_image "$PAUSE_IMAGE" "$BIN/pause:/pause" --entrypoint /pause --user 65535 --out "$BIN/pause.tar" >/dev/null
}
