# shellcheck shell=bash
# The cluster's certificates, below DIR/pki: elliptic keys, since a dozen of them take a tenth of a second.

# certificate NAME SUBJECT [EXTENSION...]: DIR/pki/NAME.crt and .key, signed by the cluster's authority.
certificate() {
    local pki=$DIR/pki name=$1 subject=$2
    [ ! -e "$pki/$name.crt" ] || return 0
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "$subject" \
        -keyout "$pki/$name.key" 2>>"$pki/openssl.log" |
        openssl x509 -req -days 365 -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -out "$pki/$name.crt" \
            -extfile <(printf '%s\n' "extendedKeyUsage=clientAuth,serverAuth" "${@:3}") 2>>"$pki/openssl.log"
}

# kubeconfig FILE CERTIFICATE: how a component reaches the API server.
kubeconfig() {
    local pki=$DIR/pki
    cat >"$1" <<CONFIG
apiVersion: v1
kind: Config
clusters:
- name: temper
  cluster: {server: "https://$SUBNET.2:6443", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}
users:
- name: $2
  user: {client-certificate-data: $(base64 -w0 "$pki/$2.crt"), client-key-data: $(base64 -w0 "$pki/$2.key")}
contexts:
- name: temper
  context: {cluster: temper, user: $2}
current-context: temper
CONFIG
}

control_certificates() {
    local pki=$DIR/pki
    mkdir -p "$pki"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj /CN=temper-ca \
        -keyout "$pki/ca.key" -out "$pki/ca.crt" 2>>"$pki/openssl.log"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$pki/service-account.key"
    openssl pkey -in "$pki/service-account.key" -pubout -out "$pki/service-account.pub"
    local names=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost
    certificate apiserver /CN=kube-apiserver "subjectAltName=$names,IP:127.0.0.1,IP:10.96.0.1,IP:$SUBNET.2"
    certificate kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
    certificate admin /O=system:masters/CN=admin
    certificate controller-manager /CN=system:kube-controller-manager
    certificate scheduler /CN=system:kube-scheduler
    certificate proxy /CN=system:kube-proxy
    local each
    for each in admin controller-manager scheduler proxy; do kubeconfig "$DIR/pki/$each.kubeconfig" "$each"; done
    cp "$pki/admin.kubeconfig" "$DIR/admin.kubeconfig"
}
