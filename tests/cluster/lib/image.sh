# shellcheck shell=bash
# Container images without a container engine: umoci writes the layers, skopeo the archive, containerd's ctr reads it.

make_image() {
    local name='' out='' base='' user='' files=() entrypoint=() settings=() each target
    while [ $# -gt 0 ]; do
        case $1 in
        --out) out=$2 && shift 2 ;;
        --base) base=$2 && shift 2 ;;
        --user) user=$2 && shift 2 ;;
        --entrypoint) entrypoint+=(--config.entrypoint "$2") && shift 2 ;;
        --env) settings+=(--config.env "$2") && shift 2 ;;
        --workdir) settings+=(--config.workingdir "$2") && shift 2 ;;
        -*) die "make-image: there is no option '$1'" ;;
        *) if [ -z "$name" ]; then name=$1; else files+=("$1"); fi && shift ;;
        esac
    done
    [[ $name == */*:* ]] || die "make-image: a name is REGISTRY/NAME:TAG, for instance temper.test/trial:1"
    need_packages
    out=${out:-$ROOT/target/cluster/images/$(tr / _ <<<"$name").tar}
    local work
    work=$(mktemp -d)
    # shellcheck disable=SC2064  # the folder of now
    trap "rm -rf '$work'" RETURN
    mkdir -p "$work/root" "$(dirname "$out")"
    if [ -n "$base" ] && [ "$base" != none ]; then cp -a "$base/." "$work/root/"; fi
    for each in "${files[@]}"; do
        target=${each#*:}
        [[ $each == *:* ]] || target=/$(basename "$each")
        mkdir -p "$work/root$(dirname "$target")"
        cp -aL "${each%%:*}" "$work/root$target"
    done
    [ -z "$user" ] || settings+=(--config.user "$user")
    umoci init --layout "$work/layout"
    umoci new --image "$work/layout:image"
    umoci insert --image "$work/layout:image" "$work/root" / >/dev/null
    umoci config --image "$work/layout:image" --config.env PATH=/usr/local/bin:/usr/bin:/bin:/sbin \
        "${entrypoint[@]}" "${settings[@]}"
    rm -f "$out"
    skopeo copy --quiet "oci:$work/layout:image" "oci-archive:$out:$name"
    echo "$out"
}

load_image() {
    local archive node waiting=()
    need_root
    need_cluster
    [ $# -gt 0 ] || die "load-image: name an OCI archive"
    for archive in "$@"; do
        [ -r "$archive" ] || die "load-image: there is no file $archive"
        for node in $(node_names); do
            image_import "$node" <"$archive" &
            waiting+=($!)
        done
    done
    for each in "${waiting[@]}"; do wait "$each" || die "load-image: containerd refused an archive (see above)"; done
}
