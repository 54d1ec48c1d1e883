#!/bin/bash
# Builds the static binaries, which run in an image that holds nothing else, and prints their sizes.
#
#   scripts/static.sh          both
#   scripts/static.sh runner   temper-runner, the agent for trial pods
#   scripts/static.sh operator temper, the operator and command line
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(uname -m)-unknown-linux-gnu
export RUSTFLAGS="-C target-feature=+crt-static"

report() { # report FILE: refuses one that needs anything of its image
    if file -L "$1" 2>/dev/null | grep -q 'dynamically linked, interpreter' || ldd "$1" 2>/dev/null | grep -q '=>'; then
        echo "$1 is not static" >&2
        exit 1
    fi
    printf '%-16s %5.1f MB  %s\n' "$(basename "$1")" "$(($(stat -c %s "$1") / 100000))e-1" "$1"
}

# Small, since it is copied into every trial pod. A panic in any of its threads ends it, and so the pod: an agent that
# has lost a part of itself must not hold on to its node.
runner() {
    CARGO_PROFILE_RELEASE_OPT_LEVEL=s CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
        CARGO_PROFILE_RELEASE_PANIC=abort CARGO_PROFILE_RELEASE_STRIP=symbols \
        cargo build --release --locked --quiet -p temper-runner --features pod --target "$target"
    report "target/$target/release/temper-runner"
}

operator() {
    cargo build --release --locked --quiet -p temper-operator --target "$target"
    report "target/$target/release/temper"
}

case ${1-both} in
both)
    runner
    operator
    ;;
runner | operator) "$1" ;;
*)
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
