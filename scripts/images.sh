#!/bin/bash
# Makes the images of images/*.Dockerfile without a container engine: OCI archives in target/images, for the test
# cluster (`tests/cluster/cluster load-image`) or any registry (`skopeo copy oci-archive:... docker://...`).
#
#   scripts/images.sh            both
#   scripts/images.sh operator   temper.test/temper:dev, the operator and the agent for trial pods
#   scripts/images.sh torch      temper.test/temper-torch:dev, the built-in models on the libtorch that is in .venv
set -euo pipefail
cd "$(dirname "$0")/.."

size() { # size ARCHIVE NAME
    printf '%-32s %4d MB packed, %4d MB unpacked  %s\n' "$2" $(($(stat -c %s "$1") / 1000000)) "$3" "$1"
}
megabytes() { du --summarize --block-size=1000000 --apparent-size "$1" | cut -f1; }

make_image() { # make_image NAME ROOT ARGUMENT...: an image whose files lie in ROOT
    local name=$1 root=$2 archive
    archive=target/images/$(basename "${name%%:*}").tar
    shift 2
    mkdir -p target/images
    tests/cluster/cluster make-image "$name" --out "$PWD/$archive" --base "$root" --user 65532:65532 "$@" >/dev/null
    size "$archive" "$name" "$(megabytes "$root")"
}

operator() {
    local root built
    root=$(mktemp -d)
    scripts/static.sh
    built=target/$(uname -m)-unknown-linux-gnu/release
    install -D "$built/temper" "$root/usr/local/bin/temper"
    install "$built/temper-runner" "$root/temper-runner"
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    make_image temper.test/temper:dev "$root" --entrypoint /usr/local/bin/temper --entrypoint operator
    rm -r "$root"
}

torch() {
    local root site library target
    root=$(mktemp -d)
    scripts/setup-torch.sh >/dev/null
    cargo build --release --locked --quiet -p temper-runner --features torch
    install -D target/release/temper-runner "$root/usr/local/bin/temper-runner"
    install -d -m 1777 "$root/tmp"
    # What the loader would load: libtorch's libraries keep their places relative to one another, the system's theirs.
    site=$(dirname "$(readlink -f .venv/libtorch)")
    ldd target/release/temper-runner | sed -n 's/.*[[:space:]]\(\/[^ ]*\) (0x.*/\1/p' | while read -r library; do
        case $(readlink -f "$(dirname "$library")")/ in
        "$site"/*) target=/opt/temper$(readlink -f "$(dirname "$library")" | sed "s|^$site||")/$(basename "$library") ;;
        *) target=$library ;;
        esac
        install -D -m 755 "$library" "$root$target"
    done
    mkdir -p "$root/usr/share/datasets"
    scripts/setup-data.sh >/dev/null
    cp -aL "${TEMPER_IMAGE_DATA:-/usr/share/datasets/fashion-mnist}" "$root/usr/share/datasets/"
    make_image temper.test/temper-torch:dev "$root" --entrypoint temper-runner --env LD_LIBRARY_PATH=/opt/temper/torch/lib \
        --env NVIDIA_DRIVER_CAPABILITIES=compute,utility
    rm -r "$root"
}

case ${1-both} in
both)
    operator
    torch
    ;;
operator | torch) "$1" ;;
*)
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
