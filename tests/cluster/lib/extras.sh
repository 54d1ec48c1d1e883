# shellcheck shell=bash
# What some tests need beside the cluster: simulated nodes, a real S3 server.

# Adds simulated nodes fake-0 ... to the cluster. Only pods that tolerate their taint go there.
kwok_nodes() {
    local each kubelet runtime
    build kwok
    daemon_runs control kwok || daemon_start control kwok "$BIN/kwok" --kubeconfig "$DIR/admin.kubeconfig" \
        --config "$BIN/kwok-stages.yaml" --manage-all-nodes=false \
        --manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake \
        --node-lease-duration-seconds=40 --cidr=10.100.0.0/16
    read -r kubelet runtime < <(kubectl get node node-1 -o \
        jsonpath='{.status.nodeInfo.kubeletVersion} {.status.nodeInfo.containerRuntimeVersion}{"\n"}')
    for each in $(seq 0 $(($1 - 1))); do
        echo "---"
        sed -e "s/NAME/fake-$each/" -e "s/KUBELET/$kubelet/" -e "s|RUNTIME|$runtime|" "$HERE/manifests/fake-node.yaml"
    done | kubectl apply --server-side -f - >/dev/null
    wait_until 60 "the simulated nodes being ready" kwok_ready "$1"
}

kwok_ready() {
    [ "$(kubectl get nodes -l kwok.x-k8s.io/node=fake --no-headers | grep -c ' Ready ')" -ge "$1" ]
}

# A real S3 server on the control plane's machine with a bucket `temper`, its objects below DIR/s3; prints how to reach it, from the host and
# from pods alike.
s3() {
    local user=temper password=temper-secret
    build versitygw
    mkdir -p "$DIR/s3"
    daemon_runs control versitygw || daemon_start control versitygw \
        env ROOT_ACCESS_KEY="$user" ROOT_SECRET_KEY="$password" "$BIN/versitygw" --port "$SUBNET.2:7070" posix "$DIR/s3"
    [ -d "$DIR/s3/temper" ] || wait_until 20 "the making of the bucket temper" curl --silent --fail --max-time 2 --request PUT \
        --aws-sigv4 aws:amz:us-east-1:s3 --user "$user:$password" --header "x-amz-content-sha256: UNSIGNED-PAYLOAD" \
        "http://$SUBNET.2:7070/temper"
    cat <<ENV
AWS_ENDPOINT_URL=http://$SUBNET.2:7070
AWS_ACCESS_KEY_ID=$user
AWS_SECRET_ACCESS_KEY=$password
AWS_REGION=us-east-1
AWS_ALLOW_HTTP=true
ENV
}
